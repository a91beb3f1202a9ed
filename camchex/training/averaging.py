"""Exponential moving average of the weights, kept by Lightning's weight averaging."""

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


class MovingAverage(WeightAveraging):
    """Averages after every optimizer step: average = decay * average + (1 - decay) * weights.

    While the learning rate warms up the average is the weights themselves, so that a short
    training does not remember its start. Frozen weights are left alone, buffers are copied.
    Validation sees the average.

    Args:
        decay: Share of the average that an optimizer step keeps.
        warmup_steps: Optimizer steps before which nothing is averaged.

    Source: docs/method.md, section 8 (the release averages from the end of its warm-up on).
    """

    def __init__(self, decay: float, warmup_steps: int) -> None:
        super().__init__(use_buffers=False)
        self.decay, self.warmup_steps = decay, warmup_steps
        self._pairs: tuple[list[Tensor], list[Tensor]] | None = None  # average, weights

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *_: object, **__: object
    ) -> None:
        """Average once per optimizer step, all weights in one call: torch's own walks the model."""
        if trainer.global_step > self._latest_update_step:
            self.update(pl_module)
            self._latest_update_step = trainer.global_step

    @torch.no_grad()
    def update(self, module: LightningModule) -> None:
        """Take the weights of ``module`` into the average."""
        assert self._average_model is not None
        if self._pairs is None:
            both = zip(self._average_model.module.parameters(), module.parameters(), strict=True)
            trained = [(kept, new) for kept, new in both if new.requires_grad]
            self._pairs = [kept for kept, _ in trained], [new for _, new in trained]
        kept, new = self._pairs
        if int(self._average_model.n_averaged) < self.warmup_steps:
            torch._foreach_copy_(kept, new)
        else:
            torch._foreach_lerp_(kept, new, 1 - self.decay)
        buffers = zip(self._average_model.module.buffers(), module.buffers(), strict=True)
        for old, current in buffers:
            old.copy_(current)
        self._average_model.n_averaged += 1

    @property
    def weights(self) -> dict[str, Tensor]:
        """The averaged weights, by their names in the learner."""
        assert self._average_model is not None
        state: dict[str, Tensor] = self._average_model.module.state_dict()
        return state
