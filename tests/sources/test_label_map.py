"""Published findings as classes: properties that hold for every table, policy and map."""

import random
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camchex.contract import schemas
from camchex.contract.labels import CXR_LT_2023, CXR_LT_2024_TASK1, MIMIC_14
from camchex.errors import ParamsError
from camchex.sources.external import chexpert, nih, vindr
from camchex.sources.external.label_map import imply_no_finding, known_classes, label_map
from camchex.sources.external.read import read_labels
from camchex.sources.params import LabelPolicy
from tests.sources.raw import CHEXPERT, NIH, PHYSIONET, VINDR, Row, published

READERS = ("R1", "R2", "R3")
NIH_FINDINGS = [name for name in nih.CLASSES if name != "No Finding"]
KAGGLE = [name for name in PHYSIONET[2:] if name in vindr.KAGGLE]

WITH_FILES = settings(deadline=None, max_examples=20)  # each example writes a file
policies = st.builds(
    LabelPolicy,
    uncertain=st.sampled_from(["unknown", "positive", "negative"]),
    unmentioned=st.sampled_from(["unknown", "negative"]),
    min_readers=st.integers(1, 3),
    nodule_mass=st.sampled_from(["both", "unknown"]),
    no_finding_source_hard=st.booleans(),
)
cells = st.sampled_from(["1.0", "0.0", "-1.0", ""])
chexpert_rows = st.lists(st.fixed_dictionaries(dict.fromkeys(MIMIC_14, cells)), min_size=1)
nih_rows = st.lists(
    st.just("No Finding") | st.sets(st.sampled_from(NIH_FINDINGS), min_size=1).map("|".join),
    min_size=1,
)
readings = st.lists(  # a reader may contradict herself, and readers one another
    st.fixed_dictionaries(
        {r: st.just({"No finding"}) | st.sets(st.sampled_from(KAGGLE), min_size=1) for r in READERS}
    ),
    min_size=1,
    max_size=8,
)


def chexpert_table(folder: str, rows: list[dict[str, str]], seed: int = 0) -> Path:
    name = "train/patient00001/study1/view{}_frontal.jpg"
    full = [{"Path": name.format(i), **row} for i, row in enumerate(rows)]
    random.Random(seed).shuffle(full)  # noqa: S311  # repeatable, not secret
    return published(Path(folder) / "train.csv", CHEXPERT, full)


def nih_table(folder: str, rows: list[str], seed: int = 0) -> Path:
    full = [{"Image Index": f"{i}.png", "Finding Labels": cell} for i, cell in enumerate(rows)]
    random.Random(seed).shuffle(full)  # noqa: S311
    return published(Path(folder) / "Data_Entry.csv", NIH, full)


def kaggle_table(folder: str, images: list[dict[str, set[str]]], seed: int = 0) -> Path:
    full: list[Row] = [
        {"image_id": f"x{i}", "rad_id": reader, "class_name": finding}
        for i, image in enumerate(images)
        for reader, named in image.items()
        for finding in named
    ]
    random.Random(seed).shuffle(full)  # noqa: S311
    return published(Path(folder) / "train.csv", VINDR, full)


def physionet_table(folder: str, images: list[dict[str, set[str]]]) -> Path:
    full: list[Row] = [
        {"image_id": f"x{i}", "rad_id": reader, **{f: int(f in named) for f in PHYSIONET[2:]}}
        for i, image in enumerate(images)
        for reader, named in image.items()
    ]
    return published(Path(folder) / "image_labels_train.csv", PHYSIONET, full)


def by_hand(cell: str, policy: LabelPolicy) -> int | None:
    meaning = {"unknown": None, "positive": 1, "negative": 0}
    if cell in ("-1.0", ""):
        return meaning[policy.uncertain if cell else policy.unmentioned]
    return int(float(cell))


@WITH_FILES
@given(chexpert_rows, policies, st.integers(0, 99))
def test_chexpert_means_what_the_policy_says_in_any_order_of_the_rows(
    rows: list[dict[str, str]], policy: LabelPolicy, seed: int
) -> None:
    with TemporaryDirectory() as folder:
        known = read_labels("chexpert", chexpert_table(folder, rows, seed), policy=policy)
    assert known.num_rows == len(rows)
    found = {row["image_id"]: row for row in known.to_pylist()}
    for i, row in enumerate(rows):
        image = found[f"train/patient00001/study1/view{i}_frontal.jpg"]
        expected = {name: by_hand(cell, policy) for name, cell in row.items()}
        if any(expected[n] == 1 for n in MIMIC_14 if n not in ("No Finding", "Support Devices")):
            expected["No Finding"] = expected["No Finding"] and 0  # an unknown one stays unknown
        if not policy.no_finding_source_hard:
            expected["No Finding"] = None
        assert {name: image[name] for name in MIMIC_14} == expected
        assert all(image[name] is None for name in CXR_LT_2023 if name not in MIMIC_14)


@WITH_FILES
@given(nih_rows, policies, st.integers(0, 99))
def test_nih_positives_are_the_findings_named_in_any_order_of_the_rows(
    rows: list[str], policy: LabelPolicy, seed: int
) -> None:
    with TemporaryDirectory() as folder:
        known = read_labels("nih", nih_table(folder, rows, seed), policy=policy)
    assert known.num_rows == len(rows)
    found = {row["image_id"]: row for row in known.to_pylist()}
    here = {"Effusion": "Pleural Effusion", "Pleural_Thickening": "Pleural Thickening"}
    for i, cell in enumerate(rows):
        positive = {here.get(name, name) for name in cell.split("|")}
        if not policy.no_finding_source_hard:
            positive -= {"No Finding"}
        image = found[f"{i}.png"]
        assert {n for n in CXR_LT_2023 if image[n] == 1} == positive
        assert {image[n] for n in CXR_LT_2023} <= {1, 0, None}


@WITH_FILES
@given(readings, policies, st.integers(0, 99))
def test_vindr_is_a_count_of_readers_in_both_releases_and_any_order_of_the_rows(
    images: list[dict[str, set[str]]], policy: LabelPolicy, seed: int
) -> None:
    with TemporaryDirectory() as folder:
        kaggle = read_labels("vindr", kaggle_table(folder, images, seed), policy=policy)
        physionet = read_labels("vindr", physionet_table(folder, images), policy=policy)
    assert kaggle.num_rows == len(images)
    for i, image in enumerate(images):
        votes = Counter(finding for named in image.values() for finding in named)
        enough = {finding for finding, n in votes.items() if n >= policy.min_readers}
        found = kaggle.to_pylist()[i]
        for finding, names in vindr.KAGGLE.items():
            for name in names:
                expected: int | None = int(votes[finding] >= policy.min_readers)
                if finding == "No finding":
                    expected = int(bool(expected) and not any(enough - {finding}))
                if finding == "Nodule/Mass" and policy.nodule_mass == "unknown":
                    expected = expected and None
                if finding == "No finding" and not policy.no_finding_source_hard:
                    expected = None
                assert found[name] == expected, name
    shared = [n for names in vindr.KAGGLE.values() for n in names]
    assert physionet.select(["image_id", *shared]) == kaggle.select(["image_id", *shared])


bools = st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=1)


@given(bools, bools)
def test_a_class_of_two_findings_is_positive_if_either_is_and_negative_if_both_are(
    a: list[bool | None], b: list[bool | None]
) -> None:
    findings = {name: pa.array(v, pa.bool_()) for name, v in (("a", a), ("b", b))}
    (found,) = known_classes(findings, {"a": ("x",), "b": ("x",)})["x"].to_pylist()
    assert found == (1 if True in (*a, *b) else None if None in (*a, *b) else 0)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"Effusions": ()}, r"external\.own\.labels\.map: no finding 'Effusions'.*Effusion,"),
        ({"Effusion": ("Pleural Efusion",)}, "'Effusion' is to be 'Pleural Efusion'.*labels.space"),
        ({"No Finding": ("Normal",)}, "'Normal', which labels.space does not have"),
    ],
)
def test_a_map_that_names_what_there_is_not_is_refused(
    own: dict[str, tuple[str, ...]], message: str
) -> None:
    with pytest.raises(ParamsError, match=message):
        label_map(nih.CLASSES, LabelPolicy(map=own), CXR_LT_2023, "own")


def test_no_finding_is_normal_only_where_a_map_says_so(tmp_path: Path) -> None:
    path = nih_table(str(tmp_path), ["No Finding", "Mass"])
    silent = read_labels("nih", path, CXR_LT_2024_TASK1)
    assert silent["Normal"].to_pylist() == [None, None]
    own = LabelPolicy(map={"No Finding": ("Normal",)})
    assert read_labels("nih", path, CXR_LT_2024_TASK1, policy=own)["Normal"].to_pylist() == [1, 0]


def test_a_finding_may_be_another_class(tmp_path: Path) -> None:
    path = nih_table(str(tmp_path), ["Infiltration", "Mass"])
    own = LabelPolicy(map={"Infiltration": ("Lung Opacity",), "Mass": ("Mass", "Lung Lesion")})
    labels = read_labels("nih", path, policy=own)
    assert labels["Lung Opacity"].to_pylist() == [1, 0]
    assert labels["Lung Lesion"].to_pylist() == labels["Mass"].to_pylist() == [0, 1]
    assert labels["Infiltration"].to_pylist() == [None, None]


@pytest.mark.parametrize("published_map", [chexpert.CLASSES, nih.CLASSES, vindr.PHYSIONET])
def test_every_class_of_every_source_is_one_of_cxr_lt(
    published_map: dict[str, tuple[str, ...]],
) -> None:
    named = {name for names in published_map.values() for name in names}
    assert named <= {*CXR_LT_2023, *CXR_LT_2024_TASK1}


label_rows = st.lists(
    st.fixed_dictionaries({n: st.sampled_from([1.0, 0.0, None]) for n in CXR_LT_2023}), min_size=1
)


def label_table(*values: dict) -> pa.Table:
    full = [{"dataset": "x", "image_id": str(i), **v} for i, v in enumerate(values)]
    return pa.Table.from_pylist(full, schema=schemas.labels(CXR_LT_2023))


@given(label_rows)
@settings(max_examples=30)
def test_only_an_unknown_no_finding_beside_a_positive_finding_changes(values: list[dict]) -> None:
    before = label_table(*values)
    after = imply_no_finding(before, CXR_LT_2023)
    assert after.schema == before.schema
    for old, new in zip(before.to_pylist(), after.to_pylist(), strict=True):
        sick = any(old[n] == 1 for n in CXR_LT_2023 if n not in ("No Finding", "Support Devices"))
        expected = 0 if sick and old["No Finding"] is None else old["No Finding"]
        assert new == {**old, "No Finding": expected}


@pytest.mark.parametrize("name", sorted(set(CXR_LT_2023) - {"No Finding", "Support Devices"}))
def test_every_finding_alone_implies_it(name: str) -> None:
    assert imply_no_finding(label_table({name: 1}), CXR_LT_2023)["No Finding"].to_pylist() == [0]


def test_a_device_alone_implies_nothing() -> None:
    after = imply_no_finding(label_table({"Support Devices": 1}), CXR_LT_2023)
    assert after["No Finding"].to_pylist() == [None]


def test_a_space_without_no_finding_is_left_alone() -> None:
    classes = [name for name in MIMIC_14 if name != "No Finding"]
    before = label_table({"Edema": 1}).select(["dataset", "image_id", *classes])
    assert imply_no_finding(before, classes) == before
