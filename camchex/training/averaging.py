"""Exponential moving average of the weights, kept by Lightning's weight averaging."""

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor, nn


class MovingAverage(WeightAveraging):
    """Averages after every optimizer step: average = decay * average + (1 - decay) * weights.

    While the learning rate warms up the average is the weights themselves, so that a short
    training does not remember its start. Buffers are copied. Validation sees the average.

    Lightning's ``EMAWeightAveraging`` differs: until averaging starts it keeps the weights from
    before the first step, so validation during the warm-up would score an untrained network; and it
    rounds differently, weight by weight.

    Args:
        decay: Share of the average that an optimizer step keeps.
        warmup_steps: Optimizer steps before which nothing is averaged.

    Source: docs/method.md, section 8 (the release averages from the end of its warm-up on).
    """

    def __init__(self, decay: float, warmup_steps: int) -> None:
        def average(kept: list[Tensor], new: list[Tensor], updates: Tensor | int) -> None:
            if int(updates) <= warmup_steps:
                torch._foreach_copy_(kept, new)
            else:
                torch._foreach_lerp_(kept, new, 1 - decay)

        super().__init__(use_buffers=False, multi_avg_fn=average)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Begin with one update counted, since torch copies the weights of the first update."""
        super().setup(trainer, pl_module, stage)
        if self._average_model is not None:
            self._average_model.n_averaged += 1

    @property
    def network(self) -> nn.Module:
        """Copy of the learner's network that holds the averaged weights."""
        assert self._average_model is not None
        network = self._average_model.module.network
        assert isinstance(network, nn.Module)
        return network
