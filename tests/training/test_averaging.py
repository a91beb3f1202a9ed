"""The moving average against a loop that writes it out, and what is scored and kept."""

from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from sklearn.metrics import average_precision_score
from torch import Tensor, nn

import camchex
from camchex.training.callbacks import Selection, average_precisions, mean_known
from camchex.training.fit import fit
from camchex.training.learner import Learner
from camchex.training.optimization import MovingAverage
from tests.training.factories import RUNTIME, TRAINING, image_task, small_network

DECAY, WARMUP = 0.7, 5


def test_the_average_is_the_recursion_that_its_docstring_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected: dict[str, Tensor] = {}
    steps = 0
    update = MovingAverage.on_train_batch_end

    def watch(
        self: MovingAverage, trainer: Trainer, module: LightningModule, *rest: object
    ) -> None:
        nonlocal steps
        update(self, trainer, module, *rest)
        buffers = dict(module.named_buffers())
        for name, weight in module.state_dict().items():
            new = weight.double().clone()
            copied = steps < WARMUP or name in buffers
            expected[name] = new if copied else DECAY * expected[name] + (1 - DECAY) * new
        steps += 1

    monkeypatch.setattr(MovingAverage, "on_train_batch_end", watch)
    task = image_task(small_network(), nn.Identity(), development=0)
    # Five batches an epoch: a warm-up of a third of three epochs is 5 steps.
    params = TRAINING.model_copy(update={"ema_decay": DECAY, "warmup_fraction": 1 / 3})
    fit(task, params, RUNTIME, tmp_path)
    assert steps == 15
    for name, weight in task.network.state_dict().items():
        torch.testing.assert_close(
            weight.double(), expected[f"network.{name}"], atol=1e-6, rtol=1e-5
        )


def test_the_epoch_with_the_best_development_score_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.3, 0.9, 0.9, 0.5])
    states = []
    report = Selection.on_train_epoch_end

    def watch(self: Selection, trainer: Trainer, module: Learner) -> None:
        self.score = next(scores)
        states.append({n: v.clone() for n, v in module.network.state_dict().items()})
        report(self, trainer, module)

    monkeypatch.setattr(Selection, "on_train_epoch_end", watch)
    task = image_task(small_network(), nn.Identity())
    history = fit(
        task, TRAINING.model_copy(update={"ema_decay": None, "epochs": 4}), RUNTIME, tmp_path
    )
    assert [row["development_mAP"] for row in history] == [0.3, 0.9, 0.9, 0.5]
    for name, weight in task.network.state_dict().items():
        assert torch.equal(weight, states[1][name])


def test_the_score_is_of_the_averaged_weights_on_the_whole_development_set(
    tmp_path: Path,
) -> None:
    task = image_task(small_network(), nn.Identity(), development=21)
    history = fit(task, TRAINING.model_copy(update={"epochs": 1}), RUNTIME, tmp_path)
    images = torch.stack(
        [torch.from_numpy(image) for image in task.development.parts[0].store.images]
    )
    with torch.no_grad():
        probabilities = task.network(images[:, None].float() / 255).sigmoid().numpy()
    expected = mean_known(average_precisions(probabilities, task.development.targets))
    assert history[0]["development_mAP"] == pytest.approx(expected, abs=1e-9)
    assert not task.network.training


def test_the_score_of_an_epoch_is_the_average_precision_of_the_report() -> None:
    draw = np.random.default_rng(1)
    targets = draw.choice(np.array([0, 1, np.nan], np.float32), (80, 5), p=[0.6, 0.2, 0.2])
    probabilities = draw.integers(0, 30, (80, 5)).astype(np.float32) / 30  # with ties
    each = [
        camchex.average_precision(labels[known], column[known])
        for labels, column in zip(targets.T, probabilities.T, strict=True)
        for known in [~np.isnan(labels)]
    ]
    assert mean_known(average_precisions(probabilities, targets)) == pytest.approx(
        np.mean(each), abs=1e-12
    )


def test_the_mean_average_precision_leaves_out_classes_without_both_labels() -> None:
    draw = np.random.default_rng(0)
    targets = (draw.random((50, 4)) < 0.4).astype(np.float32)
    targets[:, 1], targets[:, 2], targets[:10, 3] = 0, 1, np.nan
    probabilities = draw.random((50, 4)).astype(np.float32)
    expected = np.mean(
        [
            average_precision_score(targets[:, 0], probabilities[:, 0]),
            average_precision_score(targets[10:, 3], probabilities[10:, 3]),
        ]
    )
    assert mean_known(average_precisions(probabilities, targets)) == pytest.approx(expected)
    assert mean_known(average_precisions(probabilities[:, 1:3], targets[:, 1:3])) is None
