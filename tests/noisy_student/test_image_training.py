"""Training of a classifier on several sets: what it starts from, and what it publishes."""

from functools import partial
from pathlib import Path

import pytest
import torch

from camchex.errors import DataError
from camchex.networks.image_classifier import ImageClassifier, build_image_classifier
from camchex.noisy_student.image_training import image_task
from camchex.training.recipe import Recipe, train_once
from tests.networks.small import encoder_params
from tests.training.factories import AUGMENTATION, RUNTIME, SIZE, TRAINING, samples

CLASSES = ("a", "b", "c", "d")
ONE_EPOCH = TRAINING.model_copy(update={"epochs": 1, "learning_rate": 1e-12})


def started() -> ImageClassifier:
    return build_image_classifier(encoder_params(), CLASSES, SIZE)


def recipe(folder: Path, seed: int) -> Recipe:
    training = ONE_EPOCH.model_copy(update={"seed": seed})
    return Recipe(training, AUGMENTATION, RUNTIME, folder / "net", folder / "curves")


def test_new_weights_follow_from_the_seed_and_every_set_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sets = {"mimic": samples(12, seed=1), "nih": samples(4, seed=2)}
    how = recipe(tmp_path, 5)
    task = partial(image_task, started, lambda: (sets, samples(6, seed=3)), how)
    train_once(how, task, Path(__file__), [], [])
    trained = ImageClassifier.from_pretrained(tmp_path / "net")
    assert not trained.mirrored  # as no training image was
    found = trained.state_dict()
    for seed, same in ((5, True), (6, False)):
        torch.manual_seed(seed)
        expected = started().state_dict()["encoder.backbone.stem.0.weight"]
        weight = found["encoder.backbone.stem.0.weight"]
        assert torch.allclose(weight, expected, atol=1e-6) == same
    rows = (tmp_path / "curves" / "sources.tsv").read_text().splitlines()
    assert rows == ["source\tsamples\tshare", "mimic\t12\t0.75", "nih\t4\t0.25"]


def test_nothing_is_published_of_a_set_without_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    how = recipe(tmp_path, 0)
    task = partial(image_task, started, lambda: ({"mimic": samples(0)}, samples(6)), how)
    with pytest.raises(DataError, match="no such image or study"):
        train_once(how, task, Path(__file__), [], [])
    assert not how.out.exists()
    assert not how.curves.exists()
