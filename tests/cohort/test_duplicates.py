"""The same picture under several ids is found and counted, wherever its copies are."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from camchex.cohort.duplicates import ALIKE, DataSet, alike, find_duplicates
from camchex.contract import schemas
from camchex.contract.image_store import ImageStore
from camchex.errors import DataError
from camchex.images.shards import ShardWriter
from camchex.images.stored_image import stored_image
from tests.images.test_stored_image import noise

BITS, SURE = 256, 16  # two that differ in fewer bits than there are words agree in a word


def words(bits: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return np.packbits(bits, axis=1).view(np.uint16)


def every_pair(bits: NDArray[np.uint8], most: int) -> set[tuple[int, int]]:
    """The oracle: each is compared with each."""
    distance = (bits[:, None] != bits[None]).sum(axis=2)
    near = np.minimum(distance, BITS - distance) <= most  # opposite bits: turned-round grey levels
    return set(zip(*map(np.ndarray.tolist, np.nonzero(np.triu(near, 1))), strict=True))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.sampled_from([0.5, 0.9, 1.0]))
def test_all_that_differ_in_few_bits_are_found_and_nothing_else(
    seed: int, number: int, biased: float
) -> None:
    rng = np.random.default_rng(seed)
    bits = (rng.random((number, BITS)) < biased).astype(np.uint8)
    for row in range(1, number, 2):  # a version of the row before
        bits[row] = bits[row - 1]
        bits[row, rng.permutation(BITS)[: rng.integers(0, 2 * ALIKE)]] ^= 1
        bits[row] ^= row // 2 % 2  # some are inverted
    pairs = {(min(a, b), max(a, b)) for a, b in alike(words(bits)).tolist()}
    assert every_pair(bits, SURE - 1) <= pairs <= every_pair(bits, ALIKE)


def test_most_that_differ_in_as_many_bits_as_are_allowed_are_found() -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, (2000, BITS), dtype=np.uint8)
    bits[1::2] = bits[::2]
    for row in bits[1::2]:
        row[rng.permutation(BITS)[:ALIKE]] ^= 1
    pairs = {(min(a, b), max(a, b)) for a, b in alike(words(bits)).tolist()}
    assert pairs <= {(row, row + 1) for row in range(0, 2000, 2)}
    assert len(pairs) > 0.97 * 1000  # 16 words, of which a random one is changed with 0.79


@pytest.mark.parametrize("number", [0, 1])
def test_without_a_pair_nothing_is_found(number: int) -> None:
    assert alike(np.zeros((number, 16), np.uint16)).shape == (0, 2)


PICTURES = {  # image: patient, study, split, picture, brightness
    "a1": ("p1", "s1", "train", 1, 0),
    "a2": ("p1", "s1", "train", 1, 9),  # the same patient
    "b1": ("p2", "s2", "train", 2, 0),
    "c1": ("p3", "s3", "train", 2, 9),  # another patient
    "d1": ("p4", "s4", "test", 3, 0),
    "e1": ("p5", "s5", "train", 3, 0),  # a copy in training
    "f1": ("p6", "s6", "development", 4, 0),
    "g1": ("p7", "s7", None, 4, 9),  # in no split
    "h1": ("p8", "s8", "test", 5, 0),
    "i1": ("p9", "s9", "development", 6, 0),
    "j1": ("p1", "s0", "train", 7, 0),  # nothing like it
}
OUTSIDE = {  # of an external set: patient and study by the names of its own
    "x1": ("p1", "x1", None, 5, 9),  # in MIMIC's test
    "x2": ("p2", "x2", None, 6, 0),  # in development
    "x3": ("p3", "x3", None, 1, 0),  # in training only
    "x4": ("p4", "x4", None, 8, 0),
}
Pictures = dict[str, tuple[str, str, str | None, int, int]]


def data_set(folder: Path, pictures: Pictures) -> DataSet:
    folder.mkdir()
    writer = ShardWriter(folder, 64, shard_mb=1)
    rows = []
    for image_id, (patient, study, _, seed, brightness) in sorted(pictures.items()):
        writer.add(image_id, stored_image(noise(seed) // 2 + np.uint8(brightness), 95))
        row = {"image_id": image_id, "patient_id": patient, "study_id": study, "path": image_id}
        rows.append(row | {"dataset": folder.name, "view": "frontal", "view_source": "view"})
    writer.close()
    return DataSet(ImageStore(folder), pa.Table.from_pylist(rows, schema=schemas.IMAGES))


def studies() -> pa.Table:
    rows = {
        study: {"study_id": study, "patient_id": patient, "split": split}
        for patient, study, split, *_ in PICTURES.values()
    }
    rows = [row | {"study_time": datetime(2150, 1, 1)} for row in rows.values()]
    return pa.Table.from_pylist(rows, schema=schemas.STUDIES)


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, DataSet]:
    return {
        "nih": data_set(tmp_path / "nih", OUTSIDE),
        "mimic": data_set(tmp_path / "mimic", PICTURES),
    }


def test_the_cohort_is_counted_across_patients_and_splits(sets: dict[str, DataSet]) -> None:
    _, counts = find_duplicates({"mimic": sets["mimic"]}, studies())
    names = ("images", "repeated", "across_patients", "across_splits", "in_development", "in_test")
    alike = (11, 8, 6, 2, 1, 1)  # a b c d e f g; all but a; d e; g like f; e like d
    exact = (11, 2, 2, 2, 0, 1)  # d e
    assert counts == {
        "exact": {"mimic": dict(zip(names, exact, strict=True))},
        "alike": {"mimic": dict(zip(names, alike, strict=True))},
    }


def test_an_external_set_is_held_against_development_and_test(sets: dict[str, DataSet]) -> None:
    _, counts = find_duplicates(sets, studies())
    found = counts["alike"]["nih"]
    assert [found[name] for name in ("images", "repeated", "in_development", "in_test")] == [
        *(4, 3),
        *(1, 1),
    ]
    assert (found["across_patients"], found["across_splits"]) == (3, 0)  # ids are a set's own
    assert (counts["exact"]["nih"]["in_development"], counts["exact"]["nih"]["in_test"]) == (1, 0)
    assert counts["alike"]["mimic"]["across_patients"] == 10


def test_every_copy_is_listed_with_its_group(sets: dict[str, DataSet]) -> None:
    listed, _ = find_duplicates(sets, studies())
    assert listed.schema.equals(schemas.DUPLICATES)
    groups: dict[int, list[str]] = {}
    for row in listed.to_pylist():
        groups.setdefault(row["group"], []).append(row["image_id"])
        pictures = PICTURES | OUTSIDE
        assert (row["patient_id"], row["study_id"], row["split"]) == pictures[row["image_id"]][:3]
    assert sorted(groups) == list(range(6))
    assert sorted(map(sorted, groups.values())) == [
        ["a1", "a2", "x3"],
        ["b1", "c1"],
        ["d1", "e1"],
        ["f1", "g1"],
        ["h1", "x1"],
        ["i1", "x2"],
    ]
    exact = {row["image_id"] for row in listed.to_pylist() if row["exact"]}
    assert exact == {"a1", "x3", "d1", "e1", "i1", "x2"}


def test_what_is_alike_to_one_of_a_group_belongs_to_it(tmp_path: Path) -> None:
    """Three versions in a chain are one group, though the ends differ in more bits than allowed."""
    rng = np.random.default_rng(0)
    bits = np.repeat(rng.integers(0, 2, (1, BITS), dtype=np.uint8), 3, axis=0)
    bits[1, :SURE] ^= 1
    bits[2, : 2 * SURE - 1] ^= 1
    folder = tmp_path / "mimic"
    folder.mkdir()
    writer = ShardWriter(folder, 64, shard_mb=1)
    image = stored_image(noise(1), 95)
    for image_id, one in zip("abc", bits, strict=True):
        writer.add(image_id, image._replace(fingerprint=np.packbits(one).tobytes()))
    writer.close()
    images = data_set(tmp_path / "other", {i: (i, i, None, 1, 0) for i in "abc"}).images
    listed, _ = find_duplicates({"mimic": DataSet(ImageStore(folder), images)}, studies())
    assert listed["group"].to_pylist() == [0, 0, 0]


def test_an_inverted_copy_is_alike(tmp_path: Path) -> None:
    folder = tmp_path / "mimic"
    folder.mkdir()
    writer = ShardWriter(folder, 64, shard_mb=1)
    for image_id, image in zip("abc", (noise(1), 255 - noise(1), noise(2)), strict=True):
        writer.add(image_id, stored_image(image, 95))
    writer.close()
    images = data_set(tmp_path / "other", {i: (i, i, None, 1, 0) for i in "abc"}).images
    listed, _ = find_duplicates({"mimic": DataSet(ImageStore(folder), images)}, studies())
    assert listed["image_id"].to_pylist() == ["a", "b"]


def test_an_image_that_the_table_lacks_is_named(sets: dict[str, DataSet]) -> None:
    lacking = DataSet(sets["nih"].store, sets["nih"].images.slice(1))
    with pytest.raises(DataError, match=r"nih: 1 image not in the table .*first x1"):
        find_duplicates({"nih": lacking}, studies())
