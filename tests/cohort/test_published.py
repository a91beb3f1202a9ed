"""The full published label tables: what is read adds up to what was published, and to SQL.

The SQL is written by hand over the raw files and shares nothing with the readers.
Numbers: docs/method.md, section 5.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from camchex.check import check_data
from camchex.check.checked import ClassCount, TableCounts
from camchex.contract import params, tables
from camchex.contract.labels import CXR_LT_2023, MIMIC_14, LabelParams
from camchex.contract.schemas import labels
from camchex.sources.csv import raw_table
from camchex.sources.csv.file_content import file_content
from camchex.sources.csv.raw_table import read_csv
from camchex.sources.external import nih, vindr
from camchex.sources.external.label_map import imply_no_finding
from camchex.sources.external.read import read_images, read_labels
from camchex.sources.params import DataParams, ExternalSets, LabelPolicy

TABLES = {
    "chexpert": "chexpert_train.csv.gz",
    "nih": "Data_Entry_2017_v2020.csv.gz",
    "vindr": "vinbigdata-train.csv.gz",
}
NIH_POSITIVE = {  # as the NIH prints them beside the data
    "Atelectasis": 11_559,
    "Cardiomegaly": 2_776,
    "Consolidation": 4_667,
    "Edema": 2_303,
    "Effusion": 13_317,
    "Emphysema": 2_516,
    "Fibrosis": 1_686,
    "Hernia": 227,
    "Infiltration": 19_894,
    "Mass": 5_782,
    "No Finding": 60_361,
    "Nodule": 6_331,
    "Pleural_Thickening": 3_385,
    "Pneumonia": 1_431,
    "Pneumothorax": 5_302,
}
VINDR_CLASSES = {
    "Atelectasis": "Atelectasis",
    "Cardiomegaly": "Cardiomegaly",
    "Consolidation": "Consolidation",
    "Fibrosis": "Pulmonary fibrosis",
    "Infiltration": "Infiltration",
    "Lung Opacity": "Lung Opacity",
    "Mass": "Nodule/Mass",
    "No Finding": "No finding",
    "Nodule": "Nodule/Mass",
    "Pleural Effusion": "Pleural effusion",
    "Pleural Thickening": "Pleural thickening",
    "Pneumothorax": "Pneumothorax",
}
Sql = Callable[..., tuple]


@pytest.fixture(scope="module", autouse=True)
def contents() -> Iterator[None]:
    """Let a table be unpacked once: all tests read the same three."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(raw_table, "file_content", cache(file_content))
        yield


@pytest.fixture(scope="module")
def raw(real_data: Path) -> Path:
    return real_data / "label_tables"


@pytest.fixture(scope="module")
def checked(raw: Path) -> dict[str, TableCounts]:
    """What ``camchex check`` counts in the three tables, by set."""
    data = params.load("data", DataParams).model_copy(update={"root": raw.parent})
    external = {
        key: one.model_copy(update={"folder": raw.name, "table": TABLES[key]})
        for key, one in params.load("external", ExternalSets).items()
    }
    checked = check_data(data, external, params.load("labels", LabelParams))
    files = [d.files[0] for d in checked.data_sets[-3:]]
    assert [file.problem for file in files] == [None] * 3
    return dict(zip(external, (file.table for file in files), strict=True))


@pytest.fixture(scope="module")
def sql(raw: Path) -> Sql:
    """One row of an answer over the raw tables, all of whose cells are text."""
    connection = duckdb.connect()
    for name, file in TABLES.items():
        connection.execute(
            f"create table {name} as from read_csv('{raw / file}', all_varchar = true)"
        )
    return lambda query, *values: connection.execute(query, values).fetchone()


def positive(table: pa.Table, name: str) -> int:
    return int(pc.sum(table[name]).as_py())


def test_chexpert_is_counted_as_by_sql(checked: dict[str, TableCounts], sql: Sql) -> None:
    names = ("rows", "images", "studies", "patients", "frontal", "lateral")
    counted = sql(
        """select count(*), count(distinct Path),
            count(distinct regexp_extract(Path, 'patient\\d+/study\\d+')),
            count(distinct regexp_extract(Path, 'patient\\d+')),
            count(*) filter ("Frontal/Lateral" = 'Frontal'),
            count(*) filter ("Frontal/Lateral" = 'Lateral') from chexpert"""
    )
    assert checked["chexpert"].counts == dict(zip(names, counted, strict=True))
    assert counted == (223_414, 223_414, 187_641, 64_540, 191_027, 32_387)


@pytest.mark.parametrize("name", CXR_LT_2023)
def test_every_class_of_chexpert_is_counted_as_by_sql(
    checked: dict[str, TableCounts], sql: Sql, name: str
) -> None:
    expected = (0, 0, 223_414)
    if name in MIMIC_14:
        expected = sql(
            f"""select count(*) filter ("{name}" = '1.0'), count(*) filter ("{name}" = '0.0'),
                count(*) filter ("{name}" = '-1.0' or "{name}" is null) from chexpert"""  # noqa: S608
        )
    assert checked["chexpert"].classes[name] == ClassCount(*expected)


def test_nih_is_counted_as_by_sql(checked: dict[str, TableCounts], sql: Sql) -> None:
    names = ("rows", "images", "patients", "frontal")
    counted = sql(
        """select count(*), count(distinct "Image Index"), count(distinct "Patient ID"),
            count(*) filter ("View Position" in ('PA', 'AP')) from nih"""
    )
    assert checked["nih"].counts == dict(zip(names, counted, strict=True)) | {"lateral": 0}
    assert counted == (112_120, 112_120, 30_805, 112_120)


@pytest.mark.parametrize("name", NIH_POSITIVE)
def test_every_finding_of_nih_is_counted_as_by_sql_and_as_published(
    checked: dict[str, TableCounts], sql: Sql, name: str
) -> None:
    (counted,) = sql(
        """select count(*) from nih where list_contains(string_split("Finding Labels", '|'), ?)""",
        name,
    )
    (canonical,) = nih.CLASSES[name]
    assert checked["nih"].classes[canonical] == ClassCount(counted, 112_120 - counted, 0)
    assert counted == NIH_POSITIVE[name]


def test_eleven_classes_of_nih_are_unknown(checked: dict[str, TableCounts]) -> None:
    unknown = [n for n, c in checked["nih"].classes.items() if c == (0, 0, 112_120)]
    assert len(unknown) == 11


def test_vindr_is_counted_as_by_sql(checked: dict[str, TableCounts], sql: Sql) -> None:
    counted = sql("select count(*), count(distinct image_id) from vindr")
    rows, images = counted
    assert checked["vindr"].counts == {
        "rows": rows,
        "images": images,
        "frontal": images,
        "lateral": 0,
    }
    assert counted == (67_914, 15_000)


@pytest.mark.parametrize("name", CXR_LT_2023)
def test_every_class_of_vindr_is_a_majority_counted_by_sql(
    checked: dict[str, TableCounts], sql: Sql, name: str
) -> None:
    expected = ClassCount(0, 0, 15_000)
    if name in VINDR_CLASSES:
        (agreed,) = sql(
            """select count(*) from (select image_id from vindr where class_name = ?
                group by image_id having count(distinct rad_id) >= 2)""",
            VINDR_CLASSES[name],
        )
        expected = ClassCount(agreed, 15_000 - agreed, 0)
    assert checked["vindr"].classes[name] == expected


def test_vindr_has_its_published_boxes_and_readers(raw: Path, sql: Sql) -> None:
    boxes = sql(
        """select count(*), count(distinct image_id), (select count(distinct rad_id) from vindr)
            from vindr where class_name <> 'No finding'"""
    )
    assert boxes == (36_096, 4_394, 17)
    further = sql("select count(*) - count(distinct (image_id, rad_id, class_name)) from vindr")
    assert further == (6_640,)
    assert sql("select count(distinct (image_id, rad_id)) from vindr") == (45_000,)
    readings = vindr.read_readings(raw / TABLES["vindr"], ())
    assert (readings.votes.num_rows, readings.readers.num_rows) == (67_914, 45_000)


def test_chexpert_has_its_published_view_positions(raw: Path) -> None:
    images = read_images("chexpert", raw / TABLES["chexpert"], raw, "CheXpert-v1.0")
    positions = images["view_position"].to_pylist()
    assert (positions.count("AP"), positions.count("PA")) == (161_590, 29_420)
    assert positions.count("LL") + positions.count("RL") == 17


@pytest.fixture(scope="module")
def chexpert(raw: Path) -> pa.Table:
    return read_labels("chexpert", raw / TABLES["chexpert"])


def test_chexpert_no_finding_is_implied_where_published_as_blank(chexpert: pa.Table) -> None:
    published = pc.value_counts(chexpert["No Finding"]).to_pylist()
    assert {row["values"] for row in published} == {1, None}
    implied = imply_no_finding(chexpert, CXR_LT_2023)
    assert chexpert["No Finding"].null_count - implied["No Finding"].null_count == 183_519
    assert pc.sum(pc.equal(implied["No Finding"], 0)).as_py() == 183_519


def test_chexpert_uncertain_labels_are_neither_positive_nor_negative(
    raw: Path, chexpert: pa.Table
) -> None:
    written = read_csv(raw / TABLES["chexpert"], ["Pneumonia"]).text("Pneumonia").to_pylist()
    known = chexpert["Pneumonia"].to_pylist()
    assert known.count(1) == written.count("1.0")
    assert known.count(0) == written.count("0.0")
    assert known.count(None) == written.count("-1.0") + written.count(None)


def test_vindr_lacks_a_class_as_often_as_published(raw: Path) -> None:
    path = raw / TABLES["vindr"]
    majority, anyone = (
        read_labels("vindr", path, policy=LabelPolicy(min_readers=n)) for n in (2, 1)
    )
    assert (without_class(majority), without_class(anyone)) == (714, 209)
    assert positive(majority, "No Finding") == positive(anyone, "No Finding")
    assert pc.all(pc.equal(majority["Nodule"], majority["Mass"])).as_py()


def without_class(known: pa.Table) -> int:
    annotated = [name for name in CXR_LT_2023 if known[name].null_count == 0]
    assert len(annotated) == 12
    rows = zip(*(known[name].to_pylist() for name in annotated), strict=True)
    return sum(not any(row) for row in rows)


def test_the_same_table_gives_the_same_bytes(raw: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        known = read_labels("vindr", raw / TABLES["vindr"])
        tables.write(known, tmp_path / name, labels(CXR_LT_2023))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
