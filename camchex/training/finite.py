"""Check that losses, gradients and weights are numbers: what is not is never kept or published."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.nn.functional import pad

from camchex.errors import ModelError, counted
from camchex.networks.batches import Batch, BatchDataset
from camchex.training.learner import Learner
from camchex.training.optimization import MovingAverage

IDS = "non_finite_batch.txt"
ADVICE = "lower learning_rate, set clip_norm, or use precision 32-true or bf16-mixed"
LOOK_EVERY = {"cpu": 1}  # batches between two looks, by type of device
LOOK_SELDOM = 32  # batches on any other device


def not_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    """Name the tensors that hold an infinity or a NaN."""
    return [name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())]


class FiniteNumbers(Callback):
    """Stops a training at the first loss, gradient norm or weight that is no number.

    On a CPU every loss and gradient is looked at; elsewhere every 32 batches and at the end of an
    epoch, because each look waits for the device. Weights, also those of the moving ``average``,
    are looked at at the end of an epoch. As the first of the callbacks it keeps what is no number
    out of checkpoints and published weights. The ids of a batch of ``data`` (``batch_size`` rows
    over all devices) without a finite loss or gradient are written to a file in ``folder`` that
    only this machine's user can read.

    Under 16-mixed a gradient that is no number is no error: such a step is skipped, and the next
    one is scaled less.
    """

    def __init__(
        self, data: BatchDataset, batch_size: int, folder: Path, average: MovingAverage | None
    ) -> None:
        self.data, self.batch_size, self.folder, self.average = data, batch_size, folder, average
        self.rows: list[Tensor] = []  # one per batch of this epoch
        self.looked = 0  # batches of this epoch that were looked at

    def on_train_epoch_start(self, *_: object) -> None:
        """Forget the epoch before."""
        self.rows, self.looked = [], 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, _: object, batch: Batch, __: int
    ) -> None:
        """Look at losses and gradients, once there are enough."""
        self.rows.append(batch.rows)
        waiting = len(self.rows) - self.looked
        if waiting >= LOOK_EVERY.get(pl_module.device.type, LOOK_SELDOM):
            self._look(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the remaining losses and gradients, and at all weights."""
        assert isinstance(pl_module, Learner)
        self._look(trainer, pl_module)
        for network in self._networks(pl_module):
            if names := not_finite(network.state_dict()):
                raise ModelError(
                    f"epoch {trainer.current_epoch + 1}: not all values of "
                    f"{counted(len(names), 'tensor')} of the network are numbers, first "
                    f"{names[0]}: {ADVICE}"
                )

    on_validation_start = on_train_epoch_end

    def _networks(self, module: Learner) -> Iterator[nn.Module]:
        yield module.network
        if self.average:
            yield self.average.network

    def _look(self, trainer: Trainer, module: LightningModule) -> None:
        """Look at losses and gradient norms since the last look."""
        assert isinstance(module, Learner)
        first, self.looked = self.looked, len(self.rows)
        each = module.params.accumulate  # batches of a step
        norms = module.gradient_norms if module.params.precision != "16-mixed" else []
        found = []
        for what, values, batches in (
            ("training loss", module.train_losses[first:], 1),
            ("gradient norm", norms[first // each :], each),
        ):
            if not values:
                continue
            finite = torch.stack(values).isfinite().float()
            # Every device sees the mean over all devices, so that all of them stop at once.
            everywhere = trainer.strategy.reduce(finite, reduce_op="mean")
            assert isinstance(everywhere, Tensor)
            if bad := (everywhere < 1).nonzero().flatten().tolist():
                begin = (first // batches + bad[0]) * batches
                found.append((range(begin, min(begin + batches, len(self.rows))), what))
        if found:
            self._stop(trainer, *min(found, key=lambda one: one[0].stop))  # the cause of the rest

    def _stop(self, trainer: Trainer, batches: range, what: str) -> None:
        """Write the ids of some ``batches`` of the epoch, and raise."""
        rows = torch.cat([self._everywhere(trainer, self.rows[batch]) for batch in batches])
        ids = self.data.ids(sorted(row for row in rows.tolist() if row >= 0))
        path = self.folder / IDS
        if trainer.is_global_zero:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.touch(mode=0o600)
            path.write_text("".join(f"{one}\n" for one in ids))
        step = f"step {batches.stop} of {trainer.num_training_batches}"
        raise ModelError(
            f"epoch {trainer.current_epoch + 1}, {step}: the {what} is no number: {ADVICE}. "
            f"What was in the batch: {path}"
        )

    def _everywhere(self, trainer: Trainer, batch: Tensor) -> Tensor:
        """Gather the rows of a batch from all devices; -1 fills up."""
        if trainer.world_size == 1:
            return batch
        padded = pad(batch, (0, self.batch_size - len(batch)), value=-1)
        gathered = trainer.strategy.all_gather(padded)
        assert isinstance(gathered, Tensor)
        return gathered.flatten()
