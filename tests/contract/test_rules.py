"""What is no canonical table is refused where it is written and where it is read."""

import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camchex.contract import rules, schemas, tables
from camchex.errors import DataError

LABELS = schemas.labels(["Edema"])
Change = Callable[[pa.Table], pa.Table]


def labels(*rows: tuple[str, str, float | None]) -> pa.Table:
    names = ("dataset", "image_id", "Edema")
    return pa.Table.from_pylist([dict(zip(names, r, strict=True)) for r in rows], schema=LABELS)


GOOD = labels(("far", "a", 1.0), ("far", "b", None), ("mimic", "a", 0.0))


def cast(column: str, kind: pa.DataType) -> Change:
    def changed(table: pa.Table) -> pa.Table:
        at = table.column_names.index(column)
        return table.set_column(at, column, table[column].cast(kind))

    return changed


WRONG = {
    "no number": (
        labels(("far", "a", math.nan)),
        "'Edema': 1 wrong values, the first nan in row 0",
    ),
    "no label": (
        labels(("far", "a", 0.5)),
        "'Edema': 1 wrong values, the first 0.5 in row 0 .image_id a.; expected one of 0, 1",
    ),
    "twice": (
        labels(("far", "a", 1.0), ("far", "a", 1.0)),
        "'image_id': 1 wrong values, the first 'a' in row 1; expected every id",
    ),
    "out of order": (
        labels(("far", "b", 1.0), ("far", "a", 1.0)),
        "'image_id': 1 wrong values, the first 'a' in row 1; expected sorted",
    ),
    "blank": (labels(("far", "", 1.0)), "'image_id': 1 wrong values, the first '' in row 0; expe"),
    "padded": (labels(("far", "a\u00a0", 1.0)), "'image_id': 1 wrong values, the first 'a.xa0'"),
    "not missing": (labels(("far", "NULL", 1.0)), "'image_id': 1 wrong values, the first 'NULL'"),
    "null": (labels(("far", None, 1.0)), "'image_id': 1 nulls, the first in row 0; none may"),
    "of floats": (cast("Edema", pa.float64())(GOOD), "'Edema': is of type double, expected float"),
    "large": (cast("image_id", pa.large_string())(GOOD), "'image_id': is of type large_string"),
    "too few": (GOOD.drop_columns("Edema"), "'Edema': missing .float.: 1, 0; null"),
    "too many": (GOOD.append_column("x", pa.nulls(3)), "'x': is not a column of this table"),
    "doubled": (GOOD.append_column("Edema", GOOD["Edema"]), "'Edema': is there several times"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_on_the_way_in_and_out(case: str, tmp_path: Path) -> None:
    table, expected = WRONG[case]
    path = tmp_path / "labels.parquet"
    with pytest.raises(DataError, match=rf"labels\.parquet: column {expected}"):
        tables.write(table, path, LABELS)
    assert not path.exists()
    pq.write_table(pa.table(table.columns, names=table.column_names), path)  # all may be null
    with pytest.raises(DataError, match=rf"labels\.parquet: column {expected}"):
        tables.read(path, LABELS)


def test_ids_that_went_through_floats_are_to_be_read_again(tmp_path: Path) -> None:
    studies = pa.table({"study_id": [5.0], "patient_id": ["1"], "split": pa.nulls(1, pa.string())})
    when = pa.array([datetime(2150, 1, 1)], pa.timestamp("ms"))
    pq.write_table(studies.append_column("study_time", when), tmp_path / "s.parquet")
    with pytest.raises(DataError, match="is of type double, expected string: a float may have los"):
        tables.read(tmp_path / "s.parquet", schemas.STUDIES)


def test_tables_of_other_programs_are_read_whatever_their_order_of_columns(tmp_path: Path) -> None:
    bare = pa.table({name: GOOD[name] for name in reversed(GOOD.column_names)})
    bare = bare.cast(pa.schema([pa.field(f.name, f.type) for f in bare.schema]))  # all may be null
    pq.write_table(bare, tmp_path / "labels.parquet")
    assert tables.read(tmp_path / "labels.parquet", LABELS).equals(GOOD)


@given(st.lists(st.text("abc", min_size=1, max_size=2), max_size=6))
@settings(max_examples=40)
def test_rows_are_sorted_and_told_apart_by_their_key(names: list[str]) -> None:
    table = labels(*(("far", name, 1.0) for name in names))
    found = list(rules.problems(table, LABELS))
    assert bool(found) == (names != sorted(set(names)))
    in_any_order = list(rules.problems(table, LABELS, in_order=False))
    assert bool(in_any_order) == (len(names) != len(set(names)))


@given(st.lists(st.tuples(st.sampled_from(["a", "a-", "b"]), st.sampled_from(["a", "-", "b"]))))
@settings(max_examples=40)
def test_ids_tell_rows_apart_within_a_data_set(rows: list[tuple[str, str]]) -> None:
    table = labels(*((dataset, image, 1.0) for dataset, image in rows))
    assert bool(list(rules.problems(table, LABELS))) == (rows != sorted(set(rows)))


@pytest.mark.parametrize("left", [0, 3, 0.5, 0.99])
def test_a_cut_file_is_named(tmp_path: Path, left: float) -> None:
    path = tmp_path / "labels.parquet"
    tables.write(GOOD, path, LABELS)
    content = path.read_bytes()
    path.write_bytes(content[: int(left if left > 1 else left * len(content))])
    with pytest.raises(DataError, match=r"labels\.parquet: not a Parquet file, or damaged"):
        tables.read(path, LABELS)


def test_a_folder_and_a_missing_file_are_called_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder, expected a Parquet file"):
        tables.read(tmp_path, LABELS)
    with pytest.raises(DataError, match=r"none\.parquet: no such file"):
        tables.read(tmp_path / "none.parquet", LABELS)


def test_no_flipped_bit_changes_a_value(tmp_path: Path) -> None:
    """Every 17th bit of a small table: refused, or the table is as it was."""
    path = tmp_path / "labels.parquet"
    tables.write(GOOD, path, LABELS)
    content = path.read_bytes()
    start = content.index(b"ARROW:schema")  # from here on, descriptions and an index of the file
    for bit in range(0, 8 * start, 17):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            assert tables.read(path, LABELS).equals(GOOD), bit
        except DataError as error:
            assert str(error).startswith(str(path))  # noqa: PT017


def test_text_that_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.parquet"
    latin = pa.array([b"Zo\xeb"]).view(pa.string())
    table = pa.table({"dataset": ["far"], "image_id": latin, "Edema": pa.nulls(1, pa.float32())})
    pq.write_table(table, path)
    with pytest.raises(DataError, match="not a Parquet file, or damaged"):
        tables.read(path, LABELS)


def image(**change: object) -> tuple[pa.Schema, dict[str, object]]:
    names = ("dataset", "image_id", "patient_id", "study_id", "path")
    return schemas.IMAGES, {
        **dict.fromkeys(names, "a"),
        "view": "frontal",
        "view_source": "x",
    } | change


def study(**change: object) -> tuple[pa.Schema, dict[str, object]]:
    row = {"study_id": "a", "patient_id": "a", "study_time": datetime(2150, 1, 1)}
    return schemas.STUDIES, row | change


def indication(**change: object) -> tuple[pa.Schema, dict[str, object]]:
    return schemas.INDICATIONS, {"study_id": "a", "findings_suspected": False} | change


def cohort(**change: object) -> tuple[pa.Schema, dict[str, object]]:
    ids = {"study_id": "a", "patient_id": "a", "split": "train", "vitals_text": "x"}
    lists = {"image_ids": ["a", "b"], "views": ["frontal", "lateral"]}
    return schemas.cohort(["Edema"]), ids | lists | change


def view(**change: float) -> tuple[pa.Schema, dict[str, object]]:
    right = {"image_id": "a", "confidence": 0.5, "inverted": 0.0, "upside_down": 1.0}
    return schemas.VIEWS, right | change


def prediction(value: float) -> tuple[pa.Schema, dict[str, object]]:
    return schemas.predictions(["Edema"]), {"study_id": "a", "split": "test", "Edema": value}


RIGHT = [
    image(rows=1, columns=2**31 - 1, view_position="PA"),
    study(),
    indication(indication_raw=" cough\n\tfever\x0c", indication="none"),
    cohort(),
    view(),
    prediction(1.0),
]
HELD = {
    "no height": (image(rows=0), "rows"),
    "a negative width": (image(columns=-5), "columns"),
    "a blank source": (image(view_source="   "), "view_source"),
    "a path from the root": (image(path="/data/a.jpg"), "path"),
    "a blank path": (image(path="\u00a0"), "path"),
    "a word for no position": (image(view_position="nan"), "view_position"),
    "a part of a second": (study(study_time=datetime(2150, 1, 1, 0, 0, 0, 500_000)), "study_time"),
    "a blank indication": (indication(indication=""), "indication"),
    "spaces for an indication": (indication(indication="  "), "indication"),
    "a NUL in an indication": (indication(indication="co\0ugh"), "indication"),
    "a bell in a report": (indication(indication_raw="co\x07ugh"), "indication_raw"),
    "no image": (cohort(image_ids=[], views=[]), "image_ids"),
    "a null among the images": (cohort(image_ids=["a", None]), "image_ids"),
    "no id among the images": (cohort(image_ids=["a", "nan"]), "image_ids"),
    "an image twice": (cohort(image_ids=["a", "a"]), "image_ids"),
    "fewer views than images": (cohort(views=["frontal"]), "views"),
    "a view that is none": (cohort(views=["frontal", "AP"]), "views"),
    "a confidence of 7": (view(confidence=7.0), "confidence"),
    "a negative probability": (view(inverted=-2.0), "inverted"),
    "a probability of 1.7": (prediction(1.7), "Edema"),
    "a probability that is no number": (prediction(math.nan), "Edema"),
}


@pytest.mark.parametrize("right", RIGHT)
def test_what_a_column_may_hold_is_held(right: tuple[pa.Schema, dict[str, object]]) -> None:
    schema, row = right
    assert not list(rules.problems(pa.Table.from_pylist([row], schema=schema), schema))


@pytest.mark.parametrize(("given", "column"), HELD.values(), ids=HELD.keys())
def test_what_a_column_may_not_hold_is_said_of_it(
    given: tuple[pa.Schema, dict[str, object]], column: str
) -> None:
    schema, row = given
    found = list(rules.problems(pa.Table.from_pylist([row], schema=schema), schema))
    assert column in [problem.column for problem in found]


def test_an_image_is_in_one_study_of_a_cohort() -> None:
    schema, row = cohort()
    table = pa.Table.from_pylist([row, {**row, "study_id": "b"}], schema=schema)
    (problem,) = rules.problems(table, schema)
    assert problem.column == "image_ids"
    assert "in row 1 (study_id b)" in problem.what
