"""The label table of each data set by its name, as ``camchex.read_labels`` offers it."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from camchex.contract import schemas
from camchex.contract.labels import CXR_LT_2023, MIMIC_14
from camchex.errors import DataError
from camchex.sources.external.read import read_labels
from tests.sources.raw import CHEXPERT, NIH, VINDR, published


def read(table: pa.Table, image: str) -> dict[str, set[str]]:
    """Classes of one image that are positive, negative and unknown."""
    (row,) = table.filter(pc.equal(table["image_id"], image)).to_pylist()
    names = {1.0: "positive", 0.0: "negative", None: "unknown"}
    found: dict[str, set[str]] = {name: set() for name in names.values()}
    for name in CXR_LT_2023:
        found[names[row[name]]].add(name)
    return found


def test_chexpert_keeps_ones_and_zeros_and_knows_nothing_else(tmp_path: Path) -> None:
    path = "CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg"
    row = {"Path": path, "Edema": "1.0", "Fracture": "0.0", "Pneumonia": "-1.0"}
    table = read_labels("chexpert", published(tmp_path / "train.csv", CHEXPERT, [row]))
    assert table.schema == schemas.labels(CXR_LT_2023)
    found = read(table, "train/patient00001/study1/view1_frontal.jpg")
    assert (found["positive"], found["negative"]) == ({"Edema"}, {"Fracture"})


def test_an_image_of_nih_is_negative_for_every_finding_that_is_not_named(tmp_path: Path) -> None:
    rows = [{"Image Index": "1.png", "Finding Labels": "Effusion|Mass"}]
    found = read(read_labels("nih", published(tmp_path / "nih.csv.gz", NIH, rows)), "1.png")
    assert found["positive"] == {"Pleural Effusion", "Mass"}
    assert (len(found["negative"]), len(found["unknown"])) == (13, 11)


def test_two_of_three_readers_of_vindr_decide(tmp_path: Path) -> None:
    named = [("R1", "Cardiomegaly"), ("R2", "Cardiomegaly"), ("R3", "Pneumothorax")]
    rows = [{"image_id": "x", "rad_id": r, "class_name": name} for r, name in named]
    found = read(read_labels("vindr", published(tmp_path / "train.csv", VINDR, rows)), "x")
    assert found["positive"] == {"Cardiomegaly"}
    assert "Pneumothorax" in found["negative"]


@pytest.mark.parametrize(
    ("name", "file", "image", "positive"),
    [
        (
            "chexpert",
            "chexpert_train.csv.gz",
            "train/patient00002/study2/view1_frontal.jpg",
            {"Fracture", "Lung Opacity"},
        ),
        ("nih", "Data_Entry_2017_v2020.csv.gz", "00000001_001.png", {"Cardiomegaly", "Emphysema"}),
        ("vindr", "vinbigdata-train.csv.gz", "50a418190bc3fb1ef1633bf9678929b3", {"No Finding"}),
    ],
)
def test_published_rows_are_read_as_anyone_reads_them(
    real_data: Path, name: str, file: str, image: str, positive: set[str]
) -> None:
    table = read_labels(name, real_data / "label_tables" / file)
    assert read(table, image)["positive"] == positive


def test_another_label_space_is_read_in_its_order(tmp_path: Path) -> None:
    rows = [{"Image Index": "1.png", "Finding Labels": "Edema"}]
    table = read_labels("nih", published(tmp_path / "nih.csv", NIH, rows), MIMIC_14)
    assert table.column_names == ["dataset", "image_id", *MIMIC_14]


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'padchest': no such data set.*chexpert, nih, vindr"):
        read_labels("padchest", tmp_path)
