"""camchex check --tables: what is wrong with canonical tables of one's own, column by column."""

import io
import shutil
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from camchex.check import check_tables, render_tables
from camchex.check.canonical_tables import CheckedTable
from camchex.cohort.contradictions import contradictions
from camchex.contract import params, schemas, tables
from camchex.contract.labels import MIMIC_14
from camchex.contract.schemas import VITAL_SIGNS
from camchex.texts.vitals_text import vitals_text
from camchex.vitals.params import VitalsParams

CLASSES = ("Edema", "No Finding")
SCHEMAS = {
    "mimic/images": schemas.IMAGES,
    "mimic/labels": schemas.labels(CLASSES),
    "mimic/studies": schemas.STUDIES,
    "mimic/mimic14": schemas.study_labels(MIMIC_14),
    "indications": schemas.INDICATIONS,
    "vitals": schemas.VITALS,
    "external/far/images": schemas.IMAGES,
    "external/far/labels": schemas.labels(CLASSES),
}
RANGES = params.load("vitals", VitalsParams).ranges
Change = Callable[[pa.Table], pa.Table]


def image(dataset: str, number: int, study: str, patient: str) -> dict[str, object]:
    name = f"{dataset}{number}"
    ids = {"image_id": name, "study_id": study, "patient_id": patient, "path": f"{name}.jpg"}
    return {"dataset": dataset, "view": "frontal", "view_source": "ours", **ids}


def own_tables() -> dict[str, list[dict[str, object]]]:
    """Two studies of two patients, and one external image."""
    studies = [("s1", "p1", "train"), ("s2", "p2", "test")]
    values = dict.fromkeys(VITAL_SIGNS) | {"temperature_f": 98.6}
    vitals = {**values, "gender": "F", "vitals_text": vitals_text(values, "F")}
    labels = {"Edema": 1.0, "No Finding": None}
    return {
        "mimic/images": [
            image("mimic", 1, "s1", "p1"),
            image("mimic", 2, "s1", "p1"),
            image("mimic", 3, "s2", "p2"),
        ],
        "mimic/labels": [
            {"dataset": "mimic", "image_id": f"mimic{n}", **labels} for n in (1, 2, 3)
        ],
        "mimic/studies": [
            {"study_id": s, "patient_id": p, "split": split, "study_time": datetime(2150, 1, 1)}
            for s, p, split in studies
        ],
        "mimic/mimic14": [{"study_id": "s2", "Edema": -1}],
        "indications": [{"study_id": "s1", "indication": "cough", "findings_suspected": False}],
        "vitals": [{"study_id": s, **vitals} for s, _, _ in studies],
        "external/far/images": [image("far", 1, "far1", "far1")],
        "external/far/labels": [{"dataset": "far", "image_id": "far1", **labels}],
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    for name, rows in own_tables().items():
        table = pa.Table.from_pylist(rows, schema=SCHEMAS[name])
        tables.write(table, folder / f"{name}.parquet", SCHEMAS[name])
    for name in ("mimic1", "mimic2", "mimic3", "far1"):
        (folder / f"{name}.jpg").touch()
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return shutil.copytree(written, tmp_path / "tables")


def look(folder: Path, *sets: str) -> dict[str, CheckedTable]:
    sets = sets or ("far",)
    found = check_tables(folder, folder, CLASSES, dict.fromkeys(sets, "nih"), RANGES)
    return {str(f.path.relative_to(folder).with_suffix("")): f for f in found}


def shown(found: Mapping[str, CheckedTable]) -> str:
    console = Console(file=io.StringIO(), width=400)
    console.print(render_tables(list(found.values())))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def change(folder: Path, name: str, how: Change) -> None:
    path = folder / f"{name}.parquet"
    pq.write_table(how(pq.read_table(path)), path)


def with_value(column: str, row: int, value: object) -> Change:
    """A table with one value replaced."""

    def changed(table: pa.Table) -> pa.Table:
        values = table[column].to_pylist()
        values[row] = value
        kind = table.schema.field(column).type
        return table.set_column(table.column_names.index(column), column, pa.array(values, kind))

    return changed


def test_tables_that_are_right_are_called_so(folder: Path) -> None:
    found = look(folder)
    assert not any(table.problems for table in found.values())
    said = shown(found)
    assert f"ok {folder}/vitals.parquet: 2 rows" in said
    assert "8 of 8 are as they should be" in said


def test_rows_of_the_table_an_ingest_writes_are_right(folder: Path) -> None:
    """The schemas' own description of a column may be in the file or not."""
    change(folder, "vitals", lambda table: table.replace_schema_metadata({"by": "somebody"}))
    bare = pa.schema([f.remove_metadata() for f in schemas.STUDIES])
    change(folder, "mimic/studies", lambda table: table.cast(bare))
    assert not any(table.problems for table in look(folder).values())


def test_a_missing_table_and_one_that_is_no_parquet_are_named(folder: Path) -> None:
    (folder / "vitals.parquet").unlink()
    (folder / "indications.parquet").write_text("study_id,indication\n")
    found = look(folder)
    assert found["vitals"].problems[0].what == "no such file"
    assert "not a Parquet file" in found["indications"].problems[0].what


WRONG = {
    "a column is missing": ("mimic/images", "view", lambda t: t.drop_columns("view")),
    "a column is not known": (
        "mimic/images",
        "mood",
        lambda t: t.append_column("mood", pa.nulls(t.num_rows)),
    ),
    "a type is another": (
        "mimic/studies",
        "study_id",
        lambda t: t.set_column(0, "study_id", pc.utf8_length(t["study_id"])),
    ),
    "a null where none may be": ("mimic/images", "path", with_value("path", 1, None)),
    "a view that is none": ("mimic/images", "view", with_value("view", 0, "AP")),
    "a label of -1": ("mimic/labels", "Edema", with_value("Edema", 2, -1.0)),
    "a split that is none": ("mimic/studies", "split", with_value("split", 0, "validate")),
    "a published label of 2": ("mimic/mimic14", "Edema", with_value("Edema", 0, 2)),
    "a gender that is none": ("vitals", "gender", with_value("gender", 0, "female")),
    "an image twice": ("mimic/images", "image_id", with_value("image_id", 1, "mimic1")),
    "rows out of order": ("mimic/studies", "study_id", lambda t: t.take([1, 0])),
    "an image of no study": ("mimic/images", "study_id", with_value("study_id", 0, "s9")),
    "a label of no image": ("mimic/labels", "image_id", with_value("image_id", 0, "mimic0")),
    "an external label of no image": (
        "external/far/labels",
        "image_id",
        with_value("image_id", 0, "far0"),
    ),
    "a text of no study": ("indications", "study_id", with_value("study_id", 0, "s0")),
    "another patient than the study's": (
        "mimic/images",
        "patient_id",
        with_value("patient_id", 0, "p2"),
    ),
    "a patient in two splits": (
        "mimic/studies",
        "patient_id",
        with_value("patient_id", 1, "p1"),
    ),
    "another data set": ("external/far/images", "dataset", with_value("dataset", 0, "mimic")),
    "images of a study with other labels": (
        "mimic/labels",
        None,
        with_value("Edema", 0, 0.0),
    ),
    "a file that is not there": ("mimic/images", "path", with_value("path", 0, "gone.jpg")),
    "degrees Celsius": ("vitals", "temperature_f", with_value("temperature_f", 1, 37.0)),
    "an origin of no value": (
        "vitals",
        "heart_rate_bpm_source",
        with_value("heart_rate_bpm_source", 0, "triage"),
    ),
    "a charted value of no age": (
        "vitals",
        "temperature_f_age_minutes",
        with_value("temperature_f_source", 0, "vitalsign"),
    ),
    "a study of no stay, taken during it": ("vitals", "taken", with_value("taken", 0, "during")),
    "a word for no indication": ("indications", "indication", with_value("indication", 0, "nan")),
    "no indication but a row": ("indications", None, with_value("indication", 0, None)),
    "external labels that are all unknown": (
        "external/far/labels",
        None,
        with_value("Edema", 0, None),
    ),
    "a text that says otherwise": (
        "vitals",
        "vitals_text",
        with_value("vitals_text", 1, "Temperature: 99.1"),
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_each_thing_that_can_be_wrong_is_said_of_its_column(case: str, folder: Path) -> None:
    name, column, how = WRONG[case]
    change(folder, name, how)
    found = look(folder)
    assert column in [problem.column for problem in found[name].problems]
    lines = ("images with different values of 'Edema'", "have an indication", "have a known label")
    said = shown(found)
    assert any(line in said for line in ([f"{column}: "] if column else lines))


def test_a_study_is_of_one_patient_in_an_external_set_too(folder: Path) -> None:
    rows = [image("far", 1, "far1", "fa"), image("far", 2, "far1", "fb")]
    path = folder / "external/far/images.parquet"
    tables.write(pa.Table.from_pylist(rows, schema=schemas.IMAGES), path, schemas.IMAGES)
    said = [problem.what for problem in look(folder)["external/far/images"].problems]
    assert "study far1 has images with different values of 'patient_id'" in said[0]


def test_two_sets_of_one_source_have_no_image_in_common(folder: Path) -> None:
    shutil.copytree(folder / "external/far", folder / "external/near")
    for name in ("external/near/images", "external/near/labels"):
        change(folder, name, with_value("dataset", 0, "near"))
    (problem,) = look(folder, "far", "near")["external/near/images"].problems
    assert "external.far and external.near: both are of nih and list image far1" in problem.what


def test_a_value_of_a_later_time_is_not_excused_by_a_study_during_its_stay(folder: Path) -> None:
    for name, value in {
        "stay_id": "30",
        "minutes_since_arrival": -600.0,
        "taken": "during",
        "temperature_f_source": "triage",
        "temperature_f_stay_id": "30",
        "temperature_f_age_minutes": -600.0,
    }.items():
        change(folder, "vitals", with_value(name, 0, value))
    later, taken = look(folder)["vitals"].problems
    assert "600 minutes after the study" in later.what
    assert taken.column == "taken"
    change(folder, "vitals", with_value("taken", 0, "before"))
    assert not look(folder)["vitals"].problems


def test_one_text_in_many_that_reads_none_is_what_the_report_says() -> None:
    words = ["none", *["cough"] * 30]
    studies = [
        {"study_id": f"s{n:02}", "patient_id": f"p{n}", "study_time": datetime(2150, 1, 1)}
        for n in range(31)
    ]
    rows = [
        {"study_id": f"s{n:02}", "indication": word, "findings_suspected": False}
        for n, word in enumerate(words)
    ]
    found = {
        "mimic/studies": pa.Table.from_pylist(studies, schema=schemas.STUDIES),
        "indications": pa.Table.from_pylist(rows, schema=schemas.INDICATIONS),
    }
    assert not list(contradictions(found, CLASSES, None))
    few = pa.Table.from_pylist([rows[1]], schema=schemas.INDICATIONS)
    ((_, problem),) = contradictions({**found, "indications": few}, CLASSES, None)
    assert "of 31 studies, 1 have an indication" in problem.what


def test_a_vital_sign_measured_after_its_study_is_said(folder: Path) -> None:
    change(folder, "vitals", with_value("temperature_f_age_minutes", 1, -5.0))
    (problem,) = look(folder)["vitals"].problems
    assert "study s2: temperature_f" in problem.what
    assert "5 minutes after the study" in problem.what


def test_a_study_without_vital_signs_is_said(folder: Path) -> None:
    change(folder, "vitals", lambda table: table.slice(0, 1))
    (problem,) = look(folder)["mimic/studies"].problems
    assert problem.column == "study_id"
    assert "study s2 has no vital signs: it needs a row" in problem.what
