"""MIMIC-CXR-JPG's tables: when a study was taken, where its images lie, what was published."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camchex.contract import schemas, tables
from camchex.contract.labels import MIMIC_14
from camchex.errors import DataError
from camchex.sources.mimic import mimic_cxr
from tests.sources.raw import METADATA, MIMIC14, SPLIT, Row, image, published

times = st.datetimes(datetime(2100, 1, 1), datetime(2211, 12, 31))


def read(tmp_path: Path, *rows: Row) -> tuple[Sequence[dict], Sequence[dict]]:
    path = published(tmp_path / "metadata.csv.gz", METADATA, rows)
    images, studies = mimic_cxr.read_metadata(path, "mimic-cxr-jpg")
    tables.write(images, tmp_path / "images.parquet", schemas.IMAGES)
    tables.write(studies, tmp_path / "studies.parquet", schemas.STUDIES)
    return images.to_pylist(), studies.to_pylist()


def test_an_image_lies_where_mimic_cxr_jpg_puts_it(tmp_path: Path) -> None:
    images, studies = read(tmp_path, image("02aa804e", 10000032, 50414267))
    assert images == [
        {
            "dataset": "mimic",
            "image_id": "02aa804e",
            "patient_id": "10000032",
            "study_id": "50414267",
            "view_position": "PA",
            "view": "frontal",
            "view_source": "ViewPosition",
            "path": "mimic-cxr-jpg/files/p10/p10000032/s50414267/02aa804e.jpg",
            "rows": 3056,
            "columns": 2544,
        }
    ]
    assert studies[0]["study_time"] == datetime(2180, 5, 6, 21, 30, 14)


@pytest.mark.parametrize(
    ("written", "clock"),
    [
        ("213014.531", "21:30:14"),
        ("93900.0", "09:39:00"),
        ("1234.5", "00:12:34"),
        ("12", "00:00:12"),
        ("0.0", "00:00:00"),
        ("7.999", "00:00:07"),
    ],
)
def test_a_time_has_its_leading_zeros_back(tmp_path: Path, written: str, clock: str) -> None:
    _, studies = read(tmp_path, image("a", 10, 50, StudyTime=written))
    assert f"{studies[0]['study_time']:%H:%M:%S}" == clock


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(st.lists(times, min_size=1, max_size=20))
def test_any_time_survives_being_written_as_a_float(tmp_path: Path, taken: list[datetime]) -> None:
    rows = [
        image(
            f"d{i}",
            10,
            50 + i,
            StudyDate=f"{t:%Y%m%d}",
            StudyTime=float(f"{t:%H%M%S}.{t.microsecond // 1000:03}"),
        )
        for i, t in enumerate(taken)
    ]
    _, studies = read(tmp_path, *rows)
    found = {row["study_id"]: row["study_time"] for row in studies}
    assert found == {str(50 + i): t.replace(microsecond=0) for i, t in enumerate(taken)}


@given(times)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_study_is_as_old_as_its_first_image(tmp_path: Path, first: datetime) -> None:
    later = first + timedelta(minutes=3)
    rows = [
        image(name, 10, 50, StudyDate=f"{t:%Y%m%d}", StudyTime=f"{t:%H%M%S}")
        for name, t in (("a", later), ("b", first))
    ]
    _, studies = read(tmp_path, *rows)
    assert [row["study_time"] for row in studies] == [first.replace(microsecond=0)]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("StudyTime", "256000.0"),
        ("StudyTime", ""),
        ("StudyTime", "1234567"),
        ("StudyTime", "12:30"),
        ("StudyDate", "21800230"),
        ("StudyDate", ""),
        ("Rows", "tall"),
        ("subject_id", ""),
    ],
)
def test_an_impossible_cell_is_refused_with_its_line(
    tmp_path: Path, column: str, value: str
) -> None:
    good, bad = image("a", 10, 50), image("b", 10, 51, **{column: value})
    with pytest.raises(DataError, match=rf"metadata\.csv\.gz, line 3, column '{column}'"):
        read(tmp_path, good, bad)


def test_an_image_is_listed_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 3, column 'dicom_id': found 'a'"):
        read(tmp_path, image("a", 10, 50), image("a", 10, 50))


def test_a_study_is_of_one_patient(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"study 50 has images with different .*'patient_id'"):
        read(tmp_path, image("a", 10, 50), image("b", 11, 50))


def test_the_order_of_the_published_rows_does_not_matter(tmp_path: Path) -> None:
    rows = [image(f"d{i}", 10 + i % 2, 50 + i % 2) for i in range(6)]
    assert read(tmp_path, *rows) == read(tmp_path, *reversed(rows))


def test_the_official_validation_split_is_the_development_split(tmp_path: Path) -> None:
    names = ("train", "validate", "test")
    rows = [{"dicom_id": f"d{i}", "split": name} for i, name in enumerate(names)]
    split = mimic_cxr.read_official_split(published(tmp_path / "split.csv", SPLIT, rows))
    assert split["split"].to_pylist() == ["train", "development", "test"]


def test_an_unknown_split_is_refused(tmp_path: Path) -> None:
    path = published(tmp_path / "split.csv", SPLIT, [{"dicom_id": "a", "split": "dev"}])
    with pytest.raises(DataError, match="'dev', expected one of test, train, validate"):
        mimic_cxr.read_official_split(path)


def test_published_labels_keep_uncertain_apart_from_not_mentioned(tmp_path: Path) -> None:
    row = {"study_id": 50, "Edema": "-1.0", "Fracture": "0.0", "Pneumonia": "1.0"}
    path = published(tmp_path / "chexpert.csv.gz", MIMIC14, [row])
    found = mimic_cxr.read_mimic14(path).to_pylist()
    absent = dict.fromkeys(MIMIC_14)
    assert found == [{"study_id": "50", **absent, "Edema": -1, "Fracture": 0, "Pneumonia": 1}]
