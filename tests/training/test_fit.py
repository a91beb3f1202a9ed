"""Training resumes, repeats, averages, and keeps the best epoch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from camchex.errors import ModelError, ParamsError
from camchex.models.loss import asymmetric_loss, weighted_asymmetric_loss
from camchex.training.augmentation import Augmentation
from camchex.training.device import device_of
from camchex.training.fit import CHECKPOINT, fit
from camchex.training.learner import Learner
from camchex.training.sampling import BatchRows
from camchex.training.selection import Checkpoint
from camchex.training_params import TrainingParams
from tests.training.factories import (
    AUGMENTATION,
    RUNTIME,
    SIZE,
    TRAINING,
    image_task,
    small_network,
)


class Killed(BaseException):
    """Stands for a signal: nothing in the code under test catches it."""


def train(scratch: Path, params: TrainingParams = TRAINING, **sizes: int) -> tuple[dict, list]:
    torch.manual_seed(params.seed)
    network = small_network()
    task = image_task(network, Augmentation(AUGMENTATION, SIZE), **sizes)
    history = fit(task, params, RUNTIME, scratch)
    return {name: value.clone() for name, value in network.state_dict().items()}, history


def assert_same(one: tuple[dict, list], other: tuple[dict, list]) -> None:
    assert one[1] == other[1]
    for name, value in one[0].items():
        assert torch.equal(value, other[0][name]), name


def kill_after(monkeypatch: pytest.MonkeyPatch, epoch: int, *, saved: bool) -> None:
    save = Checkpoint.on_train_epoch_end

    def die(self: Checkpoint, trainer: object, module: object) -> None:
        if trainer.current_epoch == epoch and not saved:
            raise Killed
        save(self, trainer, module)
        if trainer.current_epoch == epoch:
            raise Killed

    monkeypatch.setattr(Checkpoint, "on_train_epoch_end", die)


def count_epochs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Epochs that are trained from now on."""
    epochs = []
    start = Learner.on_train_epoch_start

    def count(self: Learner) -> None:
        epochs.append(self.current_epoch)
        start(self)

    monkeypatch.setattr(Learner, "on_train_epoch_start", count)
    return epochs


@pytest.mark.parametrize("loss", ["weighted", "original"])
def test_the_loss_is_the_one_that_is_asked_for(loss: str) -> None:
    task = image_task(small_network().eval(), nn.Identity())
    params = TRAINING.model_copy(update={"loss": loss})
    learner = Learner(task.network, task.augment, task.prevalence, params, steps_per_epoch=1)
    batch = task.train[BatchRows(0, np.arange(8))]
    logits = task.network(batch.inputs / 255)
    expected = {
        "weighted": weighted_asymmetric_loss(
            logits, batch.targets, learner.positives, learner.known
        ),
        "original": asymmetric_loss(logits, batch.targets),
    }
    torch.testing.assert_close(learner.training_step(batch), expected[loss])
    assert not torch.isclose(expected["weighted"], expected["original"])


VARIANTS = {
    "averaged": TRAINING,
    "not averaged": TRAINING.model_copy(update={"ema_decay": None}),
    "accumulated": TRAINING.model_copy(update={"accumulate": 2, "decay_norm_and_bias": False}),
    "restarting": TRAINING.model_copy(update={"schedule": "cosine_restarts_each_epoch"}),
}


@pytest.mark.parametrize("params", VARIANTS.values(), ids=VARIANTS.keys())
@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_a_training_killed_after_an_epoch_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, params: TrainingParams, epoch: int
) -> None:
    straight = train(tmp_path / "straight", params)
    with monkeypatch.context() as patch:
        kill_after(patch, epoch, saved=True)
        with pytest.raises(Killed):
            train(tmp_path / "killed", params)
    assert (tmp_path / "killed" / CHECKPOINT).exists()
    epochs = count_epochs(monkeypatch)
    assert_same(train(tmp_path / "killed", params), straight)
    assert len(epochs) == params.epochs - epoch - 1  # it went on, and did not start again


def test_a_training_killed_inside_an_epoch_repeats_that_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = train(tmp_path / "straight")
    with monkeypatch.context() as patch:
        kill_after(patch, 1, saved=False)
        with pytest.raises(Killed):
            train(tmp_path / "killed")
    assert_same(train(tmp_path / "killed"), straight)


def test_two_trainings_give_the_same_weights(tmp_path: Path) -> None:
    assert_same(train(tmp_path / "one"), train(tmp_path / "two"))


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    one, _ = train(tmp_path / "one")
    two, _ = train(tmp_path / "two", TRAINING.model_copy(update={"seed": 8}))
    assert not torch.equal(one["5.weight"], two["5.weight"])


def test_the_network_learns_the_bright_quarters(tmp_path: Path) -> None:
    params = TRAINING.model_copy(update={"epochs": 12, "learning_rate": 0.02})
    _, history = train(tmp_path, params, train=200, development=60)
    assert history[-1]["development_mAP"] > 0.95
    assert history[-1]["train_loss"] < 0.2 * history[0]["train_loss"]


def test_fewer_images_than_a_batch_are_trained_on_in_one_batch(tmp_path: Path) -> None:
    _, history = train(tmp_path, train=5, development=0)
    assert len(history) == TRAINING.epochs
    assert "development_mAP" not in history[0]


def test_a_loaded_network_is_trained_with_its_dropout_on(tmp_path: Path) -> None:
    modes = []
    network = small_network().eval()
    network[4].register_forward_hook(lambda module, *_: modes.append(module.training))
    fit(image_task(network, nn.Identity(), development=0), TRAINING, RUNTIME, tmp_path)
    assert set(modes) == {True}
    assert not network.training


@pytest.mark.parametrize("development", [0, 20])
def test_a_loss_that_is_no_number_stops_the_training_and_says_what_to_change(
    tmp_path: Path, development: int
) -> None:
    network = small_network()
    with torch.no_grad():
        network[5].weight.fill_(float("nan"))
    task = image_task(network, nn.Identity(), development=development)
    with pytest.raises(ModelError, match="lower learning_rate"):
        fit(task, TRAINING, RUNTIME, tmp_path)
    assert not (tmp_path / CHECKPOINT).exists()


def test_half_precision_trains_to_finite_weights(tmp_path: Path) -> None:
    weights, history = train(tmp_path, TRAINING.model_copy(update={"precision": "bf16-mixed"}))
    assert all(torch.isfinite(value).all() for value in weights.values())
    assert all(row["train_loss"] > 0 for row in history)


def test_the_determinism_of_torch_is_restored(tmp_path: Path) -> None:
    train(tmp_path, TRAINING.model_copy(update={"epochs": 1}))
    assert not torch.are_deterministic_algorithms_enabled()


def test_labels_that_are_not_known_teach_nothing() -> None:
    network = small_network().eval()
    task = image_task(network, nn.Identity())
    learner = Learner(network, nn.Identity(), task.prevalence, TRAINING, 5)
    batch = task.train[BatchRows(0, np.arange(8))]
    known = torch.rand(batch.targets.shape, generator=torch.Generator().manual_seed(0)) < 0.5
    one = replace(batch, known=known)
    other = replace(one, targets=torch.where(known, one.targets, 1 - one.targets))
    assert not torch.equal(one.targets, other.targets)
    assert torch.equal(learner.training_step(one), learner.training_step(other))


@pytest.mark.parametrize("accelerator", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_an_error_that_names_the_parameter(
    accelerator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_: None)
    assert device_of(RUNTIME.model_copy(update={"accelerator": "auto"})).type == "cpu"
    with pytest.raises(ParamsError, match=r"runtime\.accelerator.*found cpu"):
        device_of(RUNTIME.model_copy(update={"accelerator": accelerator}))


def test_half_precision_of_a_gpu_is_not_replaced_on_a_cpu(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="16-mixed needs a GPU"):
        train(tmp_path, TRAINING.model_copy(update={"precision": "16-mixed"}))
