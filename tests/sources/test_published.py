"""The full published label tables: what is read adds up to what was published.

Numbers: method, section 5.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from camchex import tables
from camchex.labels import CXR_LT_2023
from camchex.schemas import labels
from camchex.sources import chexpert, nih, vindr
from camchex.sources.implied import imply_no_finding
from camchex.sources.raw_table import read_csv


@pytest.fixture(scope="module")
def raw(real_data: Path) -> Path:
    return real_data / "label_tables"


def positive(table: pa.Table, name: str) -> int:
    return int(pc.sum(table[name]).as_py())


def patients(images: pa.Table) -> int:
    return int(pc.count_distinct(images["patient_id"]).as_py())


def test_chexpert_has_its_published_images_patients_and_views(raw: Path) -> None:
    images = chexpert.read_images(raw / "chexpert_train.csv.gz", "CheXpert-v1.0")
    assert (images.num_rows, patients(images)) == (223_414, 64_540)
    views = images["view"].to_pylist()
    assert (views.count("frontal"), views.count("lateral")) == (191_027, 32_387)
    positions = images["view_position"].to_pylist()
    assert (positions.count("AP"), positions.count("PA")) == (161_590, 29_420)
    assert positions.count("LL") + positions.count("RL") == 17


def test_chexpert_no_finding_is_implied_where_published_as_blank(raw: Path) -> None:
    known = chexpert.read_labels(raw / "chexpert_train.csv.gz")
    published = pc.value_counts(known["No Finding"]).to_pylist()
    assert {row["values"] for row in published} == {1, None}
    implied = imply_no_finding(known, CXR_LT_2023)
    assert known["No Finding"].null_count - implied["No Finding"].null_count == 183_519
    assert pc.sum(pc.equal(implied["No Finding"], 0)).as_py() == 183_519


def test_chexpert_uncertain_labels_are_neither_positive_nor_negative(raw: Path) -> None:
    path = raw / "chexpert_train.csv.gz"
    written = read_csv(path, ["Pneumonia"]).text("Pneumonia").to_pylist()
    known = chexpert.read_labels(path)["Pneumonia"].to_pylist()
    assert known.count(1) == written.count("1.0")
    assert known.count(0) == written.count("0.0")
    assert known.count(None) == written.count("-1.0") + written.count(None)


def test_nih_has_its_published_images_and_patients(raw: Path, tmp_path: Path) -> None:
    path = raw / "Data_Entry_2017_v2020.csv.gz"
    images = nih.read_images(path, tmp_path, "ChestX-ray14")
    assert (images.num_rows, patients(images)) == (112_120, 30_805)
    known = nih.read_labels(path)
    findings = read_csv(path, ["Finding Labels"]).text("Finding Labels").to_pylist()
    for published, name in nih.CLASSES.items():
        assert positive(known, name) == sum(published in cell.split("|") for cell in findings)


def test_vindr_counts_readers_not_boxes(raw: Path) -> None:
    path = raw / "vinbigdata-train.csv.gz"
    readings = vindr.read_readings(path)
    assert readings.votes.num_rows == 67_914
    assert readings.readers.num_rows == 3 * 15_000
    assert pc.count_distinct(readings.votes["rad_id"]).as_py() == 17
    majority, anyone = (vindr.read_labels(path, min_readers=n) for n in (2, 1))
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
        known = vindr.read_labels(raw / "vinbigdata-train.csv.gz")
        tables.write(known, tmp_path / name, labels(CXR_LT_2023))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
