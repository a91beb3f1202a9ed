"""Stop of a training whose loss is no longer a number; its message names no patient."""

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
LOOK_EVERY = {"cpu": 1}  # batches between two looks, by type of device
LOOK_SELDOM = 32  # batches on any other device, since each look waits for it


class FiniteLoss(Callback):
    """Stops a training at the first batch whose loss is no number.

    On a CPU every loss is looked at. On a GPU the losses are looked at every 32 batches and at
    the end of an epoch, because each look waits for the GPU. No checkpoint is written after such a
    loss.

    Args:
        data: Training set, which knows the ids of a batch.
        batch_size: Rows of a batch, over all devices.
        folder: Folder for a file of these ids, which only this machine's user can read.
    """

    def __init__(self, data: BatchDataset, batch_size: int, folder: Path) -> None:
        self.data, self.batch_size, self.folder = data, batch_size, folder
        self.rows: list[Tensor] = []  # one per batch not yet looked at

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,  # noqa: ARG002 - part of Lightning's interface
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Look at the losses, once there are enough."""
        self.rows.append(batch.rows)
        if len(self.rows) >= LOOK_EVERY.get(pl_module.device.type, LOOK_SELDOM):
            self._look(trainer, pl_module, batch_idx + 1)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the remaining losses; after a validation there are none."""
        self._look(trainer, pl_module, int(trainer.num_training_batches))

    on_validation_start = on_train_epoch_end

    def _look(self, trainer: Trainer, module: LightningModule, batches: int) -> None:
        """Look at the losses since the last look, after ``batches`` batches of this epoch."""
        assert isinstance(module, Learner)
        rows, self.rows = self.rows, []
        if not rows:
            return
        finite = torch.stack(module.train_losses[-len(rows) :]).isfinite().float()
        # Every device sees the mean over all devices, so that all of them stop at once.
        everywhere = trainer.strategy.reduce(finite, reduce_op="mean")
        assert isinstance(everywhere, Tensor)
        bad = (everywhere < 1).nonzero().flatten().tolist()
        if not bad:
            return
        batch = rows[bad[0]]
        if trainer.world_size > 1:
            padded = pad(batch, (0, self.batch_size - len(batch)), value=-1)
            batch = trainer.strategy.all_gather(padded).flatten()
        ids = self.data.ids(sorted(row for row in batch.tolist() if row >= 0))
        path = self.folder / IDS
        if trainer.is_global_zero:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.touch(mode=0o600)
            path.write_text("".join(f"{one}\n" for one in ids))
        step = batches - len(rows) + bad[0] + 1
        raise ModelError(
            f"epoch {trainer.current_epoch + 1}, step {step} of {trainer.num_training_batches}: "
            f"the training loss is no number: {ADVICE}. What was in the batch: {path}"
        )
