"""VinDr-CXR: three readers, two releases."""

import random
from pathlib import Path

import pytest

from camchex.errors import DataError
from camchex.labels import CXR_LT_2023
from camchex.sources import vindr
from tests.sources.raw import VINDR, Row, published

READERS = ("R1", "R2", "R3")
PHYSIONET = ("image_id", "rad_id", *vindr.PHYSIONET, "COPD", "Enlarged PA")


def reading(image: str, reader: str, finding: str) -> Row:
    return {"image_id": image, "rad_id": reader, "class_name": finding}


def kaggle(tmp_path: Path, *rows: Row) -> Path:
    return published(tmp_path / "train.csv", VINDR, rows)


def positive(table: Path, min_readers: int = 2) -> dict[str, set[str]]:
    rows = vindr.read_labels(table, min_readers=min_readers).to_pylist()
    return {r["image_id"]: {n for n in CXR_LT_2023 if r[n] == 1} for r in rows}


def test_two_readers_of_three_make_a_finding(tmp_path: Path) -> None:
    findings = ("Cardiomegaly", "Cardiomegaly", "Atelectasis")
    rows = [reading("x", r, f) for r, f in zip(READERS, findings, strict=True)]
    assert positive(kaggle(tmp_path, *rows)) == {"x": {"Cardiomegaly"}}
    assert positive(kaggle(tmp_path, *rows), 1) == {"x": {"Cardiomegaly", "Atelectasis"}}
    assert positive(kaggle(tmp_path, *rows), 3) == {"x": set()}


def test_boxes_of_one_reader_are_one_vote(tmp_path: Path) -> None:
    rows = [reading("x", "R1", "Nodule/Mass")] * 5
    rows += [reading("x", r, "No finding") for r in READERS[1:]]
    assert positive(kaggle(tmp_path, *rows)) == {"x": {"No Finding"}}


def test_nodule_or_mass_sets_both(tmp_path: Path) -> None:
    rows = [reading("x", r, "Nodule/Mass") for r in READERS]
    assert positive(kaggle(tmp_path, *rows)) == {"x": {"Nodule", "Mass"}}


def test_votes_agree_with_a_count_by_hand(tmp_path: Path) -> None:
    draw = random.Random(0)  # noqa: S311  # repeatable, not secret
    findings = [*vindr.KAGGLE, *vindr.NO_CLASS]
    rows = [
        reading(f"x{i}", reader, finding)
        for i in range(40)
        for reader in READERS
        for finding in draw.choices(findings, k=draw.randint(1, 6))
    ]
    votes: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        for name in vindr.KAGGLE.get(str(row["class_name"]), ()):
            votes.setdefault((str(row["image_id"]), name), set()).add(str(row["rad_id"]))
    expected: dict[str, set[str]] = {f"x{i}": set() for i in range(40)}
    for (image, name), readers in votes.items():
        if len(readers) > 1:
            expected[image].add(name)
    draw.shuffle(rows)
    assert positive(kaggle(tmp_path, *rows)) == expected


def test_fourteen_classes_are_unknown_and_the_other_twelve_never(tmp_path: Path) -> None:
    rows = [reading("x", r, "Aortic enlargement") for r in READERS]
    (labels,) = vindr.read_labels(kaggle(tmp_path, *rows)).to_pylist()
    assert sum(value is None for value in labels.values()) == 14
    assert sum(value == 0 for value in labels.values()) == 12


def test_an_unknown_finding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 2, column 'class_name': found 'Covid'"):
        vindr.read_labels(kaggle(tmp_path, reading("x", "R1", "Covid")))


def test_an_image_with_fewer_readers_than_must_agree_is_refused(tmp_path: Path) -> None:
    rows = [reading("x", r, "No finding") for r in READERS] + [reading("y", "R1", "No finding")]
    with pytest.raises(DataError, match=r"line 5, column 'image_id': found 'y'.*min_readers"):
        vindr.read_labels(kaggle(tmp_path, *rows))


def test_both_releases_of_the_same_readings_agree(tmp_path: Path) -> None:
    named = {
        "R1": {"Edema", "Rib fracture"},
        "R2": {"Edema", "Clavicle fracture"},
        "R3": {"No finding"},
    }
    rows: list[Row] = [
        {"image_id": "x", "rad_id": r, **{c: int(c in f) for c in PHYSIONET[2:]}}
        for r, f in named.items()
    ]
    table = published(tmp_path / "image_labels_train.csv", PHYSIONET, rows)
    assert positive(table) == {"x": {"Edema", "Fracture"}}
    (labels,) = vindr.read_labels(table).to_pylist()
    assert sum(value is None for value in labels.values()) == 10


@pytest.mark.parametrize("extension", [".dicom", ".dcm", ".png", ".jpg"])
def test_an_image_is_found_whatever_it_was_converted_to(tmp_path: Path, extension: str) -> None:
    rows = [reading("x", r, "No finding") for r in READERS] + [reading("y", "R1", "No finding")]
    (tmp_path / "vinbigdata" / "train").mkdir(parents=True)
    (tmp_path / "vinbigdata" / "train" / f"y{extension}").touch()
    images = vindr.read_images(kaggle(tmp_path, *rows), tmp_path, "vinbigdata")
    assert images["path"].to_pylist() == [
        "vinbigdata/train/x.dicom",  # nowhere: where it should be
        f"vinbigdata/train/y{extension}",
    ]
