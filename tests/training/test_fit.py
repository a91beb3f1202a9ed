"""Training resumes, repeats, averages, and keeps the best epoch."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from camchex.errors import ModelError, ParamsError
from camchex.networks.sampling import BatchRows, ShuffledBatches
from camchex.runs.devices import device_of
from camchex.training import finite
from camchex.training import fit as fit_module
from camchex.training.augmentation import Augmentation
from camchex.training.callbacks import Checkpoint
from camchex.training.checkpoint import CHECKPOINT, PREVIOUS, SafeCheckpoints
from camchex.training.convergence import CONVERGENCE
from camchex.training.fit import fit
from camchex.training.learner import Learner
from camchex.training.loss import asymmetric_loss, weighted_asymmetric_loss
from camchex.training.params import TrainingParams
from tests.training.factories import (
    AUGMENTATION,
    RUNTIME,
    SIZE,
    TRAINING,
    image_task,
    small_network,
)

Trained = Callable[..., tuple[dict, list]]


class Killed(BaseException):
    """Stands for a signal: nothing in the code under test catches it."""


def train(scratch: Path, params: TrainingParams = TRAINING, **sizes: int) -> tuple[dict, list]:
    torch.manual_seed(params.seed)
    network = small_network()
    task = image_task(network, Augmentation(AUGMENTATION, SIZE), **sizes)
    history = fit(task, params, RUNTIME, scratch)
    return {name: value.clone() for name, value in network.state_dict().items()}, history


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Results of trainings without interruption, each of which runs once."""
    known: dict[object, tuple[dict, list]] = {}

    def once(params: TrainingParams = TRAINING, **sizes: int) -> tuple[dict, list]:
        key = params.model_dump_json(), *sizes.items()
        if key not in known:
            known[key] = train(tmp_path_factory.mktemp("straight"), params, **sizes)
        return known[key]

    return once


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
    learner = Learner(task, params, steps_per_epoch=1)
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
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    straight: Trained,
    params: TrainingParams,
    epoch: int,
) -> None:
    expected = straight(params)
    with monkeypatch.context() as patch:
        kill_after(patch, epoch, saved=True)
        with pytest.raises(Killed):
            train(tmp_path / "killed", params)
    assert (tmp_path / "killed" / CHECKPOINT).exists()
    epochs = count_epochs(monkeypatch)
    assert_same(train(tmp_path / "killed", params), expected)
    assert len(epochs) == params.epochs - epoch - 1  # it went on, and did not start again


def test_a_training_killed_inside_an_epoch_repeats_that_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, straight: Trained
) -> None:
    with monkeypatch.context() as patch:
        kill_after(patch, 1, saved=False)
        with pytest.raises(Killed):
            train(tmp_path / "killed")
    assert_same(train(tmp_path / "killed"), straight())


def test_two_trainings_give_the_same_weights(tmp_path: Path, straight: Trained) -> None:
    assert_same(train(tmp_path), straight())


def test_another_seed_gives_other_weights(straight: Trained) -> None:
    one, _ = straight()
    two, _ = straight(TRAINING.model_copy(update={"seed": 8}))
    assert not torch.equal(one["5.weight"], two["5.weight"])


def test_the_network_learns_the_bright_quarters(tmp_path: Path) -> None:
    params = TRAINING.model_copy(update={"epochs": 4, "learning_rate": 0.02})
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
    learner = Learner(task, TRAINING, 5)
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


def test_the_gradient_norm_is_that_of_the_gradients_before_they_are_clipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected: list[float] = []
    clip = Learner.configure_gradient_clipping

    def watch(self: Learner, *args: object, **options: object) -> None:
        gradients = [p.grad.double().flatten() for p in self.network.parameters()]
        expected.append(float(torch.cat(gradients).square().sum().sqrt()))
        clip(self, *args, **options)
        gradients = [p.grad.double().flatten() for p in self.network.parameters()]
        clipped = float(torch.cat(gradients).square().sum().sqrt())
        assert clipped == pytest.approx(min(expected[-1], 0.5), rel=1e-4)

    monkeypatch.setattr(Learner, "configure_gradient_clipping", watch)
    _, history = train(tmp_path, TRAINING.model_copy(update={"clip_norm": 0.5}))
    for row, norms in zip(history, np.split(np.array(expected), TRAINING.epochs), strict=True):
        assert row["gradient_norm_mean"] == pytest.approx(norms.mean(), rel=1e-5)
        assert row["gradient_norm_max"] == pytest.approx(norms.max(), rel=1e-5)
    assert max(expected) > 0.5


def test_without_clipping_the_gradients_are_measured_and_left_alone(tmp_path: Path) -> None:
    free = TRAINING.model_copy(update={"clip_norm": None})
    far = TRAINING.model_copy(update={"clip_norm": 1e9})
    assert_same(train(tmp_path / "free", free), train(tmp_path / "far", far))


POISONED = 11  # a row whose label overflows the loss


def diverge(scratch: Path, looks: int, monkeypatch: pytest.MonkeyPatch) -> tuple[str, int]:
    """Train on a poisoned image with a look every so many batches: the message, and the batches."""
    monkeypatch.setattr(finite, "LOOK_EVERY", {"cpu": looks})
    steps = []
    step = Learner.training_step
    monkeypatch.setattr(
        Learner, "training_step", lambda self, batch: steps.append(1) or step(self, batch)
    )
    task = image_task(small_network(), nn.Identity())
    task.train.targets[POISONED] = np.inf
    with pytest.raises(ModelError) as caught:
        fit(task, TRAINING, RUNTIME, scratch / "scratch", scratch / "logs")
    return str(caught.value), len(steps)


@pytest.mark.parametrize("looks", [1, 3, 32])
def test_a_loss_that_is_no_number_names_its_step_and_keeps_the_ids_to_this_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    message, steps = diverge(tmp_path, looks, monkeypatch)
    batches = [batch.rows for batch in ShuffledBatches(44, 8, TRAINING.seed)]
    poisoned = next(n for n, rows in enumerate(batches) if POISONED in rows)
    file = tmp_path / "logs" / finite.IDS
    assert f"epoch 1, step {poisoned + 1} of 5: the training loss is no number" in message
    assert "lower learning_rate" in message
    assert str(file) in message
    ids = [f"1-{row}" for row in sorted(batches[poisoned])]
    assert file.read_text().splitlines() == ids
    assert not any(name in message.replace(str(file), "") for name in ids)
    assert file.stat().st_mode & 0o777 == 0o600
    assert steps == min(-(-(poisoned + 1) // looks) * looks, len(batches))
    assert not (tmp_path / "scratch" / CHECKPOINT).exists()


def poison(network: nn.Module, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one gradient of an optimizer step (from 0) be NaN, though its loss is a number."""
    steps = []
    clip = Learner.configure_gradient_clipping

    def change(self: Learner, *args: object, **options: object) -> None:
        if len(steps) == step:
            network[0].weight.grad[0, 0, 0, 0] = torch.nan
        steps.append(1)
        clip(self, *args, **options)

    monkeypatch.setattr(Learner, "configure_gradient_clipping", change)


@pytest.mark.parametrize(
    ("development", "changes"), [(0, {}), (0, {"ema_decay": None, "clip_norm": None}), (20, {})]
)
def test_a_gradient_that_is_no_number_in_the_last_step_is_not_kept_and_jams_no_rerun(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    straight: Trained,
    changes: dict,
    development: int,
) -> None:
    params = TRAINING.model_copy(update=changes)
    expected = straight(params, development=development)
    torch.manual_seed(params.seed)
    network = small_network()
    task = image_task(network, Augmentation(AUGMENTATION, SIZE), development=development)
    folder = tmp_path / "poisoned"
    with monkeypatch.context() as patch:
        poison(network, 5 * TRAINING.epochs - 1, patch)
        with pytest.raises(ModelError) as caught:
            fit(task, params, RUNTIME, folder)
    assert "epoch 3, step 5 of 5: the gradient norm is no number" in str(caught.value)
    assert f"last good epoch ({folder / CHECKPOINT})" in str(caught.value)
    epochs = count_epochs(monkeypatch)
    assert_same(train(folder, params, development=development), expected)
    assert epochs == [2]


@pytest.mark.parametrize(("looks", "accumulate"), [(1, 1), (32, 1), (2, 3), (32, 2)])
def test_a_gradient_that_is_no_number_names_the_batches_of_its_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: int, accumulate: int
) -> None:
    monkeypatch.setattr(finite, "LOOK_EVERY", {"cpu": looks})
    network = small_network()
    poison(network, 1, monkeypatch)
    params = TRAINING.model_copy(update={"accumulate": accumulate})
    with pytest.raises(ModelError, match=f"step {min(2 * accumulate, 5)} of 5: the gradient"):
        fit(image_task(network, nn.Identity()), params, RUNTIME, tmp_path)
    batches = [batch.rows for batch in ShuffledBatches(44, 8, TRAINING.seed)]
    rows = np.concatenate(batches[accumulate : 2 * accumulate])
    ids = (tmp_path / "logs" / finite.IDS).read_text().splitlines()
    assert ids == [f"1-{row}" for row in sorted(rows)]


@pytest.mark.parametrize(("skipped", "stops"), [(1, False), (15, True)])
def test_a_step_that_half_precision_skips_is_counted_unless_all_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, skipped: int, *, stops: bool
) -> None:
    """On a CPU: every step is done in single precision, and an overflow is only reported."""
    clip, steps = Learner.configure_gradient_clipping, []

    def overflow(self: Learner, *args: object, **options: object) -> None:
        clip(self, *args, **options)
        steps.append(1)
        if len(steps) <= skipped:
            self.gradient_norms[-1] = torch.tensor(torch.inf)

    monkeypatch.setattr(Learner, "configure_gradient_clipping", overflow)
    single = fit_module._trainer
    monkeypatch.setattr(
        fit_module,
        "_trainer",
        lambda params, *rest: single(params.model_copy(update={"precision": "32-true"}), *rest),
    )
    half = TRAINING.model_copy(update={"precision": "16-mixed"})
    if stops:
        with pytest.raises(ModelError, match="every step had gradients that are no numbers"):
            train(tmp_path, half)
        return
    _, history = train(tmp_path, half)
    assert all(np.isfinite(row["gradient_norm_max"]) for row in history)
    found = json.loads((tmp_path / CONVERGENCE).read_text())
    assert found["skipped_steps"] == skipped
    assert found["remarks"][0] == "steps skipped, since their gradients overflowed: 1"


@pytest.mark.parametrize("development", [0, 20])
def test_a_weight_that_is_no_number_is_neither_saved_nor_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, development: int
) -> None:
    network = small_network()
    unused = nn.Parameter(torch.ones(3))  # no loss and no probability shows it
    network.register_parameter("unused", unused)
    start = Learner.on_train_epoch_start

    def break_it(self: Learner) -> None:
        start(self)
        if self.current_epoch == 1:
            unused.data[1] = torch.inf

    monkeypatch.setattr(Learner, "on_train_epoch_start", break_it)
    task = image_task(network, nn.Identity(), development=development)
    with pytest.raises(ModelError, match=r"epoch 2: not all values of 1 tensor .* first unused"):
        fit(task, TRAINING, RUNTIME, tmp_path)
    saved = SafeCheckpoints().load_checkpoint(tmp_path / CHECKPOINT)
    assert saved["epoch"] == 0
    assert not finite.not_finite(saved["state_dict"])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def fill_with_nan(path: Path) -> None:
    checkpoint = SafeCheckpoints().load_checkpoint(path)
    next(iter(checkpoint["state_dict"].values())).fill_(torch.nan)
    SafeCheckpoints().save_checkpoint(checkpoint, path)


@pytest.mark.parametrize(
    ("damage", "names"),
    [
        (cut, [CHECKPOINT]),
        (fill_with_nan, [CHECKPOINT]),
        (lambda path: path.write_bytes(b""), [CHECKPOINT, PREVIOUS]),
    ],
)
def test_a_training_goes_back_to_the_last_good_checkpoint(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    straight: Trained,
    damage: Callable[[Path], None],
    names: list[str],
) -> None:
    expected = straight()
    with monkeypatch.context() as patch:
        kill_after(patch, 1, saved=True)
        with pytest.raises(Killed):
            train(tmp_path / "killed")
    for name in names:
        damage(tmp_path / "killed" / name)
    epochs = count_epochs(monkeypatch)
    assert_same(train(tmp_path / "killed"), expected)
    assert len(epochs) == 1 + len(names)
    said = capsys.readouterr().err
    assert all(f"{tmp_path / 'killed' / name}: " in said for name in names)


@pytest.mark.parametrize("changes", [{}, {"accumulate": 2}, {"schedule": "constant"}])
def test_the_curve_of_the_learning_rate_is_that_of_the_last_step_of_each_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict
) -> None:
    used = []
    step = torch.optim.AdamW.step

    def watch(self: torch.optim.AdamW, *args: object, **options: object) -> object:
        used.append(self.param_groups[0]["lr"])
        return step(self, *args, **options)

    monkeypatch.setattr(torch.optim.AdamW, "step", watch)
    _, history = train(tmp_path, TRAINING.model_copy(update=changes))
    each = len(used) // TRAINING.epochs
    assert [row["learning_rate"] for row in history] == used[each - 1 :: each]
    assert min(used) > 0


def logged(folder: Path, quantity: str) -> list[float]:
    rows = (folder / "plots" / "metrics" / f"{quantity}.tsv").read_text().splitlines()[1:]
    assert [row.split("\t")[0] for row in rows] == [str(n) for n in range(len(rows))]
    return [float(row.split("\t")[1]) for row in rows]


def test_speed_and_memory_are_logged_apart_from_what_is_kept_and_once_per_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        kill_after(patch, 1, saved=True)
        with pytest.raises(Killed):
            train(tmp_path)
    before = logged(tmp_path / "logs", "samples_per_second")
    assert len(before) == 2
    start = time.perf_counter()
    _, history = train(tmp_path)
    took = time.perf_counter() - start
    speed = logged(tmp_path / "logs", "samples_per_second")
    assert speed[:2] == before
    assert len(speed) == TRAINING.epochs
    assert speed[2] > 40 / took  # 5 batches of 8 images, in less than the whole
    megabytes = [1024 * value for value in logged(tmp_path / "logs", "peak_memory_gib")]
    assert all(50 < value < 50_000 for value in megabytes)
    assert logged(tmp_path / "logs", "train_loss") == [row["train_loss"] for row in history]
    assert set(history[0]) == {
        "train_loss",
        "learning_rate",
        "gradient_norm_mean",
        "gradient_norm_max",
        "development_mAP",
    }
