"""Images that are drawn from the cohort, and how often each class is counted."""

import numpy as np
import pyarrow as pa

from camchex.contract import schemas
from camchex.contract.labels import MIMIC_14
from camchex.networks.samples import Cohort, ImageDataset, ImageSamples, cohort_images, prevalence
from camchex.networks.sampling import BatchRows
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
