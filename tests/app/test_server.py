"""What the server of the page answers, and that it keeps, logs and loads nothing."""

import asyncio
import logging
import os
import re
import sys
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from camchex.app.form import MOST_BYTES, Form, Upload
from camchex.app.server import Page, WithoutWhatWasAsked, listen
from camchex.app.worker import Tried, Worker
from camchex.app.worker import load as load_tried
from camchex.errors import DataError, ModelError
from camchex.prediction.one_study import StudyInput, load, predict_study
from camchex.scores.calibration_file import read_calibration
from tests.app import stand_in
from tests.app.trial import answers, dicom_file, png, write_model
from tests.here import Here
from tests.networks.small import CLASSES

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no files in memory here")
TEXTS = {"indication": "fall, rib pain", "temperature_f": "101.2", "gender": "F"}
FORM = Form(images=(Upload("pa.png", png(), "frontal"),))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "small")


@pytest.fixture(scope="module")
def worker(model: Path) -> Iterator[Worker]:
    """Works in this process; ``test_page.py`` has one of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("camchex.app.worker.ProcessPoolExecutor", Here)
        worker = Worker(Tried(model))
    yield worker
    worker.stop()


@pytest.fixture
def page(worker: Worker) -> TestClient:
    return TestClient(Page(worker).app("127.0.0.1"), base_url="http://127.0.0.1:8080")


def read(page: TestClient, *files: tuple[str, bytes, str], **texts: str) -> dict[str, str]:
    return answers(sent(page, *files, **texts).text)


def sent(page: TestClient, *files: tuple[str, bytes, str], **texts: str) -> Response:
    parts: list[tuple[str, tuple[str | None, bytes | str]]]
    parts = [("image", (name, content)) for name, content, _ in files]
    parts += [("view", (None, view)) for *_, view in files]
    parts += [(name, (None, text)) for name, text in texts.items()]
    return page.post("/read", files=parts)


def test_the_numbers_are_those_of_the_command_line(
    page: TestClient, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "pa.png").write_bytes(png())
    study = StudyInput(
        [(tmp_path / "pa.png", "frontal")], "fall, rib pain", {"temperature_f": 101.2}, "F"
    )
    fitted = read_calibration(model / "calibration.json")
    expected = fitted.calibrated(predict_study(load(model), study))
    found = read(page, ("pa.png", png(), "frontal"), **TEXTS)
    pairs = re.findall(r'"name">(.*?)<.*?"probability">(.*?)<', found["numbers"], re.DOTALL)
    ranked = sorted(expected.items(), key=lambda item: -item[1])
    assert pairs == [(name, f"{value:.3f}") for name, value in ranked]
    assert f"<h2>{ranked[0][0]}</h2>" in found["reasons"]
    missing = found["numbers"].partition("Not given: ")[2].partition(".</p>")[0]
    assert missing.startswith("lateral image, Heart rate, ")
    assert "pa.png, frontal (given)" in found["numbers"]


def test_thresholds_decide_where_there_are_any(page: TestClient) -> None:
    html = read(page, ("pa.png", png(), "frontal"))["numbers"]
    items = {name: text for text in html.split("<li>")[1:] for name in CLASSES if name in text}
    assert "F1 ≥ 0.050: yes" in items["Edema"]
    assert "Spec. ≥ 1.000: no" in items["Edema"]
    assert "too few studies for a threshold" in items["Mass"]


def test_another_finding_is_explained_when_it_is_asked_for(page: TestClient) -> None:
    found = read(page, ("pa.png", png(), "frontal"), **TEXTS, finding="Fracture")
    assert "numbers" not in found
    assert "<h2>Fracture</h2>" in found["reasons"]
    assert "What changes when one input is left out" in found["reasons"]
    error = read(page, ("pa.png", png(), "frontal"), finding="Cold")["error"]
    assert "the model knows Edema, Fracture, Mass" in error


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("notes.txt", b"hello, these are notes", "notes.txt: not a JPEG, PNG or DICOM file"),
        ("cut.png", png()[:200], "cut.png: damaged or cut short"),
        ("empty.png", b"", "empty.png: empty file"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(
    page: TestClient, name: str, content: bytes, said: str
) -> None:
    error = read(page, ("pa.png", png(), "frontal"), (name, content, "lateral"))["error"]
    assert error.startswith(said)
    assert "/proc/" not in error


def test_a_view_that_nobody_says_is_asked_for(page: TestClient) -> None:
    error = read(page, ("pa.png", png(), ""))["error"]
    assert error.startswith("pa.png: no view is given")
    assert "Say its view" in error


def test_the_header_of_a_dicom_file_says_its_view(page: TestClient, tmp_path: Path) -> None:
    found = read(page, ("a.dcm", dicom_file(tmp_path, ViewPosition="LL"), ""))
    assert "a.dcm, lateral (ViewPosition)" in found["numbers"]
    knee = dicom_file(tmp_path, ViewPosition="AP", BodyPartExamined="KNEE")
    error = read(page, ("b.dcm", knee, "frontal"))["error"]
    assert error == "b.dcm: not read: another body part: KNEE. Leave it out."


def test_a_study_without_an_image_is_refused(page: TestClient) -> None:
    assert read(page, **TEXTS)["error"] == "not enough to go on: no image"


def test_a_value_that_would_be_misread_is_refused_at_once(page: TestClient) -> None:
    found = sent(page, temperature_f="38.4")
    assert found.status_code == 400
    assert "looks like degrees Celsius" in found.json()["error"]


def test_what_a_visitor_says_is_text_on_the_page(page: TestClient) -> None:
    name = "<script>alert(1).png"
    found = read(page, (name, png(), "frontal"), indication="<script>alert(2)</script>")
    assert "<script" not in found["numbers"] + found["reasons"]
    assert "&lt;script&gt;alert(1).png" in found["numbers"]


def test_a_study_that_is_too_large_is_refused(page: TestClient) -> None:
    assert sent(page, ("a.png", bytes(MOST_BYTES + 1), "frontal")).status_code == 413
    found = sent(page, *((f"{n}.png", b"1", "frontal") for n in range(9)))
    assert found.status_code == 400
    assert "8" in found.json()["error"]


@pytest.mark.parametrize("path", ["/", "/page.css", "/page.js", "/examples/0/1", "/examples/9/9"])
def test_every_answer_forbids_other_addresses_and_copies(page: TestClient, path: str) -> None:
    found = page.get(path)
    assert found.status_code == (404 if path == "/examples/9/9" else 200)
    assert found.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in found.headers["content-security-policy"]
    assert "set-cookie" not in found.headers
    assert not re.search(rb"https?://", found.content)


def test_pages_from_elsewhere_are_kept_out(page: TestClient, worker: Worker) -> None:
    assert page.get("/", headers={"host": "evil.example"}).status_code == 400
    for origin in ("cross-site", "same-site"):  # the second also from another port of this machine
        elsewhere = page.post("/read", data=TEXTS, headers={"sec-fetch-site": origin})
        assert elsewhere.status_code == 403
    for own in ("localhost:8080", "[::1]:8080", "127.0.0.1"):
        assert page.get("/", headers={"host": own}).status_code == 200
    # Nothing listens: the address is only told.
    everywhere = TestClient(Page(worker).app("0.0.0.0"), base_url="http://a.name")  # noqa: S104
    assert everywhere.get("/").status_code == 200


def test_the_examples_are_invented_studies_that_can_be_read(
    page: TestClient, worker: Worker
) -> None:
    assert [len(example.images) for example in worker.about.examples] == [2, 2, 1, 2]
    for study, example in enumerate(worker.about.examples):
        files = [
            (one.name, page.get(f"/examples/{study}/{n}").content, one.view)
            for n, one in enumerate(example.images)
        ]
        values = {name: str(value) for name, value in (example.vitals or {}).items()}
        texts = {"indication": example.indication, "gender": example.gender, **values}
        assert "reasons" in read(page, *files, **texts)


def test_a_second_visitor_waits_and_is_told_so(worker: Worker) -> None:
    page = Page(worker)

    async def visit() -> tuple[list[str], list[str]]:
        said: tuple[list[str], list[str]] = ([], [])

        async def one(lines: list[str]) -> None:
            lines.extend([line async for line in page._answer(FORM)])

        await asyncio.gather(*(one(lines) for lines in said))
        return said

    first, second = asyncio.run(visit())
    assert [*answers("".join(first))] == ["step", "numbers", "reasons"]
    assert second[0] == '{"before": 1}\n'
    assert answers("".join(second))["numbers"] == answers("".join(first))["numbers"]


def test_a_visitor_who_leaves_lets_the_next_one_in(worker: Worker) -> None:
    page = Page(worker)

    async def visit() -> list[str]:
        leaves = page._answer(FORM)
        assert "step" in await anext(leaves)
        computing = asyncio.ensure_future(anext(leaves))
        await asyncio.sleep(0)  # until it waits for the model, and before that has answered
        computing.cancel()
        await asyncio.wait([computing])
        return [line async for line in page._answer(FORM)]

    assert "reasons" in answers("".join(asyncio.run(visit())))


def test_a_model_that_cannot_be_loaded_is_an_error_with_its_name(
    worker: Worker, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=re.escape(str(tmp_path / "no"))):
        worker.submit(load_tried, Tried(tmp_path / "no")).result()


def test_a_process_that_is_killed_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("camchex.app.worker.load", stand_in.load)
    worker = Worker(Tried(Path("model")))
    page = Page(worker)
    with pytest.raises(BrokenProcessPool):
        worker.submit(os._exit, 1).result()

    async def visit() -> dict[str, str]:
        return answers("".join([line async for line in page._answer(FORM)]))

    assert "loaded again" in asyncio.run(visit())["error"]
    assert asyncio.run(visit()) == {
        "step": "explaining Edema", "numbers": "<p>0.5</p>", "reasons": "<h2>Edema</h2>",
    }  # fmt: skip
    worker.stop()


@pytest.mark.enable_socket
def test_an_address_in_use_is_named_with_what_to_do() -> None:
    with (
        listen("127.0.0.1", 0) as taken,
        pytest.raises(DataError, match="Name another with --host or --port"),
    ):
        listen("127.0.0.1", taken.getsockname()[1])


def test_the_log_of_an_error_does_not_quote_a_visitor() -> None:
    try:
        int("fall, rib pain")
    except ValueError:
        record = logging.LogRecord("uvicorn.error", 40, "f", 1, "ASGI", (), sys.exc_info())
    assert "rib pain" in logging.Formatter().format(record)
    record.exc_text = None
    WithoutWhatWasAsked().filter(record)
    said = logging.Formatter().format(record)
    assert "rib pain" not in said
    assert re.fullmatch(r"ValueError in .*test_server\.py, line \d+", said)
