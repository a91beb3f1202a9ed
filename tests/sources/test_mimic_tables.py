"""MIMIC-CXR-JPG and CXR-LT together: what is joined, counted, and refused."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from camchex.aggregates.small_cells import Counts
from camchex.contract import schemas, tables
from camchex.contract.labels import CXR_LT_2023, MIMIC_14, LabelParams
from camchex.errors import DataError
from camchex.sources.mimic.mimic_cxr import read_mimic14
from camchex.sources.mimic.mimic_tables import MimicFiles, MimicTables, read_mimic
from tests.sources.raw import CXR_LT, METADATA, MIMIC14, SPLIT, Row, image, labelled, published

LT = LabelParams(space="cxr-lt-2023", splits="cxr-lt", imply_no_finding=True)
M14 = LabelParams(space="mimic-14", splits="official", imply_no_finding=True)
IMAGES = (
    image("a", 10, 50),
    image("b", 10, 50, ViewPosition="LL"),
    image("c", 11, 51, ViewPosition="", ViewCodeSequence_CodeMeaning="lateral"),
    image("d", 12, 52),
    image("e", 13, 53, ViewPosition=""),
)
TRAIN = (labelled("a", 10, 50, "Edema"), labelled("b", 10, 50, "Edema"))
DEVELOPMENT = (labelled("c", 11, 51),)
TEST = (labelled("d", 12, 52, "Mass", "Nodule"),)
OFFICIAL = [
    {"dicom_id": name, "split": split}
    for name, split in zip(
        "abcdez", 2 * ["train"] + ["validate", "train"] + 2 * ["test"], strict=True
    )
]
CHEXPERT = [
    {"study_id": 50, "Edema": -1.0, "Fracture": 1.0},
    {"study_id": 51, "Edema": 0.0},
    {"study_id": 52, "No Finding": 1.0},
]


def read(
    folder: Path, space: LabelParams = LT, **other: tuple[Row, ...]
) -> tuple[MimicTables, Counts]:
    rows = {"train": TRAIN, "development": DEVELOPMENT, "test": TEST, "metadata": IMAGES}
    rows = {**rows, "split": OFFICIAL, "chexpert": CHEXPERT, **other}
    ids = {"subject_id": 99, "study_id": 990}  # of what the metadata do not list
    for name, key in (("split", "dicom_id"), ("chexpert", "study_id")):
        known = {row[key]: {n: row[n] for n in ids} for row in rows["metadata"]}
        rows[name] = tuple(ids | known.get(row[key], {}) | dict(row) for row in rows[name])
    files = MimicFiles(
        metadata=published(folder / "metadata.csv.gz", METADATA, rows["metadata"]),
        split=published(folder / "split.csv.gz", SPLIT, rows["split"]),
        chexpert=published(folder / "chexpert.csv.gz", MIMIC14, rows["chexpert"]),
        cxr_lt={
            s: published(folder / f"{s}.csv", CXR_LT, rows[s])
            for s in ("train", "development", "test")
        },
        other_tests={
            name: published(folder / name, CXR_LT, other[name]) for name in other if "." in name
        },
    )
    return read_mimic(files, "jpg", space)


def test_every_study_has_the_split_of_its_images(tmp_path: Path) -> None:
    mimic, _ = read(tmp_path)
    splits = dict(
        zip(*mimic.studies.select(["study_id", "split"]).to_pydict().values(), strict=True)
    )
    assert splits == {"50": "train", "51": "development", "52": "test", "53": None}


def test_labels_are_those_of_cxr_lt_one_row_per_labelled_image(tmp_path: Path) -> None:
    mimic, _ = read(tmp_path)
    assert mimic.labels["image_id"].to_pylist() == ["a", "b", "c", "d"]
    assert mimic.labels["Edema"].to_pylist() == [1, 1, 0, 0]
    assert mimic.labels["Mass"].to_pylist() == [0, 0, 0, 1]
    assert all(mimic.labels[name].null_count == 0 for name in CXR_LT_2023)


def test_what_was_read_is_counted(tmp_path: Path) -> None:
    _, counts = read(tmp_path)
    assert (counts["images"], counts["studies"], counts["patients"]) == (5, 4, 4)
    assert counts["splits"] == {
        "train": {"images": 2, "studies": 1, "patients": 1},
        "development": {"images": 1, "studies": 1, "patients": 1},
        "test": {"images": 1, "studies": 1, "patients": 1},
        "none": {"images": 1, "studies": 1, "patients": 1},
    }
    assert counts["official_split_without_image"] == 1
    assert counts["view_position_against_view_code"] == 0
    assert counts["views"] == {
        "ViewPosition": {"frontal": 2, "lateral": 1},
        "ViewCodeSequence": {"frontal": 0, "lateral": 1},
        "ProcedureDescription": {"frontal": 0, "lateral": 0},
        "OtherImage": {"frontal": 0, "lateral": 0},
        "default": {"frontal": 1, "lateral": 0},
    }
    assert counts["mimic14"] == {
        "studies": 3,
        "no_finding_beside_a_finding": 0,
        "studies_without_labels": 1,
        "blank_rows": 0,
        "labels_without_study": 0,
    }


def test_rows_of_the_labeler_without_any_label_are_counted(tmp_path: Path) -> None:
    _, counts = read(tmp_path, chexpert=(*CHEXPERT[:2], {"study_id": 52}))
    assert counts["mimic14"]["blank_rows"] == 1  # type: ignore[index, call-overload]


def test_official_test_patients_are_counted_by_the_split_they_are_trained_in(
    tmp_path: Path,
) -> None:
    _, counts = read(tmp_path)
    crossed = counts["patients_by_official_split"]
    assert crossed["test"]["official_train"] == 1  # patient 12: tested here, trained on there
    assert crossed["none"]["official_test"] == 1
    assert sum(n for row in crossed.values() for n in row.values()) == 4


def test_splits_of_one_patient_are_refused_with_patient_and_files(tmp_path: Path) -> None:
    metadata = (*IMAGES, image("f", 10, 54))
    with pytest.raises(DataError, match=r"patient 10 .*train\.csv and .*test\.csv"):
        read(tmp_path, metadata=metadata, test=(*TEST, labelled("f", 10, 54)))


def test_a_study_or_image_in_two_splits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"image a is in several splits"):
        read(tmp_path, test=(*TEST, TRAIN[0]))


def test_a_labelled_image_without_study_is_refused_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"test\.csv: image z .* image without study.*metadata"):
        read(tmp_path, test=(*TEST, labelled("z", 19, 59)))


@pytest.mark.parametrize(("patient", "study"), [(12, 59), (19, 52)])
def test_a_labelled_image_of_another_study_or_patient_is_refused(
    tmp_path: Path, patient: int, study: int
) -> None:
    with pytest.raises(DataError, match=r"test\.csv: image d of .* is of "):
        read(tmp_path, test=(labelled("d", patient, study),))


def test_images_of_a_study_with_different_labels_are_refused(tmp_path: Path) -> None:
    train = (TRAIN[0], labelled("b", 10, 50, "Edema", "Hernia"))
    message = (
        r"study 50 has images with different values of 'Hernia': 0\.0 for image a "
        r"\(.*train\.csv\) and 1\.0 for image b \(.*train\.csv\), and 0 further"
    )
    with pytest.raises(DataError, match=message):
        read(tmp_path, train=train)


def test_files_of_cxr_lt_that_disagree_on_a_study_are_named_however_it_is_split(
    tmp_path: Path,
) -> None:
    official = LT.model_copy(update={"splits": "official"})
    test = (*TEST, labelled("b", 10, 50, "Hernia", "Edema"))
    with pytest.raises(DataError, match=r"a \(.*train\.csv\) and 1\.0 for image b \(.*test\.csv\)"):
        read(tmp_path, official, train=TRAIN[:1], test=test)


def test_the_2024_study_ids_are_those_of_2023(tmp_path: Path) -> None:
    train = tuple({**row, "study_id": f"s{row['study_id']}"} for row in TRAIN)
    assert read(tmp_path / "a", train=train)[0] == read(tmp_path / "b")[0]


def test_labels_of_the_labeler_are_absent_where_not_mentioned_and_unknown_where_uncertain(
    tmp_path: Path,
) -> None:
    mimic, _ = read(tmp_path, M14)
    assert mimic.labels.column_names[2:] == list(MIMIC_14)
    rows = {row["image_id"]: row for row in mimic.labels.to_pylist()}
    assert [rows[i]["Edema"] for i in "abcde"] == [None, None, 0, 0, None]
    assert [rows[i]["Fracture"] for i in "abcde"] == [1, 1, 0, 0, None]
    assert [rows[i]["No Finding"] for i in "abcde"] == [0, 0, 0, 1, None]


def test_no_finding_beside_a_finding_is_counted_and_stays_as_cxr_lt_published_it(
    tmp_path: Path,
) -> None:
    test = (labelled("d", 12, 52, "No Finding", "Mass"), labelled("e", 13, 53, "No Finding"))
    mimic, counts = read(tmp_path, test=test)
    assert mimic.labels["No Finding"].to_pylist() == [0, 0, 0, 1, 1]
    found = counts["no_finding_beside_a_finding"]
    assert found["test"] == {"No Finding": 1, "Normal": 0}
    assert found["train"] == {"No Finding": 0, "Normal": 0}


@pytest.mark.parametrize(
    ("finding", "cell", "learnt"),
    [("Edema", 1.0, 0), ("Edema", -1.0, 1), ("Support Devices", 1.0, 1), ("Edema", 0.0, 1)],
)
def test_no_finding_of_the_labeler_is_learnt_as_0_beside_a_finding_and_kept_as_published(
    tmp_path: Path, finding: str, cell: float, learnt: int
) -> None:
    rows = [{"study_id": 52, "No Finding": 1.0, finding: cell}]
    mimic, counts = read(tmp_path, M14, chexpert=rows)
    (row,) = [row for row in mimic.labels.to_pylist() if row["image_id"] == "d"]
    assert row["No Finding"] == learnt
    assert mimic.mimic14["No Finding"].to_pylist() == [1]
    assert counts["mimic14"]["no_finding_beside_a_finding"] == 1 - learnt


def test_mimic14_splits_are_the_official_ones(tmp_path: Path) -> None:
    mimic, counts = read(tmp_path, M14)
    assert mimic.studies["split"].to_pylist() == ["train", "development", "train", "test"]
    assert counts["patients_by_official_split"]["train"]["official_train"] == 2


def test_mimic14_without_the_splits_of_cxr_lt_reads_none_of_its_files(tmp_path: Path) -> None:
    expected = read(tmp_path / "a", M14)[0]
    folder = tmp_path / "a"
    for split in ("train", "development", "test"):
        (folder / f"{split}.csv").write_text("not a table")
    nowhere = {split: folder / f"{split}.csv" for split in ("train", "development", "test")}
    files = MimicFiles(
        *(folder / f"{n}.csv.gz" for n in ("metadata", "split", "chexpert")), nowhere
    )
    assert read_mimic(files, "jpg", M14)[0] == expected


def test_labels_of_the_labeler_may_be_split_as_cxr_lt(tmp_path: Path) -> None:
    mimic, _ = read(tmp_path, M14.model_copy(update={"splits": "cxr-lt"}))
    assert mimic.studies["split"].to_pylist() == ["train", "development", "test", None]
    assert mimic.labels["image_id"].to_pylist() == ["a", "b", "c", "d"]
    assert mimic.labels["Fracture"].to_pylist() == [1, 1, 0, 0]


def test_labels_of_cxr_lt_may_be_split_officially(tmp_path: Path) -> None:
    mimic, _ = read(tmp_path, LT.model_copy(update={"splits": "official"}))
    assert mimic.studies["split"].to_pylist() == ["train", "development", "train", None]
    assert mimic.labels["image_id"].to_pylist() == ["a", "b", "c", "d"]
    assert mimic.labels["Edema"].to_pylist() == [1, 1, 0, 0]


def test_an_image_twice_in_cxr_lt_is_refused_however_it_is_split(tmp_path: Path) -> None:
    official = LT.model_copy(update={"splits": "official"})
    with pytest.raises(DataError, match=r"image a is in several splits: .*train\.csv and .*test"):
        read(tmp_path, official, test=(*TEST, TRAIN[0]))


def test_a_class_of_ones_own_is_read_from_the_files_of_cxr_lt(tmp_path: Path) -> None:
    own = LT.model_copy(update={"space": ("Hernia", "Edema")})
    assert read(tmp_path, own)[0].labels.column_names[2:] == ["Hernia", "Edema"]


def test_test_files_of_another_release_are_counted_by_what_is_trained_on(tmp_path: Path) -> None:
    other = (
        labelled("b", 10, 50),  # trained on
        labelled("b2", 10, 50),  # its study is
        labelled("x", 10, 59),  # its patient is
        labelled("d", 12, 52),  # tested on here too
    )
    _, counts = read(tmp_path, **{"test2024.csv": other})
    assert counts["other_tests_in_training"] == {
        "test2024.csv": {
            "images": {"in_all": 4, "in_training": 1},
            "studies": {"in_all": 3, "in_training": 1},
            "patients": {"in_all": 2, "in_training": 1},
        }
    }


@pytest.mark.parametrize("space", [LT, M14])
def test_the_same_ids_are_read_with_and_without_their_letter(
    tmp_path: Path, space: LabelParams
) -> None:
    def lettered(rows: Sequence[Row]) -> tuple[Row, ...]:
        ids = (("subject_id", "p"), ("study_id", "s"))
        return tuple({**r, **{k: f"{c}{r[k]}" for k, c in ids if k in r}} for r in rows)

    plain = read(tmp_path / "a", space)
    other = {"train": TRAIN, "development": DEVELOPMENT, "test": TEST, "metadata": IMAGES}
    changed = {name: lettered(rows) for name, rows in other.items()}
    assert read(tmp_path / "b", space, **changed, chexpert=lettered(CHEXPERT)) == plain


def test_labels_of_other_studies_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"chexpert\.csv\.gz: of 1 row, none belong to .*metadata"):
        read(tmp_path, M14, chexpert=({"study_id": 59, "Edema": 1.0},))


def test_labels_of_few_studies_are_refused(tmp_path: Path) -> None:
    metadata = tuple(image(f"i{n}", 10 + n, 50 + n) for n in range(21))
    split = tuple({"dicom_id": f"i{n}", "split": "train"} for n in range(21))
    few = {"metadata": metadata, "split": split, "chexpert": CHEXPERT[:1]}
    with pytest.raises(
        DataError, match=r"chexpert.csv.gz: of 21 images in a split, 1 have a known"
    ):
        read(tmp_path, M14, **few)


def test_an_official_split_of_other_images_is_refused(tmp_path: Path) -> None:
    split = ({"dicom_id": "y", "split": "train"}, {"dicom_id": "z", "split": "test"})
    with pytest.raises(DataError, match=r"split\.csv\.gz: of 2 rows, none belong to .*metadata"):
        read(tmp_path, split=split)


def test_labels_of_studies_that_are_not_there_are_counted_and_left_out(tmp_path: Path) -> None:
    more = ({"study_id": 59, "Edema": 1.0}, *CHEXPERT)
    mimic, counts = read(tmp_path, chexpert=more)
    assert counts["mimic14"]["labels_without_study"] == 1
    assert mimic.mimic14["study_id"].to_pylist() == ["50", "51", "52"]


def test_a_new_label_of_mimic_is_refused_by_name(tmp_path: Path) -> None:
    columns = (*MIMIC14, "Airspace Opacity")
    path = published(tmp_path / "chexpert.csv.gz", columns, [{"study_id": 50}])
    with pytest.raises(DataError, match=r"chexpert\.csv\.gz: unknown column 'Airspace Opacity'"):
        read_mimic14(path)


def test_tables_do_not_depend_on_the_order_of_the_rows(tmp_path: Path) -> None:
    def written(folder: Path, **other: tuple[Row, ...]) -> list[bytes]:
        mimic, _ = read(folder, **other)
        tables.write(mimic.images, folder / "i", schemas.IMAGES)
        tables.write(mimic.labels, folder / "l", schemas.labels(CXR_LT_2023))
        tables.write(mimic.studies, folder / "s", schemas.STUDIES)
        return [(folder / name).read_bytes() for name in "ils"]

    assert written(tmp_path / "a") == written(
        tmp_path / "b", metadata=IMAGES[::-1], train=TRAIN[::-1]
    )


@pytest.mark.parametrize("column", ["subject_id", "study_id"])
def test_a_split_of_other_studies_or_patients_is_refused(tmp_path: Path, column: str) -> None:
    split = (*OFFICIAL[:2], {**OFFICIAL[2], column: 77}, *OFFICIAL[3:])
    with pytest.raises(
        DataError, match=rf"split\.csv\.gz, line 4, column '{column}': found '77', ex"
    ):
        read(tmp_path, split=split)


def test_labels_of_a_study_of_another_patient_are_refused(tmp_path: Path) -> None:
    chexpert = ({**CHEXPERT[0], "subject_id": 77}, *CHEXPERT[1:])
    said = r"chexpert\.csv\.gz, line 2, column 'subject_id': found '77', expected the patient of"
    with pytest.raises(DataError, match=said):
        read(tmp_path, chexpert=chexpert)


def test_a_test_file_of_images_that_are_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"test2024\.csv: of 1 row, none belong to .*metadata"):
        read(tmp_path, **{"test2024.csv": (labelled("zz", 910, 950),)})
