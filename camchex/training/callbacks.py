"""Lightning callbacks: weights and curves that are kept, log, checkpoint."""

import resource
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dvclive import Live
from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from sklearn.metrics import average_precision_score
from torch import Tensor

from camchex.errors import ModelError
from camchex.networks.batches import Floats
from camchex.training.checkpoint import PREVIOUS
from camchex.training.finite import ADVICE
from camchex.training.learner import Learner
from camchex.training.optimization import MovingAverage

GIB = 2**30
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes; getrusage(2)


def average_precisions(probabilities: Floats, targets: Floats) -> list[float | None]:
    """Average precision of each class, (Q); None without a positive or without a negative.

    Both arguments are (N, Q); unknown ``targets`` are NaN.
    """
    scores: list[float | None] = []
    for column, labels in zip(probabilities.T, targets.T, strict=True):
        known = ~np.isnan(labels)
        scored = 0 < labels[known].sum() < known.sum()
        scores.append(average_precision_score(labels[known], column[known]) if scored else None)
    return scores


def mean_known(scores: Iterable[float | None]) -> float | None:
    """Average the scores that are known; None if none is."""
    known = [one for one in scores if one is not None]
    return float(np.mean(known)) if known else None


class Selection(Callback):
    """Keeps the weights of the epoch with the best development score, and the curves.

    Without a development score the last epoch is kept. With a moving average (``average``), the
    averaged weights are scored and kept. Kept weights and curves are part of the checkpoint.
    ``targets`` are the labels of the development set, (N, Q).
    """

    def __init__(self, targets: Floats, average: MovingAverage | None) -> None:
        self.targets, self.average = targets, average
        self.score: float | None = None  # score of the epoch now in training
        self.by_class: list[float | None] | None = None  # of the last epoch that was scored
        self.best: float | None = None
        self.weights: dict[str, Tensor] = {}
        self.history: list[dict[str, float]] = []

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Score the development set from the probabilities of all devices.

        Raises:
            ModelError: If a probability is no longer a number.
        """
        assert isinstance(pl_module, Learner)
        rows, probabilities = (torch.cat(parts) for parts in zip(*pl_module.validated, strict=True))
        if trainer.world_size > 1:
            rows = trainer.strategy.all_gather(rows).flatten()
            probabilities = trainer.strategy.all_gather(probabilities).flatten(0, 1)
        everywhere = np.empty_like(self.targets)
        everywhere[rows.cpu().numpy()] = probabilities.cpu().numpy()
        if not np.isfinite(everywhere).all():
            raise ModelError(
                f"epoch {trainer.current_epoch + 1}: some probabilities are no numbers: {ADVICE}"
            )
        self.by_class = average_precisions(everywhere, self.targets)
        self.score = mean_known(self.by_class)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the epoch's curves, and keep its weights if no epoch scored as well."""
        assert isinstance(pl_module, Learner)
        mean = torch.stack(pl_module.train_losses).float().mean()
        loss = float(trainer.strategy.reduce(mean, reduce_op="mean"))
        row = {"train_loss": loss, "learning_rate": pl_module.learning_rate}
        norms = torch.stack(pl_module.gradient_norms).float()
        norms = norms[norms.isfinite()]  # 16-mixed skips a step that overflows
        if len(norms):
            row |= {
                "gradient_norm_mean": float(norms.mean()),
                "gradient_norm_max": float(norms.max()),
            }
        if self.score is not None:
            row["development_mAP"] = self.score
        self.history.append(row)
        if self.best is None or (self.score is not None and self.score > self.best):
            self.best = self.score
            network = self.average.network if self.average else pl_module.network
            self.weights = {n: v.detach().clone() for n, v in network.state_dict().items()}
        self.score = None

    def state_dict(self) -> dict[str, Any]:
        """Collect the state for a checkpoint."""
        return {"best": self.best, "weights": self.weights, "history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        vars(self).update(state_dict)


class LocalLog(Callback):
    """Logs every epoch through DVCLive into ``folder``, which is emptied, and on the terminal.

    DVC does not track the log, since speed and memory differ between two runs with equal results.
    ``samples_per_second`` counts images or studies (``samples`` in an epoch) over all devices,
    loading included, validation excluded. ``peak_memory_gib`` is that of the first device: on a
    GPU the most memory that torch allocated in the epoch, on a CPU the largest size of the process.
    """

    def __init__(self, folder: Path, selection: Selection, samples: int) -> None:
        self.folder, self.selection, self.samples = folder, selection, samples
        self.history: list[dict[str, float]] = []
        self.live: Live | None = None
        self.started, self.measured = 0.0, dict[str, float]()

    def on_train_epoch_start(self, _: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        if pl_module.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(pl_module.device)
        self.measured = {}
        self.started = time.perf_counter()

    def on_validation_start(self, _: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock, and measure: the training part of the epoch is over."""
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize(pl_module.device)
            memory = torch.cuda.max_memory_allocated(pl_module.device)
        else:
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT
        self.measured = {
            "samples_per_second": self.samples / (time.perf_counter() - self.started),
            "peak_memory_gib": memory / GIB,
        }

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the epoch."""
        if not self.measured:
            self.on_validation_start(trainer, pl_module)
        if not trainer.is_global_zero:
            return
        row = self.selection.history[-1] | self.measured
        self.history.append(row)
        rows = [row] if self.live else self.history  # with the epochs before it was resumed
        self.live = self.live or Live(
            dir=str(self.folder), dvcyaml=None, save_dvc_exp=False, report=None
        )
        for one in rows:
            for name, value in one.items():
                self.live.log_metric(name, value)
            self.live.next_step()
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in row.items())
        epoch = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"{epoch}: {numbers}")

    def state_dict(self) -> dict[str, Any]:
        """Collect the state for a checkpoint."""
        return {"history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.history = state_dict["history"]


class Checkpoint(Callback):
    """Writes a checkpoint at the end of every epoch, as the last of the callbacks.

    The one of the epoch before is kept beside it, as ``PREVIOUS``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: Trainer, _: LightningModule) -> None:
        """Save everything that the next epoch depends on."""
        new = self.path.with_name("next.safetensors")
        trainer.save_checkpoint(new)
        if trainer.is_global_zero:
            if self.path.exists():
                self.path.replace(self.path.with_name(PREVIOUS))
            new.replace(self.path)
