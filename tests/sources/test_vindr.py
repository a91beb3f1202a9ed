"""VinDr-CXR: three readers, two releases."""

import random
from pathlib import Path

import pytest

from camchex.contract.labels import CXR_LT_2023, CXR_LT_2024_TASK1
from camchex.errors import DataError
from camchex.sources.external import vindr
from camchex.sources.external.read import read_images, read_labels
from camchex.sources.params import LabelPolicy
from tests.sources.raw import PHYSIONET, VINDR, Row, published

READERS = ("R1", "R2", "R3")


def reading(image: str, reader: str, finding: str) -> Row:
    return {"image_id": image, "rad_id": reader, "class_name": finding}


def kaggle(tmp_path: Path, *rows: Row) -> Path:
    return published(tmp_path / "train.csv", VINDR, rows)


def physionet(path: Path, *rows: tuple[str, str | None, set[str]]) -> Path:
    columns = [c for c in PHYSIONET if c != "rad_id" or rows[0][1]]
    return published(
        path,
        columns,
        [
            {"image_id": image, **({"rad_id": reader} if reader else {})}
            | {name: int(name in named) for name in PHYSIONET[2:]}
            for image, reader, named in rows
        ],
    )


def positive(table: Path, min_readers: int = 2) -> dict[str, set[str]]:
    policy = LabelPolicy(min_readers=min_readers)
    rows = read_labels("vindr", table, policy=policy).to_pylist()
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


@pytest.mark.parametrize("finding", ["Atelectasis", "Aortic enlargement"])  # one has no class
def test_readers_who_disagree_leave_no_finding_beside_a_finding(
    tmp_path: Path, finding: str
) -> None:
    named = ("No finding", "No finding", finding)
    rows = [reading("x", r, f) for r, f in zip(READERS, named, strict=True)]
    path = kaggle(tmp_path, *rows)
    by_one, by_two = (
        read_labels("vindr", path, policy=LabelPolicy(min_readers=n)).to_pylist()[0] for n in (1, 2)
    )
    assert (by_one["No Finding"], by_one["Atelectasis"]) == (0, finding == "Atelectasis")
    assert (by_two["No Finding"], by_two["Atelectasis"]) == (1, 0)


def test_two_rows_of_one_reader_of_physionet_are_refused(tmp_path: Path) -> None:
    rows = [("x", r, {"Edema"}) for r in (*READERS, "R2")]
    path = physionet(tmp_path / "image_labels_train.csv", *rows)
    with pytest.raises(DataError, match="line 5, column 'rad_id': found 'R2', expected one row"):
        read_labels("vindr", path)


def test_nodule_or_mass_sets_both(tmp_path: Path) -> None:
    rows = [reading("x", r, "Nodule/Mass") for r in READERS]
    assert positive(kaggle(tmp_path, *rows)) == {"x": {"Nodule", "Mass"}}


def test_votes_agree_with_a_count_by_hand(tmp_path: Path) -> None:
    draw = random.Random(0)  # noqa: S311  # repeatable, not secret
    findings = list(vindr.KAGGLE)
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
    for image, finding in {(str(r["image_id"]), r["class_name"]) for r in rows}:
        named = [r for r in rows if (r["image_id"], r["class_name"]) == (image, finding)]
        if finding != "No finding" and len({r["rad_id"] for r in named}) > 1:
            expected[image].discard("No Finding")
    draw.shuffle(rows)
    assert positive(kaggle(tmp_path, *rows)) == expected


def test_fourteen_classes_are_unknown_and_the_other_twelve_never(tmp_path: Path) -> None:
    rows = [reading("x", r, "Aortic enlargement") for r in READERS]
    (labels,) = read_labels("vindr", kaggle(tmp_path, *rows)).to_pylist()
    assert sum(value is None for value in labels.values()) == 14
    assert sum(value == 0 for value in labels.values()) == 12


def test_an_unknown_finding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 2, column 'class_name': found 'Covid'"):
        read_labels("vindr", kaggle(tmp_path, reading("x", "R1", "Covid")))


def test_an_image_with_fewer_readers_than_must_agree_is_refused(tmp_path: Path) -> None:
    rows = [reading("x", r, "No finding") for r in READERS] + [reading("y", "R1", "No finding")]
    with pytest.raises(DataError, match=r"line 5, column 'image_id': found 'y'.*min_readers"):
        read_labels("vindr", kaggle(tmp_path, *rows))


def test_a_fracture_of_either_bone_is_a_fracture(tmp_path: Path) -> None:
    path = physionet(
        tmp_path / "image_labels_train.csv",
        ("x", "R1", {"Edema", "Rib fracture"}),
        ("x", "R2", {"Edema", "Clavicle fracture"}),
        ("x", "R3", {"No finding"}),
    )
    assert positive(path) == {"x": {"Edema", "Fracture"}}
    (labels,) = read_labels("vindr", path).to_pylist()
    assert sum(value is None for value in labels.values()) == 10


@pytest.mark.parametrize("extension", [".dicom", ".dcm", ".png", ".jpg"])
def test_an_image_is_found_whatever_it_was_converted_to(tmp_path: Path, extension: str) -> None:
    rows = [reading("x", r, "No finding") for r in READERS] + [reading("y", "R1", "No finding")]
    (tmp_path / "vinbigdata" / "train").mkdir(parents=True)
    (tmp_path / "vinbigdata" / "train" / f"y{extension}").touch()
    images = read_images("vindr", kaggle(tmp_path, *rows), tmp_path, "vinbigdata")
    assert images["path"].to_pylist() == [
        "vinbigdata/train/x.dicom",  # nowhere: where it should be
        f"vinbigdata/train/y{extension}",
    ]


def test_a_policy_may_leave_a_positive_nodule_or_mass_unknown(tmp_path: Path) -> None:
    rows = [reading("x", r, "Nodule/Mass") for r in READERS]
    rows += [reading("y", r, "Atelectasis") for r in READERS]
    policy = LabelPolicy(nodule_mass="unknown")
    labels = read_labels("vindr", kaggle(tmp_path, *rows), policy=policy)
    assert labels["Nodule"].to_pylist() == labels["Mass"].to_pylist() == [None, 0]
    assert labels["Atelectasis"].to_pylist() == [0, 1]


def test_a_map_of_ones_own_may_add_a_finding_and_take_one_out(tmp_path: Path) -> None:
    rows = [reading("x", r, f) for r in READERS for f in ("Calcification", "Infiltration")]
    own = {"Calcification": ("Calcification of the Aorta",), "Infiltration": ()}
    (labels,) = read_labels(
        "vindr", kaggle(tmp_path, *rows), policy=LabelPolicy(map=own)
    ).to_pylist()
    assert labels["Calcification of the Aorta"] == 1
    assert labels["Infiltration"] is None


def test_fractures_by_bone_and_tuberculosis_are_classes_of_2024(tmp_path: Path) -> None:
    named = {"Rib fracture", "Tuberculosis"}
    path = physionet(tmp_path / "image_labels_train.csv", *(("x", r, named) for r in READERS))
    (labels,) = read_labels("vindr", path, CXR_LT_2024_TASK1).to_pylist()
    assert [n for n in CXR_LT_2024_TASK1 if labels[n] == 1] == [
        "Fracture",
        "Rib Fracture",
        "Tuberculosis",
    ]
    assert labels["Clavicle Fracture"] == 0
    assert labels["Normal"] is None  # No finding is another label


def test_the_test_file_of_physionet_holds_what_its_readers_agreed_on(tmp_path: Path) -> None:
    path = physionet(
        tmp_path / "image_labels_test.csv", ("x", None, {"Edema"}), ("y", None, {"No finding"})
    )
    assert positive(path, min_readers=3) == {"x": {"Edema"}, "y": {"No Finding"}}
    images = read_images("vindr", path, tmp_path, "vindr-cxr")
    assert images["path"].to_pylist() == ["vindr-cxr/test/x.dicom", "vindr-cxr/test/y.dicom"]


def test_an_image_twice_among_the_agreed_ones_is_refused(tmp_path: Path) -> None:
    path = physionet(tmp_path / "image_labels_test.csv", *[("x", None, {"Edema"})] * 2)
    with pytest.raises(DataError, match="line 3, column 'image_id': found 'x'"):
        read_labels("vindr", path)


def test_a_column_that_may_be_a_new_finding_is_refused_by_name(tmp_path: Path) -> None:
    row = {"image_id": "x", "rad_id": "R1", **dict.fromkeys(PHYSIONET[2:], 0), "Covid": 1}
    path = published(tmp_path / "image_labels_train.csv", [*PHYSIONET, "Covid"], [row])
    with pytest.raises(DataError, match="unknown column 'Covid'"):
        read_labels("vindr", path)


def test_a_class_id_of_another_finding_is_refused(tmp_path: Path) -> None:
    names = list(vindr.CLASS_IDS)
    assert sorted(names) == sorted(vindr.KAGGLE)
    # As published, for example: 0 Aortic enlargement, 3 Cardiomegaly, 14 No finding.
    assert [names.index(n) for n in ("Aortic enlargement", "Cardiomegaly")] == [0, 3]
    rows = [{**reading("x", r, "No finding"), "class_id": 14} for r in READERS]
    assert positive(kaggle(tmp_path, *rows)) == {"x": {"No Finding"}}
    rows[1] = {**rows[1], "class_id": 3}
    with pytest.raises(DataError, match="line 3, column 'class_id': found '3'"):
        positive(kaggle(tmp_path, *rows))
