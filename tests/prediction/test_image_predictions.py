"""Image classifiers alone: a study has the mean of the probabilities of its images."""

import numpy as np
import pyarrow as pa
import pytest
import torch

from camchex.contract import schemas
from camchex.contract.labels import MIMIC_14
from camchex.errors import DataError, ModelError
from camchex.networks.image_classifier import build_image_classifier
from camchex.networks.samples import Cohort
from camchex.prediction.image_predictions import predict_by_image, study_means
from tests.networks.small import CLASSES, SIZE, classifier, encoder_params
from tests.training.factories import RUNTIME, MemoryStore

STUDIES = {
    "a": ("test", ["frontal", "lateral", "frontal"]),
    "b": ("train", ["frontal"]),
    "c": ("development", ["lateral"]),
    "d": ("test", ["lateral", "frontal"]),
}


def cohort() -> Cohort:
    """Four studies of all splits, some of several images."""
    image_ids = {key: [f"{key}{i}" for i in range(len(v))] for key, (_, v) in STUDIES.items()}
    columns = {
        "study_id": list(STUDIES),
        "patient_id": list(STUDIES),
        "split": [split for split, _ in STUDIES.values()],
        "image_ids": list(image_ids.values()),
        "views": [views for _, views in STUDIES.values()],
        "indication": [None] * 4,
        "vitals_text": [""] * 4,
        **{name: [0.0] * 4 for name in CLASSES},
        **{f"mimic14.{name}": [None] * 4 for name in MIMIC_14},
    }
    names = [name for ids in image_ids.values() for name in ids]
    pixels = np.random.default_rng(0).integers(0, 256, (len(names), SIZE, SIZE), dtype=np.uint8)
    table = pa.table(columns, schema=schemas.cohort(CLASSES))
    return Cohort(table, MemoryStore(pixels[::-1], names[::-1]), CLASSES)


def test_a_study_has_the_mean_of_its_images_each_by_the_model_of_its_view() -> None:
    models = {"frontal": classifier(1), "lateral": classifier(2)}
    studies = cohort()
    table = predict_by_image(models, studies, ["development", "test"], RUNTIME)
    assert table["study_id"].to_pylist() == ["a", "c", "d"]
    assert table["split"].to_pylist() == ["test", "development", "test"]
    for row, key in enumerate(("a", "c", "d")):
        each = []
        for number, view in enumerate(STUDIES[key][1]):
            (place,) = studies.store.rows([f"{key}{number}"])
            grey = torch.from_numpy(studies.store.images[place] / np.float32(255))[None, None]
            with torch.no_grad():
                both = [models[view](grey).sigmoid(), models[view](grey.flip(-1)).sigmoid()]
            each.append(torch.cat(both).mean(0))
        expected = torch.stack(each).mean(0).numpy()
        found = [table[name][row].as_py() for name in CLASSES]
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_classifiers_of_different_classes_are_refused() -> None:
    other = build_image_classifier(encoder_params(), CLASSES[:2], SIZE)
    with pytest.raises(ModelError, match="classes"):
        predict_by_image({"frontal": classifier(), "lateral": other}, cohort(), ["test"], RUNTIME)


def test_the_mean_over_images_is_taken_within_each_study() -> None:
    by_image = np.array([[0.1], [0.3], [0.8], [0.2], [0.2], [0.5]], np.float32)
    means = study_means(by_image, np.array([2, 1, 3]))
    np.testing.assert_allclose(means[:, 0], [0.2, 0.8, 0.3], rtol=1e-6)
    with pytest.raises(DataError, match="no image"):
        study_means(by_image, np.array([6, 0]))
