"""External sets as students see them: without the official test; contradictions are counted."""

import codecs
from pathlib import Path

import pytest

from camchex.contract.labels import LabelParams
from camchex.errors import DataError
from camchex.sources.external.read import ExternalTables, read_external
from camchex.sources.params import ExternalSet
from tests.sources.raw import CHEXPERT, NIH, PHYSIONET, VINDR, Row, published

LABELS = LabelParams(space="cxr-lt-2023", splits="cxr-lt", imply_no_finding=True)
POLICIES = {
    "chexpert": {"uncertain": "unknown", "unmentioned": "unknown"},
    "nih": {},
    "vindr": {"min_readers": 1, "nodule_mass": "both"},
}


def read(
    folder: Path, source: str, table: Path, test_list: Path, *, hold_out: bool = True
) -> ExternalTables:
    external = ExternalSet(
        source=source,
        folder="set",
        table="table",
        test_list="list",
        hold_out_test=hold_out,
        watch_images="images",
        labels={**POLICIES[source], "no_finding_source_hard": True},
    )
    return read_external("own", external, table, test_list, folder, LABELS)


def kept(read: ExternalTables) -> list[str]:
    images: list[str] = read.images["image_id"].to_pylist()
    assert images == read.labels["image_id"].to_pylist()
    return images


def nih(folder: Path, *patients: int, finding: str = "Mass") -> Path:
    """A table with one image for each mention of a patient: 1_0.png, 1_1.png, ..."""
    rows: list[Row] = [
        {
            "Image Index": f"{patient}_{patients[:i].count(patient)}.png",
            "Finding Labels": finding,
            "Patient ID": patient,
            "View Position": "PA",
        }
        for i, patient in enumerate(patients)
    ]
    return published(folder / "Data_Entry.csv", NIH, rows)


def listed(folder: Path, *names: str) -> Path:
    path = folder / "test_list.txt"
    path.write_text("".join(f"{name}\n" for name in names))
    return path


def test_no_image_of_a_patient_of_the_list_is_kept(tmp_path: Path) -> None:
    found = read(tmp_path, "nih", nih(tmp_path, 1, 2, 2, 3), listed(tmp_path, "2_0.png"))
    assert kept(found) == ["1_0.png", "3_0.png"]
    assert found.counts.listed == {"images": 4, "studies": 4, "patients": 3}
    assert found.counts.official_test == {"images": 2, "studies": 2, "patients": 1}
    assert found.counts.kept == {"images": 2, "studies": 2, "patients": 2}


def test_a_parameter_keeps_them_and_they_are_counted_all_the_same(tmp_path: Path) -> None:
    table, names = nih(tmp_path, 1, 2, 2), listed(tmp_path, "2_0.png", "2_1.png")
    found = read(tmp_path, "nih", table, names, hold_out=False)
    assert kept(found) == ["1_0.png", "2_0.png", "2_1.png"]
    assert found.counts.official_test["images"] == 2


def test_the_table_in_place_of_a_list_tells_of_no_test(tmp_path: Path) -> None:
    table = nih(tmp_path, 1, 2)
    found = read(tmp_path, "nih", table, table)
    assert kept(found) == ["1_0.png", "2_0.png"]
    assert found.counts.official_test["images"] == 0


@pytest.mark.parametrize("names", [(), ("", " ")])
def test_an_empty_list_is_refused_unless_nobody_is_to_be_held_out(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    table, empty = nih(tmp_path, 1, 2), listed(tmp_path, *names)
    with pytest.raises(
        DataError, match=r"test_list\.txt: names no image.*own\.hold_out_test to false"
    ):
        read(tmp_path, "nih", table, empty)
    assert len(kept(read(tmp_path, "nih", table, empty, hold_out=False))) == 2


def test_a_list_of_which_almost_nothing_matches_is_refused(tmp_path: Path) -> None:
    table = nih(tmp_path, *range(1, 101))
    names = [f"{n}_0.jpg" for n in range(1, 90)]
    with pytest.raises(DataError, match=r"of 90 rows, only about 1\.1% .* is 1_0\.jpg here"):
        read(tmp_path, "nih", table, listed(tmp_path, *names, "95_0.png"))


def test_names_without_an_image_are_counted(tmp_path: Path) -> None:
    names = listed(tmp_path, "", " 2_0.png ", "9.png", "8.png")
    found = read(tmp_path, "nih", nih(tmp_path, 1, 2), names)
    assert kept(found) == ["1_0.png"]
    assert found.counts.test_list_not_in_table == 2


def test_a_list_of_another_set_is_refused(tmp_path: Path) -> None:
    names = listed(tmp_path, "9.png", "8.png")
    with pytest.raises(DataError, match=r"test_list\.txt: of 2 rows, none .* is 9\.png here"):
        read(tmp_path, "nih", nih(tmp_path, 1, 2), names)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"1_0.png\0", "line 1: holds a NUL byte"),
        ("1_0.png".encode("utf-16"), "is text in UTF-16"),
        ("1_0.png".encode("utf-32"), "is text in UTF-32"),
        (codecs.BOM_UTF32_BE + "1_0.png".encode("utf-32-be"), "is text in UTF-32"),
        (b"2_0.png\n1_0.png, 2_0.png\n", "line 2: 2 cells, expected one name a line"),
        (None, "no such file"),
    ],
)
def test_a_damaged_or_missing_list_is_refused(
    tmp_path: Path, content: bytes | None, expected: str
) -> None:
    path = tmp_path / "test_list.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=rf"test_list\.txt.*{expected}"):
        read(tmp_path, "nih", nih(tmp_path, 1), path)


def test_a_folder_in_place_of_a_list_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "test_list.txt").mkdir()
    with pytest.raises(DataError, match=r"test_list\.txt: is a folder"):
        read(tmp_path, "nih", nih(tmp_path, 1), tmp_path / "test_list.txt")


def test_names_in_quotes_are_read(tmp_path: Path) -> None:
    names = listed(tmp_path, '"2_0.png"', '  "3_0.png" ')
    found = read(tmp_path, "nih", nih(tmp_path, 1, 2, 3), names)
    assert kept(found) == ["1_0.png"]
    assert found.counts.test_list_not_in_table == 0


def test_a_set_that_is_all_test_is_refused_with_the_parameter(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"all 2 images .* external\.own\.hold_out_test to false"):
        read(tmp_path, "nih", nih(tmp_path, 1, 1), listed(tmp_path, "1_0.png"))


def chexpert(path: Path, *images: str) -> Path:
    rows = [
        {"Path": f"CheXpert-v1.0/{name}/study1/view1_frontal.jpg", "Frontal/Lateral": "Frontal"}
        for name in images
    ]
    return published(path, CHEXPERT, rows)


def test_valid_and_test_of_chexpert_are_kept_out(tmp_path: Path) -> None:
    names = ("train/patient1", "valid/patient2", "test/patient3", "train/patient3")
    table = chexpert(tmp_path / "all.csv", *names)
    found = read(tmp_path, "chexpert", table, table)
    assert kept(found) == ["train/patient1/study1/view1_frontal.jpg"]
    assert found.counts.official_test["patients"] == 2


def test_patients_of_a_further_table_of_chexpert_are_kept_out(tmp_path: Path) -> None:
    table = chexpert(tmp_path / "train.csv", "train/patient1", "train/patient2")
    valid = chexpert(tmp_path / "valid.csv", "valid/patient2")
    found = read(tmp_path, "chexpert", table, valid)
    assert kept(found) == ["train/patient1/study1/view1_frontal.jpg"]


def test_a_further_table_of_the_same_part_of_chexpert_must_have_images_in_common(
    tmp_path: Path,
) -> None:
    table = chexpert(tmp_path / "train.csv", *(f"train/patient{n}" for n in range(100)))
    other = chexpert(tmp_path / "list.csv", *(f"train/patient{n}" for n in range(200, 300)))
    with pytest.raises(DataError, match=r"list\.csv: of 100 rows, none belong to .*train\.csv"):
        read(tmp_path, "chexpert", table, other)
    some = chexpert(tmp_path / "list.csv", *(f"train/patient{n}" for n in range(50, 150)))
    assert len(kept(read(tmp_path, "chexpert", table, some))) == 50


def test_the_test_table_of_physionet_is_all_test(tmp_path: Path) -> None:
    columns = [c for c in PHYSIONET if c != "rad_id"]
    row = {"image_id": "x", **dict.fromkeys(columns[1:], 0)}
    table = published(tmp_path / "image_labels_test.csv", columns, [row])
    with pytest.raises(DataError, match="hold_out_test"):
        read(tmp_path, "vindr", table, table)
    assert kept(read(tmp_path, "vindr", table, table, hold_out=False)) == ["x"]


def test_contradictions_are_counted_in_every_set(tmp_path: Path) -> None:
    path = "CheXpert-v1.0/train/patient1/study1/view{}_frontal.jpg"
    rows = [
        {"Path": path.format(i), "Frontal/Lateral": "Frontal", "No Finding": "1.0", finding: "1.0"}
        for i, finding in enumerate(("Edema", "Fracture", "Support Devices"))
    ]
    stanford = published(tmp_path / "train.csv", CHEXPERT, rows)
    counts = read(tmp_path, "chexpert", stanford, stanford).counts
    assert (counts.contradictions, counts.studies_with_several_labels) == (2, 1)
    alike = [{**rows[0], "Path": path.format(i)} for i in range(2)]
    alike += [
        {**row, "Path": path.format(i).replace("study1", "study2")} for i, row in enumerate(rows)
    ]
    stanford = published(tmp_path / "train.csv", CHEXPERT, alike)
    counts = read(tmp_path, "chexpert", stanford, stanford).counts
    assert counts.studies_with_several_labels == 1  # study1 has the same labels twice
    both = nih(tmp_path, 1, 2, finding="Hernia|No Finding")
    found = read(tmp_path, "nih", both, both)
    assert found.counts.contradictions == 2
    assert found.labels["No Finding"].to_pylist() == [0, 0]
    assert found.labels["Hernia"].to_pylist() == [1, 1]
    named = [("x", "R1", "No finding"), ("x", "R2", "ILD"), ("y", "R1", "No finding")]
    votes = [dict(zip(("image_id", "rad_id", "class_name"), row, strict=True)) for row in named]
    table = published(tmp_path / "votes.csv", VINDR, votes)
    found = read(tmp_path, "vindr", table, table)
    assert found.counts.contradictions == 1
    assert found.labels["No Finding"].to_pylist() == [0, 1]


def test_no_finding_may_be_another_class_and_is_taken_back_there(tmp_path: Path) -> None:
    table = nih(tmp_path, 1, finding="No Finding|Mass")
    external = ExternalSet(
        source="nih",
        folder="set",
        table="table",
        test_list="table",
        hold_out_test=True,
        watch_images="images",
        labels={"no_finding_source_hard": True, "map": {"No Finding": ["Normal"]}},
    )
    space = LabelParams(space="cxr-lt-2024-task2", splits="cxr-lt", imply_no_finding=True)
    found = read_external("own", external, table, table, tmp_path, space)
    assert found.labels["Normal"].to_pylist() == [0]
