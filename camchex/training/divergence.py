"""A training whose loss is no longer a number stops there, and says where, but not of whom."""

import os
from collections.abc import Iterable
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.nn.functional import pad

from camchex.errors import ModelError
from camchex.networks.batches import Batch, BatchDataset
from camchex.training.learner import Learner

IDS = "non_finite_batch.txt"
ADVICE = "lower learning_rate, set clip_norm, or use precision 32-true or bf16-mixed"
LOOK_EVERY = {"cpu": 1}  # batches, by type of device
LOOK_SELDOM = 32  # of any other: each look waits for the device


class FiniteLoss(Callback):
    """Stops a training at the first batch whose loss is no number.

    On a CPU every loss is looked at; those of a GPU every 32 batches and at the end of an epoch,
    so that it is never waited for in between. No checkpoint is written after such a loss.

    Args:
        data: The training set: knows the ids of the batch.
        batch_size: Rows of a batch, over all devices.
        folder: Where the ids are kept, for this machine's user alone.
    """

    def __init__(self, data: BatchDataset, batch_size: int, folder: Path) -> None:
        self.data, self.batch_size, self.folder = data, batch_size, folder
        self.rows: list[Tensor] = []  # of the batches not yet looked at

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,  # noqa: ARG002 - part of Lightning's interface
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Look at the loss, or remember to."""
        self.rows.append(batch.rows)
        if len(self.rows) >= LOOK_EVERY.get(pl_module.device.type, LOOK_SELDOM):
            self._look(trainer, pl_module, batch_idx + 1)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the losses that are left."""
        self._look(trainer, pl_module, int(trainer.num_training_batches))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the losses that are left, where nothing was validated."""
        self._look(trainer, pl_module, int(trainer.num_training_batches))

    def _look(self, trainer: Trainer, module: LightningModule, batches: int) -> None:
        """Look at the losses since the last look; ``batches`` of this epoch are done."""
        assert isinstance(module, Learner)
        rows, self.rows = self.rows, []
        if not rows:
            return
        finite = torch.stack(module.train_losses[-len(rows) :]).isfinite().float()
        # Every device sees the same, and all of them stop at once.
        everywhere = trainer.strategy.reduce(finite, reduce_op="mean")
        assert isinstance(everywhere, Tensor)
        bad = (everywhere < 1).nonzero().flatten().tolist()
        if not bad:
            return
        ids = self.data.ids(self._whole_batch(trainer, rows[bad[0]]))
        path = self.folder / IDS
        if trainer.is_global_zero:
            _write_private(path, ids)
        step = batches - len(rows) + bad[0] + 1
        raise ModelError(
            f"epoch {trainer.current_epoch + 1}, step {step} of {trainer.num_training_batches}: "
            f"the training loss is no number: {ADVICE}. What was in the batch: {path}"
        )

    def _whole_batch(self, trainer: Trainer, rows: Tensor) -> list[int]:
        """The rows of a batch on all devices, in order."""
        if trainer.world_size > 1:
            rows = trainer.strategy.all_gather(
                pad(rows, (0, self.batch_size - len(rows)), value=-1)
            )
        return sorted(row for row in rows.flatten().tolist() if row >= 0)


def _write_private(path: Path, lines: Iterable[str]) -> None:
    """Write a file that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{line}\n" for line in lines)
