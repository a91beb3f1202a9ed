"""What is drawn from the cohort, in which order, and how often each class is counted."""

from itertools import chain

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camchex.contract import schemas
from camchex.contract.labels import MIMIC_14
from camchex.fusion.study_samples import cohort_studies
from camchex.networks.samples import Cohort, ImageDataset, ImageSamples, cohort_images, prevalence
from camchex.networks.sampling import BatchRows, ShuffledBatches, derived_seed, equal_shares
from tests.training.factories import MemoryStore, samples

CLASSES = ("Edema", "Mass")


def cohort() -> Cohort:
    rows = [
        ("a", "train", ["a1", "a2"], ["frontal", "lateral"], 1.0, None, "cough ."),
        ("b", "test", ["b1"], ["frontal"], 0.0, 0.0, None),
        ("c", "train", ["c1"], ["lateral"], 0.0, 1.0, None),
    ]
    columns = {
        "study_id": [r[0] for r in rows],
        "patient_id": [f"p{r[0]}" for r in rows],
        "split": [r[1] for r in rows],
        "image_ids": [r[2] for r in rows],
        "views": [r[3] for r in rows],
        "indication": [r[6] for r in rows],
        "vitals_text": ["Gender: F"] * 3,
        "Edema": [r[4] for r in rows],
        "Mass": [r[5] for r in rows],
    }
    columns |= {f"mimic14.{name}": [None] * 3 for name in MIMIC_14}
    images = np.arange(4, dtype=np.uint8)[:, None, None].repeat(2, 1).repeat(2, 2)
    table = pa.table(columns, schema=schemas.cohort(CLASSES))
    return Cohort(table, MemoryStore(images, ["c1", "b1", "a2", "a1"]), CLASSES)


def test_every_image_of_a_split_has_the_labels_of_its_study() -> None:
    train = cohort_images(cohort(), "train")
    assert [train.store.image_ids[row] for row in train.rows] == ["a1", "a2", "c1"]
    np.testing.assert_array_equal(train.targets, [[1, np.nan], [1, np.nan], [0, 1]])


def test_a_view_takes_its_own_images_only() -> None:
    lateral = cohort_images(cohort(), "train", view="lateral")
    assert [lateral.store.image_ids[row] for row in lateral.rows] == ["a2", "c1"]
    np.testing.assert_array_equal(lateral.targets, [[1, np.nan], [0, 1]])


def test_a_split_without_images_is_empty_and_keeps_its_shape() -> None:
    nothing = cohort_images(cohort(), "development")
    assert len(nothing) == 0
    assert nothing.targets.shape == (0, 2)


def test_studies_keep_the_order_of_the_cohort() -> None:
    studies = cohort_studies(cohort(), ["train", "test"])
    assert studies.study_ids == ["a", "b", "c"]
    assert studies.splits == ["train", "test", "train"]
    assert [row.tolist() for row in studies.rows] == [[3, 2], [1], [0]]
    assert [side.tolist() for side in studies.lateral] == [[False, True], [False], [True]]
    assert studies.indications == ["cough .", None, None]


def test_prevalence_counts_images_and_leaves_out_what_is_unknown() -> None:
    targets = np.array([[1, np.nan], [0.25, 1], [0, 0]], dtype=np.float32)
    counts = prevalence(targets, images=np.array([2, 4, 1]))
    np.testing.assert_allclose(counts.positives, [2 + 1, 4])
    np.testing.assert_allclose(counts.known, [7, 5])
    np.testing.assert_allclose(prevalence(targets).positives, [1.25, 1])


def test_a_class_of_which_nothing_is_known_divides_nothing_by_zero() -> None:
    counts = prevalence(np.full((3, 1), np.nan, np.float32))
    assert (counts.positives[0], counts.known[0]) == (0, 1)


def test_mixed_sets_keep_image_and_label_together() -> None:
    parts = [samples(5, seed=1), samples(3, seed=2), samples(7, seed=3)]
    mixed = ImageDataset(parts)
    rows = np.array([14, 0, 7, 4, 8, 5])
    batch = mixed[BatchRows(0, rows)]
    expected = [(2, 6), (0, 0), (1, 2), (0, 4), (2, 0), (1, 0)]
    for place, (part, row) in enumerate(expected):
        np.testing.assert_array_equal(batch.inputs[place, 0], parts[part].store.images[row])
        np.testing.assert_array_equal(batch.targets[place], parts[part].targets[row])


def test_unknown_labels_are_masked() -> None:
    store = MemoryStore(np.zeros((1, 2, 2), np.uint8), ["x"])
    part = ImageSamples(store, np.array([0]), np.array([[np.nan, 1]], np.float32))
    batch = ImageDataset([part])[BatchRows(0, np.array([0]))]
    assert batch.known.tolist() == [[False, True]]
    assert batch.targets.tolist() == [[0, 1]]


@given(st.integers(1, 60), st.integers(1, 16), st.integers(1, 3), st.integers(0, 5))
def test_devices_share_each_batch_of_an_epoch_without_overlap(
    total: int, size: int, devices: int, epoch: int
) -> None:
    def batches(device: int, of: int) -> list[list[int]]:
        sampler = ShuffledBatches(total, size, seed=3, device=device, devices=of)
        sampler.set_epoch(epoch)
        assert len(list(sampler)) == len(sampler)
        return [batch.rows.tolist() for batch in sampler]

    alone = batches(0, 1)
    shared = [batches(device, devices) for device in range(devices)]
    together = [sorted(chain(*parts)) for parts in zip(*shared, strict=True)]
    assert [sorted(batch) for batch in alone] == together
    flat = list(chain(*alone))
    assert len(set(flat)) == len(flat) == total // min(size, total) * min(size, total)


def test_every_epoch_has_its_own_order() -> None:
    sampler = ShuffledBatches(50, 10, seed=0)
    first = np.concatenate([b.rows for b in sampler])
    sampler.set_epoch(1)
    assert np.concatenate([b.rows for b in sampler]).tolist() != first.tolist()
    assert derived_seed(1, 11) != derived_seed(11, 1)


@pytest.mark.parametrize("devices", [1, 2, 3])
def test_ordered_batches_reach_every_row_and_all_devices_have_as_many(devices: int) -> None:
    shares = [list(equal_shares(10, 4, device, devices)) for device in range(devices)]
    rows = [np.concatenate([b.rows for b in share]) for share in shares]
    assert len({len(r) for r in rows}) == 1
    assert set(np.concatenate(rows).tolist()) == set(range(10))
    if devices == 1:
        assert rows[0].tolist() == list(range(10))
