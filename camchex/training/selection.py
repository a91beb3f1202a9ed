"""Choice of the weights that a training keeps, and the curves of its epochs."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from sklearn.metrics import average_precision_score
from torch import Tensor

from camchex.errors import ModelError
from camchex.networks.batches import Floats
from camchex.training.averaging import MovingAverage
from camchex.training.divergence import ADVICE
from camchex.training.learner import Learner


def mean_average_precision(probabilities: Floats, targets: Floats) -> float | None:
    """Compute the mean average precision over the classes where it is defined.

    Args:
        probabilities: Probabilities (N, Q).
        targets: Labels 1, 0, or NaN where unknown, (N, Q).

    Returns:
        Mean average precision; None if no class has both a positive and a negative.
    """
    scores = []
    for column, labels in zip(probabilities.T, targets.T, strict=True):
        known = ~np.isnan(labels)
        if 0 < labels[known].sum() < known.sum():
            scores.append(average_precision_score(labels[known], column[known]))
    return float(np.mean(scores)) if scores else None


class Selection(Callback):
    """Keeps the weights of the epoch with the best development score, and the curves.

    Without a development score the last epoch is kept. With a moving average, the averaged weights
    are scored and kept. Kept weights and curves are part of the checkpoint.

    Args:
        targets: Labels of the development set, (N, Q).
        average: Moving average of the weights, where there is one.
    """

    def __init__(self, targets: Floats, average: MovingAverage | None) -> None:
        self.targets = targets
        self.average = average
        self.score: float | None = None  # score of the epoch now in training
        self.best: float | None = None
        self.weights: dict[str, Tensor] = {}
        self.history: list[dict[str, float]] = []

    def on_train_epoch_start(self, *_: object) -> None:
        """Forget the last epoch's score."""
        self.score = None

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
        self.score = mean_average_precision(everywhere, self.targets)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the epoch's curves, and keep its weights if no epoch scored as well."""
        assert isinstance(pl_module, Learner)
        mean = torch.stack(pl_module.train_losses).float().mean()
        loss = float(trainer.strategy.reduce(mean, reduce_op="mean"))
        row = {"train_loss": loss, "learning_rate": trainer.optimizers[0].param_groups[0]["lr"]}
        norms = torch.stack(pl_module.gradient_norms).float()
        norms = norms[norms.isfinite()]  # 16-mixed skips a step that overflows
        if len(norms):
            row["gradient_norm_mean"] = float(norms.mean())
            row["gradient_norm_max"] = float(norms.max())
        if self.score is not None:
            row["development_mAP"] = self.score
        self.history.append(row)
        if self.best is None or (self.score is not None and self.score > self.best):
            self.best = self.score
            network = self.average.network if self.average else pl_module.network
            self.weights = {n: v.detach().clone() for n, v in network.state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        """Collect the state for a checkpoint."""
        return {"best": self.best, "weights": self.weights, "history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        vars(self).update(state_dict)


class Checkpoint(Callback):
    """Writes a checkpoint at the end of every epoch, as the last of the callbacks."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: Trainer, _: LightningModule) -> None:
        """Save everything that the next epoch depends on."""
        trainer.save_checkpoint(self.path)
