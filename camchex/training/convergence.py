"""What a training says of itself: spikes of loss and gradient, and classes still being learnt."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor

from camchex.contract.files import write_text
from camchex.networks.batches import Floats
from camchex.training.callbacks import Selection
from camchex.training.learner import Learner

CONVERGENCE = "convergence.json"
WINDOW, LEAST = 50, 10  # steps before a step that its running median is of; so many are needed
SPIKE = 4.0  # times the running median; the demo's largest norms are 1.6 times an epoch's mean
GAIN = 0.01  # of average precision, beside what one positive more or less can change
SHOWN = 5  # positives in the development set, below which a class is not named

Medians = NDArray[np.float64]


def times_median(values: Medians, before: Medians) -> Medians:
    """Divide each value by the median of the ``WINDOW`` values before it.

    Args:
        values: Values of the steps of an epoch, (S,).
        before: Values of the steps before them, (B,).

    Returns:
        (S,); NaN for a step with fewer than ``LEAST`` before it, or with a median of 0.
    """
    padded = np.concatenate([np.full(WINDOW, np.nan), before[-WINDOW:], values])
    # One window per step, which ends before it; the last one, after all steps, is left out.
    windows = sliding_window_view(padded, WINDOW)[len(padded) - WINDOW - len(values) : -1]
    found = np.full(len(values), np.nan)
    enough = (~np.isnan(windows)).sum(axis=1) >= LEAST
    medians = np.nanmedian(windows[enough], axis=1)
    found[enough] = values[enough] / np.where(medians > 0, medians, np.nan)
    return found


def still_gaining(by_class: Floats, positives: Floats) -> list[int] | None:
    """Number the classes that the last epochs were still gaining on.

    That is a class whose mean average precision over the last quarter of the epochs is above every
    earlier epoch's, and above the mean of the quarter before by more than ``GAIN`` and what one
    positive can change.

    Args:
        by_class: Average precision on the development set, (epochs, Q); NaN where not scored.
        positives: Positives of each class in the development set, (Q,).

    Returns:
        Classes; None where fewer than two epochs were scored.
    """
    if len(by_class) < 2:  # noqa: PLR2004 - a gain is between two
        return None
    quarter = max(1, len(by_class) // 4)
    last, before = by_class[-quarter:].mean(axis=0), by_class[-2 * quarter : -quarter].mean(axis=0)
    risen = last - before > GAIN + 1 / np.maximum(positives, 1)
    gaining = risen & (last > by_class[:-quarter].max(axis=0)) & (positives >= SHOWN)
    return [int(q) for q in np.flatnonzero(gaining)]


class Convergence(Callback):
    """Watches loss, gradient norm and development scores; changes nothing.

    ``selection`` scores the classes, and comes before this one among the callbacks.
    """

    def __init__(self, selection: Selection) -> None:
        self.selection = selection
        self.recent: dict[str, Tensor] = {}  # the last values of the epochs before, by what
        self.spikes: dict[str, dict[str, Any]] = {}  # how many, and the largest, by what
        self.skipped = 0
        self.by_class: list[list[float | None]] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the steps and at the scores of one epoch."""
        assert isinstance(pl_module, Learner)
        series = {
            "training loss": pl_module.train_losses,
            "gradient norm": pl_module.gradient_norms,
        }
        for what, steps in series.items():
            mean = trainer.strategy.reduce(torch.stack(steps).float(), reduce_op="mean")
            assert isinstance(mean, Tensor)
            self._watch(what, mean.cpu(), trainer.current_epoch + 1)
        if self.selection.by_class is not None:
            self.by_class.append(self.selection.by_class)

    def _watch(self, what: str, values: Tensor, epoch: int) -> None:
        finite = values.isfinite()
        self.skipped += int((~finite).sum())  # 16-mixed skips a step that overflows
        before = self.recent.get(what, values[:0])
        ratios = np.full(len(values), np.nan)
        ratios[finite.numpy()] = times_median(values[finite].double().numpy(), before.numpy())
        self.recent[what] = torch.cat([before, values[finite].double()])[-WINDOW:]
        if count := int((ratios > SPIKE).sum()):
            step = int(np.nanargmax(ratios))
            found = {"epoch": epoch, "step": step + 1, "times_median": round(ratios[step], 1)}
            old = self.spikes.get(what, {"count": 0, "times_median": 0.0})
            largest = max(old, found, key=lambda one: one["times_median"])
            self.spikes[what] = {**largest, "count": old["count"] + count}

    def findings(self, classes: Sequence[str]) -> dict[str, Any]:
        """Gather what was found, as JSON; ``remarks`` says it in words.

        ``not_converged`` is None where fewer than two epochs were scored.
        """
        positives = np.nansum(self.selection.targets, axis=0)
        gaining = still_gaining(np.array(self.by_class, dtype=np.float64), positives)
        names = None
        if gaining is not None:
            names = [classes[q] if classes else f"class {q}" for q in gaining]
        remarks = [
            f"the {what} rose to {spike['times_median']} times its running median in epoch "
            f"{spike['epoch']}, step {spike['step']} ({spike['count']} above {SPIKE:g} times)"
            for what, spike in self.spikes.items()
        ]
        if self.skipped:
            remarks.append(f"steps skipped, since their gradients overflowed: {self.skipped}")
        if names:
            remarks.append(
                f"not converged: the last epochs were still gaining on {', '.join(names)}"
            )
        return {
            "spikes": self.spikes,
            "skipped_steps": self.skipped,
            "not_converged": names,
            "remarks": remarks,
        }

    def write(self, path: Path, classes: Sequence[str]) -> None:
        """Write :meth:`findings` to a JSON file, and the remarks on the terminal."""
        found = self.findings(classes)
        write_text(path, json.dumps(found, indent=2) + "\n")
        for remark in found["remarks"]:
            Console(stderr=True, soft_wrap=True, highlight=False).print(remark)

    def state_dict(self) -> dict[str, Any]:
        """Collect the state for a checkpoint."""
        names = ("recent", "spikes", "skipped", "by_class")
        return {name: vars(self)[name] for name in names}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        vars(self).update(state_dict)
