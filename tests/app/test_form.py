"""What visitors enter is checked before a network sees it, and files stay in memory."""

import asyncio
from io import BytesIO
from pathlib import Path

import pytest
from starlette.datastructures import FormData, UploadFile

from camchex.app.form import MOST_LETTERS, Form, read_form, unique
from camchex.app.line import MOST_WAITING, BusyError, Line
from camchex.app.memory import memory_files, with_names
from camchex.errors import DataError
from tests.app.trial import png


def read(*pairs: tuple[str, str | UploadFile]) -> Form:
    return asyncio.run(read_form(FormData(pairs)))


def upload(name: str) -> UploadFile:
    return UploadFile(BytesIO(png()), filename=name)


def test_what_is_left_out_is_not_known() -> None:
    empty = [("indication", " "), ("gender", ""), ("temperature_f", ""), ("finding", "")]
    assert read(*empty) == read() == Form(vitals={})


def test_values_are_read_by_their_columns() -> None:
    found = read(("temperature_f", "101.2"), ("heart_rate_bpm", " 90 "), ("gender", "F"))
    assert found.vitals == {"temperature_f": 101.2, "heart_rate_bpm": 90.0}
    assert found.gender == "F"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("temperature_f", "38.4", "Temperature '38.4' looks like degrees Celsius.*101.1"),
        ("heart_rate_bpm", "fast", "Heart rate 'fast': expected a number above 0"),
        ("heart_rate_bpm", "1_0_0", "Heart rate '1_0_0': expected a number above 0"),
        ("heart_rate_bpm", "\uff19\uff18", "Heart rate .*: expected a number above 0"),
        ("o2_saturation_pct", "-1", "O2 Saturation '-1': expected a number above 0"),
        ("systolic_bp_mmhg", "nan", "Systolic BP 'nan': expected a number above 0"),
        ("gender", "X", "Sex 'X'; expected F or M"),
        ("indication", "a" * (MOST_LETTERS + 1), "2,001 letters; at most 2,000"),
        ("view", "frontal", "0 images, and 1 view"),
        ("o2sat", "91", "'o2sat' is no field; known: diastolic_bp_mmhg"),
    ],
)
def test_what_would_be_misread_is_refused(name: str, value: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read((name, value))


def test_an_image_has_the_view_beside_it() -> None:
    files = [("image", upload("C:\\x\\pa.png")), ("image", upload("pa.png"))]
    found = read(*files, ("view", "lateral"), ("view", ""))
    assert [(one.name, one.view) for one in found.images] == [
        ("pa.png", "lateral"), ("pa.png (2)", None),
    ]  # fmt: skip
    assert found.images[0].content == png()
    with pytest.raises(DataError, match=r"pa\.png: view 'above'"):
        read(files[1], ("view", "above"))


def test_names_are_told_apart_and_never_paths() -> None:
    assert unique(["a", "../a", "", "b" * 200]) == ["a", "a (2)", "image", "b" * 80]


def test_a_file_in_memory_is_read_like_any_other_and_is_in_no_folder() -> None:
    with memory_files([b"one", b"two" * 1000]) as paths:
        assert [path.read_bytes() for path in paths] == [b"one", b"two" * 1000]
        assert len({path.resolve() for path in paths}) == 2
        assert not any(path.resolve().exists() for path in paths)
    assert not any(path.exists() for path in paths)


def test_a_path_gives_way_to_the_name_that_a_visitor_knows() -> None:
    names = {Path("/proc/self/fd/1"): "a.png", Path("/proc/self/fd/12"): "b.png"}
    said = with_names("/proc/self/fd/12: empty; /proc/self/fd/1: damaged", names)
    assert said == "b.png: empty; a.png: damaged"


def test_visitors_are_served_in_the_order_in_which_they_came() -> None:
    async def visit() -> list[int]:
        line = Line()
        first, second, third = (line.join() for _ in range(3))
        before = [line.before(third)]
        waiting = asyncio.create_task(line.moved())
        await asyncio.sleep(0)
        line.leave(second)  # somebody gives up
        await waiting
        before.append(line.before(third))
        line.leave(first)
        return [*before, line.before(third)]

    assert asyncio.run(visit()) == [2, 1, 0]


def test_a_line_that_is_full_says_so() -> None:
    line = Line()
    for _ in range(MOST_WAITING + 1):
        line.join()
    with pytest.raises(BusyError, match="8 studies are waiting"):
        line.join()


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([("indication", "fever"), ("indication", "cough")], "'indication' is given several times"),
        ([("temperature_f", "98"), ("temperature_f", "104")], "'temperature_f' is given several"),
        ([("indication", upload("a.txt"))], "'indication': expected text"),
        ([("view", upload("a.txt")), ("image", upload("a.png"))], "'view': expected text"),
        ([("image", "a.png")], "'image': expected a file"),
    ],
)
def test_nothing_that_was_sent_is_left_unread(
    pairs: list[tuple[str, str | UploadFile]], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        read(*pairs)
