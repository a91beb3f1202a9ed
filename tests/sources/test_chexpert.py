"""CheXpert's table."""

from pathlib import Path

import pytest

from camchex.contract.labels import CXR_LT_2023, MIMIC_14
from camchex.errors import DataError
from camchex.sources.external.read import read_images, read_labels
from camchex.sources.params import LabelPolicy
from tests.sources.raw import CHEXPERT, Row, published

FRONTAL = "CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg"


def table(tmp_path: Path, *rows: Row) -> Path:
    return published(tmp_path / "train.csv", CHEXPERT, rows)


@pytest.mark.parametrize("release", ["CheXpert-v1.0/", "CheXpert-v1.0-small/", ""])
def test_an_image_is_named_by_its_path_without_the_release(tmp_path: Path, release: str) -> None:
    path = FRONTAL.replace("CheXpert-v1.0/", release)
    rows = table(tmp_path, {"Path": path, "Frontal/Lateral": "Frontal", "AP/PA": "AP"})
    (image,) = read_images("chexpert", rows, tmp_path, "CheXpert-v1.0").to_pylist()
    assert image["image_id"] == "train/patient00001/study1/view1_frontal.jpg"
    assert (image["patient_id"], image["study_id"]) == ("patient00001", "patient00001/study1")
    assert image["path"] == FRONTAL
    assert (image["view"], image["view_position"]) == ("frontal", "AP")


def test_uncertain_and_blank_are_unknown_and_unannotated_classes_too(tmp_path: Path) -> None:
    row = {"Path": FRONTAL, "Edema": "-1.0", "Fracture": "0.0", "Pneumonia": "1.0"}
    (labels,) = read_labels("chexpert", table(tmp_path, row)).to_pylist()
    known = {name: value for name, value in labels.items() if value is not None}
    assert known == {
        "dataset": "chexpert",
        "image_id": FRONTAL.removeprefix("CheXpert-v1.0/"),
        "Fracture": 0,
        "Pneumonia": 1,
    }
    assert list(labels)[2:] == list(CXR_LT_2023)


def test_labels_may_be_wanted_in_another_space(tmp_path: Path) -> None:
    labels = read_labels(
        "chexpert", table(tmp_path, {"Path": FRONTAL}), MIMIC_14, dataset="stanford"
    )
    assert labels.column_names == ["dataset", "image_id", *MIMIC_14]
    assert labels["dataset"].to_pylist() == ["stanford"]


BATCH = "CheXpert-v1.0 batch {} ({})"
STANFORD = {  # folders as Stanford ships them; only the first has its part between
    "valid/patient64541": BATCH.format(1, "validate & csv") + "/valid/patient64541",
    "train/patient00001": BATCH.format(2, "train 1") + "/patient00001",
    "train/patient21514": BATCH.format(3, "train 2") + "/patient21514",
    "train/patient43018": BATCH.format(4, "train 3") + "/patient43018",
}


@pytest.mark.parametrize("written", ["published", "batch names", "batch names below a folder"])
def test_the_batches_that_stanford_ships_are_read_as_they_are(tmp_path: Path, written: str) -> None:
    file = "study1/view1_frontal.jpg"
    below = "chexpertchestxrays-u20210408/" if "below" in written else ""
    rows = []
    for patient, place in STANFORD.items():
        (tmp_path / "set" / place).mkdir(parents=True)
        path = f"CheXpert-v1.0/{patient}" if written == "published" else f"{below}{place}"
        rows.append({"Path": f"{path}/{file}", "Frontal/Lateral": "Frontal", "AP/PA": "AP"})
    rows.append({**rows[0], "Path": f"CheXpert-v1.0/train/patient00009/{file}"})  # has no folder
    images = read_images("chexpert", table(tmp_path, *rows), tmp_path, "set")
    found = dict(zip(*images.select(["image_id", "path"]).to_pydict().values(), strict=True))
    assert found == {
        **{f"{patient}/{file}": f"set/{place}/{file}" for patient, place in STANFORD.items()},
        f"train/patient00009/{file}": f"set/train/patient00009/{file}",
    }


@pytest.mark.parametrize("release", ["CheXpert-v1.0-small", "CheXpert-v1.0"])
def test_a_release_unpacked_below_the_folder_is_found(tmp_path: Path, release: str) -> None:
    image = tmp_path / "set" / release / FRONTAL.removeprefix("CheXpert-v1.0/")
    image.parent.mkdir(parents=True)
    rows = table(tmp_path, {"Path": FRONTAL, "Frontal/Lateral": "Frontal"})
    (found,) = read_images("chexpert", rows, tmp_path, "set").to_pylist()
    assert tmp_path / found["path"] == image


@pytest.mark.parametrize(
    "again",
    [
        FRONTAL,
        FRONTAL.replace("v1.0", "v1.0-small"),
        FRONTAL.replace("CheXpert-v1.0/train", "CheXpert-v1.0 batch 2 (train 1)"),
    ],
)
def test_an_image_under_two_releases_is_refused_with_its_line(tmp_path: Path, again: str) -> None:
    other = FRONTAL.replace("view1", "view2")
    rows = [{"Path": p, "Frontal/Lateral": "Frontal"} for p in (FRONTAL, other, again)]
    path = table(tmp_path, *rows)
    message = r"train\.csv, line 4, column 'Path'.*whatever its release"
    with pytest.raises(DataError, match=message):
        read_labels("chexpert", path)
    with pytest.raises(DataError, match=message):
        read_images("chexpert", path, tmp_path, "x")


def test_an_image_of_train_and_one_of_valid_with_the_same_name_are_two(tmp_path: Path) -> None:
    rows = table(tmp_path, {"Path": FRONTAL}, {"Path": FRONTAL.replace("train", "valid")})
    assert read_labels("chexpert", rows).num_rows == 2


@pytest.mark.parametrize(
    ("cells", "uncertain", "expected"),
    [
        ({"Edema": "1.0"}, "unknown", 0),
        ({"Edema": "-1.0"}, "positive", 0),
        ({"Edema": "-1.0"}, "unknown", 1),
        ({"Support Devices": "1.0"}, "unknown", 1),
        ({"Edema": "0.0"}, "unknown", 1),
        ({}, "unknown", 1),
    ],
)
def test_no_finding_is_taken_back_beside_a_finding(
    tmp_path: Path, cells: Row, uncertain: str, expected: int
) -> None:
    rows = table(tmp_path, {"Path": FRONTAL, "No Finding": "1.0", **cells})
    (labels,) = read_labels("chexpert", rows, policy=LabelPolicy(uncertain=uncertain)).to_pylist()
    assert labels["No Finding"] == expected


@pytest.mark.parametrize("path", ["train/view1.jpg", "patient00001/study1/view1_frontal.jpg", ""])
def test_a_path_of_another_data_set_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(DataError, match=r"train\.csv, line 2, column 'Path'"):
        read_labels("chexpert", table(tmp_path, {"Path": path, "Sex": "Male"}))


def test_a_view_that_is_neither_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, {"Path": FRONTAL, "Frontal/Lateral": "Oblique"})
    with pytest.raises(DataError, match="'Oblique', expected one of Frontal, Lateral"):
        read_images("chexpert", path, tmp_path, "x")


def test_an_unknown_label_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 2, column 'Edema': found 'u'"):
        read_labels("chexpert", table(tmp_path, {"Path": FRONTAL, "Edema": "u"}))


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, [None, None, 1, 0]),
        ({"uncertain": "positive"}, [1, None, 1, 0]),
        ({"uncertain": "negative"}, [0, None, 1, 0]),
        ({"unmentioned": "negative"}, [None, 0, 1, 0]),
        ({"uncertain": "positive", "unmentioned": "negative"}, [1, 0, 1, 0]),
    ],
)
def test_uncertain_and_blank_mean_what_the_policy_says(
    tmp_path: Path, policy: dict[str, str], expected: list[int | None]
) -> None:
    rows = [
        {"Path": FRONTAL.replace("view1", f"view{i}"), "Edema": value}
        for i, value in enumerate(("-1.0", "", "1.0", "0.0"))
    ]
    found = read_labels("chexpert", table(tmp_path, *rows), policy=LabelPolicy(**policy))
    assert found["Edema"].to_pylist() == expected


def test_a_column_that_may_be_a_new_label_is_refused_by_name(tmp_path: Path) -> None:
    columns = (*CHEXPERT, "Tuberculosis")
    path = published(tmp_path / "train.csv", columns, [{"Path": FRONTAL, "Tuberculosis": 1}])
    with pytest.raises(DataError, match=r"train\.csv: unknown column 'Tuberculosis'.*lost"):
        read_labels("chexpert", path)


def test_an_index_without_a_name_is_no_label(tmp_path: Path) -> None:
    path = published(tmp_path / "train.csv", ("", *CHEXPERT), [{"": 0, "Path": FRONTAL}])
    assert read_labels("chexpert", path).num_rows == 1


@pytest.mark.parametrize("named", ["frontal", "lateral", "other"])
@pytest.mark.parametrize("column", ["Frontal", "Lateral"])
def test_a_view_other_than_that_of_the_files_name_is_refused(
    tmp_path: Path, named: str, column: str
) -> None:
    row = {"Path": FRONTAL.replace("frontal", named), "Frontal/Lateral": column}
    path = table(tmp_path, row)
    if named in ("other", column.lower()):
        assert read_images("chexpert", path, tmp_path, "x")["view"].to_pylist() == [column.lower()]
        return
    with pytest.raises(DataError, match=f"line 2, column 'Frontal/Lateral': found '{column}'"):
        read_images("chexpert", path, tmp_path, "x")


def test_an_image_as_jpg_and_as_png_is_refused(tmp_path: Path) -> None:
    rows = table(tmp_path, {"Path": FRONTAL}, {"Path": FRONTAL.replace(".jpg", ".png")})
    with pytest.raises(DataError, match=r"line 3, column 'Path'.*one row only"):
        read_labels("chexpert", rows)
