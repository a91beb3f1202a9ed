"""NIH ChestX-ray14's table and folders."""

from pathlib import Path

import pytest

from camchex.contract.labels import CXR_LT_2023
from camchex.errors import DataError
from camchex.sources.external.read import read_images, read_labels
from camchex.sources.params import LabelPolicy
from tests.sources.raw import NIH, Row, published

# docs/method.md, section 5: the eleven classes that the set does not annotate.
UNKNOWN = {
    "Calcification of the Aorta",
    "Enlarged Cardiomediastinum",
    "Fracture",
    "Lung Lesion",
    "Lung Opacity",
    "Pleural Other",
    "Pneumomediastinum",
    "Pneumoperitoneum",
    "Subcutaneous Emphysema",
    "Support Devices",
    "Tortuous Aorta",
}


def table(tmp_path: Path, *findings: str) -> Path:
    rows: list[Row] = [
        {
            "Image Index": f"0000000{i}_000.png",
            "Finding Labels": cell,
            "Patient ID": i,
            "View Position": "PA",
        }
        for i, cell in enumerate(findings)
    ]
    return published(tmp_path / "ChestX-ray14" / "Data_Entry_2017.csv", NIH, rows)


def test_findings_named_are_positive_and_the_others_annotated_negative(tmp_path: Path) -> None:
    (labels,) = read_labels("nih", table(tmp_path, "Effusion|Pleural_Thickening|Mass")).to_pylist()
    positive = {name for name, value in labels.items() if value == 1}
    assert positive == {"Pleural Effusion", "Pleural Thickening", "Mass"}
    assert {name for name, value in labels.items() if value is None} == UNKNOWN
    assert sum(value == 0 for value in labels.values()) == len(CXR_LT_2023) - 3 - len(UNKNOWN)


def test_no_finding_means_none_of_the_findings_of_this_set(tmp_path: Path) -> None:
    (labels,) = read_labels("nih", table(tmp_path, "No Finding")).to_pylist()
    assert {name for name, value in labels.items() if value == 1} == {"No Finding"}


@pytest.mark.parametrize("cell", ["Covid", "Mass|Covid", "mass", "", "Mass|"])
def test_an_unknown_finding_is_refused(tmp_path: Path, cell: str) -> None:
    with pytest.raises(DataError, match=r"line 3, column 'Finding Labels'"):
        read_labels("nih", table(tmp_path, "Mass", cell))


@pytest.mark.parametrize("folder", ["images", "images_002/images", "images_002"])
def test_an_image_is_found_in_every_layout_of_the_archive(tmp_path: Path, folder: str) -> None:
    path = Path("ChestX-ray14") / folder / "00000001_000.png"
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).touch()
    images = read_images("nih", table(tmp_path, "Mass", "Mass"), tmp_path, "ChestX-ray14")
    assert images["path"].to_pylist() == [
        "ChestX-ray14/images/00000000_000.png",  # nowhere: where it should be
        path.as_posix(),
    ]
    assert images["patient_id"].to_pylist() == ["0", "1"]
    assert images["study_id"].to_pylist() == images["image_id"].to_pylist()
    assert set(images["view"].to_pylist()) == {"frontal"}


def test_a_no_finding_that_is_not_hard_is_unknown(tmp_path: Path) -> None:
    policy = LabelPolicy(no_finding_source_hard=False)
    path = table(tmp_path, "No Finding", "Mass")
    soft, hard = (read_labels("nih", path, policy=p) for p in (policy, LabelPolicy()))
    assert hard["No Finding"].to_pylist() == [1, 0]
    assert soft["No Finding"].to_pylist() == [None, None]
    assert soft.drop_columns("No Finding") == hard.drop_columns("No Finding")


def test_the_empty_last_column_of_the_first_release_is_passed_over(tmp_path: Path) -> None:
    row = {"Image Index": "a.png", "Finding Labels": "Mass", "Patient ID": 1, "View Position": "PA"}
    path = published(tmp_path / "Data_Entry_2017.csv", [*NIH, ""], [row])
    assert read_labels("nih", path)["Mass"].to_pylist() == [1]
    assert read_images("nih", path, tmp_path, "x").num_rows == 1


@pytest.mark.parametrize(
    ("images", "wrong"),
    [
        ([("00000001_000.png", "1"), ("00000010_001.png", "10"), ("own.png", "7")], None),
        ([("00000001_000.png", "00000001"), ("00000001_001.png", "00000001")], None),
        ([("00000001_000.png", "1"), ("00000001_001.png", "00000001")], "Patient ID"),
        ([("00000001_000.png", "1"), ("00000001_001.png", "2")], "Patient ID"),
        ([("00000001_000.png", "1"), ("00000001_001.png", "1.0")], "Patient ID"),
        ([("00000001_000.png", "1"), ("00000001_000.jpg", "1")], "Image Index"),
    ],
)
def test_a_patient_is_the_one_of_the_images_name_and_written_in_one_way(
    tmp_path: Path, images: list[tuple[str, str]], wrong: str | None
) -> None:
    rows: list[Row] = [
        {"Image Index": name, "Finding Labels": "Mass", "Patient ID": patient}
        | {"View Position": "PA"}
        for name, patient in images
    ]
    path = published(tmp_path / "Data_Entry_2017.csv", NIH, rows)
    if wrong is None:
        found = read_images("nih", path, tmp_path, "x")
        assert sorted(found["patient_id"].to_pylist()) == sorted(patient for _, patient in images)
        return
    with pytest.raises(DataError, match=f"line 3, column '{wrong}'"):
        read_images("nih", path, tmp_path, "x")
