"""Training of a classifier on several sets: what it starts from, and what it publishes."""

import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from camchex.errors import DataError
from camchex.networks.image_classifier import ImageClassifier, build_image_classifier
from camchex.networks.samples import ImageSamples
from camchex.noisy_student.image_training import as_learnt, image_task
from camchex.noisy_student.params import PseudoLabelParams
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


def labelled(seed: int) -> dict[str, ImageSamples]:
    """Two sets of published labels, a teacher's probabilities, and unknown ones."""
    draw = np.random.default_rng(seed)
    sets = {"nih": samples(40, seed=1), "vindr": samples(25, seed=2)}
    for one in sets.values():
        kind = draw.random(one.targets.shape)
        predicted = draw.uniform(0.01, 0.99, one.targets.shape)
        one.targets[:] = np.where(kind < 0.6, predicted, np.where(kind < 0.9, one.targets, np.nan))
    sets["nih"].targets[:, 3] = sets["vindr"].targets[:, 3] = 1  # a class that is always published
    return sets


def test_labels_are_learnt_as_they_are_where_nothing_is_asked() -> None:
    sets = labelled(0)
    assert as_learnt(sets, PseudoLabelParams(temperature=1, keep=1)) is sets


@pytest.mark.parametrize("temperature", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("keep", [0.3, 0.9, 1.0])
def test_the_extremes_of_a_class_are_kept_and_sharpened(temperature: float, keep: float) -> None:
    if temperature == keep == 1:
        return
    sets = labelled(5)
    found = as_learnt(sets, PseudoLabelParams(temperature=temperature, keep=keep))
    before = np.concatenate([one.targets for one in sets.values()]).astype(np.float64)
    after = np.concatenate([found[key].targets for key in sets])
    for q in range(4):
        ranked = sorted(p for p in before[:, q] if 0 < p < 1)
        half = keep * len(ranked) / 2  # on each side, up to the rounding
        place = {p: min(i + 1, len(ranked) - i) for i, p in enumerate(ranked)}
        for p, y in zip(before[:, q], after[:, q], strict=True):
            if not 0 < p < 1:
                assert y == p or (math.isnan(y) and math.isnan(p))
            elif math.isnan(y):
                assert place[p] > half - 1.5
            else:
                assert place[p] <= half + 1.5
                log_odds = math.log(p / (1 - p)) / temperature
                assert y == pytest.approx(1 / (1 + math.exp(-log_odds)), rel=1e-5)
    if keep == 1:
        assert np.isnan(after).sum() == np.isnan(before).sum()


def test_the_coldest_temperature_gives_hard_labels_and_no_warning() -> None:
    found = as_learnt(labelled(2), PseudoLabelParams(temperature=1e-9, keep=1.0))
    values = np.concatenate([one.targets for one in found.values()])
    assert set(np.unique(values[~np.isnan(values)])) == {0.0, 1.0}
