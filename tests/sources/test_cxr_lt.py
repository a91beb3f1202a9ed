"""CXR-LT of 2023 and 2024: read by name, and never one for the other."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from camchex.contract.labels import (
    CXR_LT_2023,
    CXR_LT_2024_TASK1,
    CXR_LT_2024_TASK2,
    CXR_LT_2024_TASK3,
)
from camchex.errors import DataError
from camchex.sources.mimic import cxr_lt
from tests.sources.raw import CXR_LT, labelled, published

IDS_2024 = (
    "dicom_id",
    "subject_id",
    "study_id",
    "ViewPosition",
    "ViewCodeSequence_CodeMeaning",
    "fpath",
)
PUBLISHED_TASK2 = [*CXR_LT_2024_TASK2]  # its own files have Normal before Nodule
PUBLISHED_TASK2.remove("Normal")
PUBLISHED_TASK2.insert(PUBLISHED_TASK2.index("Nodule"), "Normal")


def row_of(image: str, names: Sequence[str], *positive: str) -> dict[str, object]:
    """A row of a file of 2024."""
    ids = {"dicom_id": image, "subject_id": 10, "study_id": "s50414267"}
    labels = {name: int(name in positive) for name in names}
    return {**ids, "fpath": f"files/p10/{image}.jpg", **labels}


def released(path: Path, names: Sequence[str], *positive: str, **other: object) -> Path:
    """A file of 2024 with one image."""
    row = row_of("a", names, *positive) | other
    return published(path, (*IDS_2024, *names, *other), [row])


@pytest.mark.parametrize(
    ("file", "names", "space"),
    [
        ("train_labeled.csv", CXR_LT_2024_TASK1, CXR_LT_2024_TASK1),
        ("train_labeled.csv", CXR_LT_2024_TASK1, CXR_LT_2024_TASK2),
        ("development_labeled_task1.csv", CXR_LT_2024_TASK1, CXR_LT_2024_TASK1),
        ("test_labeled_task2.csv", PUBLISHED_TASK2, CXR_LT_2024_TASK2),
        ("test_labeled_task3.csv", CXR_LT_2024_TASK3, CXR_LT_2024_TASK3),
    ],
)
def test_every_file_of_2024_is_read_by_name(
    tmp_path: Path, file: str, names: Sequence[str], space: Sequence[str]
) -> None:
    images = [f"{place:02}" for place in range(len(space))]
    rows = [row_of(image, names, name) for image, name in zip(images, space, strict=True)]
    path = published(tmp_path / file, (*IDS_2024, *names), rows)
    found = cxr_lt.read_labels(path, space).to_pylist()
    for image, name, row in zip(images, space, found, strict=True):
        assert (row["image_id"], row["patient_id"], row["study_id"]) == (image, "10", "50414267")
        assert [n for n in space if row[n] == 1] == [name]
        assert list(row)[3:] == list(space)


def test_the_five_findings_of_task_3_are_unknown_in_training(tmp_path: Path) -> None:
    path = released(tmp_path / "train_labeled.csv", CXR_LT_2024_TASK1)
    (row,) = cxr_lt.read_labels(path, CXR_LT_2024_TASK3).to_pylist()
    unknown = {"Bulla", "Cardiomyopathy", "Hilum", "Osteopenia", "Scoliosis"}
    assert {name for name, value in row.items() if value is None} == unknown


def test_normal_is_not_read_as_no_finding_nor_the_other_way_round(tmp_path: Path) -> None:
    of_2024 = released(tmp_path / "train_labeled.csv", CXR_LT_2024_TASK1)
    with pytest.raises(DataError, match=r"train_labeled\.csv: no column No Finding"):
        cxr_lt.read_labels(of_2024, CXR_LT_2023)
    of_2023 = published(tmp_path / "train.csv", CXR_LT, [labelled("a", 10, 50)])
    with pytest.raises(DataError, match=r"train\.csv: no column Normal\."):
        cxr_lt.read_labels(of_2023, CXR_LT_2024_TASK2)


@pytest.mark.parametrize("column", ["Covid", "split"])
def test_a_column_that_is_not_of_cxr_lt_is_refused_by_name(tmp_path: Path, column: str) -> None:
    path = released(tmp_path / "labels.csv", CXR_LT_2024_TASK1, **{column: 1})
    with pytest.raises(DataError, match=rf"labels\.csv: unknown column '{column}'"):
        cxr_lt.read_labels(path, CXR_LT_2024_TASK1)


def test_a_column_of_ones_own_label_space_is_a_label(tmp_path: Path) -> None:
    path = released(tmp_path / "train.csv", ("Edema",), Covid=1)
    (row,) = cxr_lt.read_labels(path, ("Covid",)).to_pylist()
    assert row["Covid"] == 1


@pytest.mark.parametrize("value", [-1, "", 2, "x"])
def test_a_label_other_than_1_and_0_is_refused_with_its_line(tmp_path: Path, value: object) -> None:
    rows = [labelled("a", 10, 50), {**labelled("b", 10, 50), "Hernia": value}]
    path = published(tmp_path / "train.csv", CXR_LT, rows)
    with pytest.raises(DataError, match=r"train\.csv, line 3, column 'Hernia'"):
        cxr_lt.read_labels(path, CXR_LT_2023)


def test_ids_are_read_of_a_file_without_labels(tmp_path: Path) -> None:
    (row,) = cxr_lt.read_ids(released(tmp_path / "test.csv", ())).to_pylist()
    assert row == {"image_id": "a", "patient_id": "10", "study_id": "50414267"}
