"""Training of a classifier on several sets: what it starts from, and what it publishes."""

from pathlib import Path

import pytest
import torch

from camchex.errors import DataError
from camchex.networks.image_classifier import ImageClassifier, build_image_classifier
from camchex.noisy_student.image_training import train_on_images
from camchex.training.recipe import Recipe
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
    train_on_images(started, sets, samples(6, seed=3), recipe(tmp_path, 5), tmp_path / "scratch")
    found = ImageClassifier.from_pretrained(tmp_path / "net").state_dict()
    for seed, same in ((5, True), (6, False)):
        torch.manual_seed(seed)
        expected = started().state_dict()["encoder.backbone.stem.0.weight"]
        weight = found["encoder.backbone.stem.0.weight"]
        assert torch.allclose(weight, expected, atol=1e-6) == same
    rows = (tmp_path / "curves" / "sources.tsv").read_text().splitlines()
    assert rows == ["source\tsamples\tshare", "mimic\t12\t0.75", "nih\t4\t0.25"]


def test_nothing_is_published_of_a_set_without_images(tmp_path: Path) -> None:
    nothing = {"mimic": samples(0)}
    with pytest.raises(DataError, match="no such image or study"):
        train_on_images(started, nothing, samples(6), recipe(tmp_path, 0), tmp_path / "scratch")
    assert not list(tmp_path.iterdir())
