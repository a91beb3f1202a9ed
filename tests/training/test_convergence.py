"""Spikes against a running median written out as a loop, and classes still being learnt."""

import json
from pathlib import Path
from statistics import median

import numpy as np
import pytest
import torch
from torch import nn

from camchex.training.convergence import CONVERGENCE, LEAST, WINDOW, still_gaining, times_median
from camchex.training.fit import fit
from camchex.training.learner import Learner
from tests.training.factories import RUNTIME, TRAINING, image_task, small_network
from tests.training.test_fit import Killed, kill_after

FLAT = [0.4, 0.4, 0.4, 0.4]


@pytest.mark.parametrize("before", [0, 3, LEAST, 40, WINDOW, 3 * WINDOW])
@pytest.mark.parametrize("steps", [0, 1, 9, 70])
def test_each_step_is_compared_with_the_median_of_the_steps_before_it(
    before: int, steps: int
) -> None:
    series = np.random.default_rng(before + steps).exponential(size=before + steps)
    expected = []
    for step in range(before, before + steps):
        window = series[max(step - WINDOW, 0) : step].tolist()
        expected.append(series[step] / median(window) if len(window) >= LEAST else np.nan)
    found = times_median(series[before:], series[:before])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_median_of_zero_has_no_multiples() -> None:
    assert np.isnan(times_median(np.array([1.0]), np.zeros(20))).all()


@pytest.mark.parametrize(
    ("epochs", "positives", "gains"),
    [
        (FLAT, 100, False),
        ([0.1, 0.2, 0.3, 0.4], 100, True),
        ([0.1, 0.2, 0.3, 0.4], 4, False),  # too few positives to be named
        ([0.1, 0.2, 0.3, 0.4], 8, False),  # one positive can change more than that
        ([0.1, 0.2, 0.3, 0.4], 20, True),
        ([0.1, 0.5, 0.3, 0.4], 100, False),  # an earlier epoch was better
        ([0.30, 0.40, 0.40, 0.415], 1000, True),
        ([0.30, 0.40, 0.40, 0.415], 100, False),
        ([0.1, 0.4], 100, True),
        (np.linspace(0.1, 0.4, 8).tolist(), 100, True),
        ([*np.linspace(0.1, 0.4, 6), 0.41, 0.41], 100, True),  # quarters are of two epochs here
        ([0.1, 0.4, *[0.4] * 6], 100, False),
        ([np.nan, np.nan, np.nan, np.nan], 100, False),
    ],
)
def test_a_class_is_still_learnt_if_its_last_quarter_is_above_all_before_it(
    epochs: list[float], positives: int, *, gains: bool
) -> None:
    flat = [0.4] * len(epochs)
    found = still_gaining(np.array([flat, epochs, flat]).T, np.array([100, positives, 100]))
    assert found == ([1] if gains else [])


@pytest.mark.parametrize("epochs", [0, 1])
def test_without_two_scored_epochs_nothing_is_known(epochs: int) -> None:
    assert still_gaining(np.full((epochs, 3), 0.2), np.full(3, 100)) is None


def findings(scratch: Path) -> dict:
    return json.loads((scratch / CONVERGENCE).read_text())


def test_a_spike_is_reported_with_its_place_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps: list[int] = []
    step = Learner.training_step

    def train(folder: Path) -> nn.Module:
        torch.manual_seed(0)
        task = image_task(small_network(), nn.Identity())
        fit(task, TRAINING, RUNTIME, folder)
        return task.network

    def spike(self: Learner, batch: object) -> torch.Tensor:
        loss = step(self, batch)
        steps.append(1)
        self.train_losses[-1] = loss.detach() * (40 if len(steps) in {13, 14} else 1)
        return loss

    plain = train(tmp_path / "plain")
    assert findings(tmp_path / "plain")["spikes"] == {}
    monkeypatch.setattr(Learner, "training_step", spike)
    watched = train(tmp_path / "spike")
    found = findings(tmp_path / "spike")["spikes"]
    assert found.keys() == {"training loss"}
    place = {name: found["training loss"][name] for name in ("count", "epoch")}
    assert place == {"count": 2, "epoch": 3}
    assert found["training loss"]["step"] in {3, 4}
    assert 20 < found["training loss"]["times_median"] < 60
    assert "the training loss rose to" in capsys.readouterr().err
    for one, other in zip(plain.parameters(), watched.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_is_learnt_late_is_named_and_a_resumed_training_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    params = TRAINING.model_copy(
        update={"epochs": 4, "schedule": "constant", "learning_rate": 2e-3}
    )

    def train(folder: Path) -> None:
        torch.manual_seed(0)
        task = image_task(small_network(), nn.Identity(), train=64, development=80)
        fit(task, params, RUNTIME, folder)

    train(tmp_path / "straight")
    found = findings(tmp_path / "straight")
    assert found["not_converged"]
    assert set(found["not_converged"]) <= {f"class {q}" for q in range(4)}
    said = f"not converged: the last epochs were still gaining on {found['not_converged'][0]}"
    assert said in capsys.readouterr().err
    assert found["remarks"][-1].startswith(said)
    with monkeypatch.context() as patch:
        kill_after(patch, 1, saved=True)
        with pytest.raises(Killed):
            train(tmp_path / "killed")
    train(tmp_path / "killed")
    assert findings(tmp_path / "killed") == found


def test_without_a_development_set_convergence_is_not_known(tmp_path: Path) -> None:
    fit(image_task(small_network(), nn.Identity(), development=0), TRAINING, RUNTIME, tmp_path)
    assert findings(tmp_path)["not_converged"] is None
