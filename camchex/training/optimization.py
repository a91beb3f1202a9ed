"""How weights move: learning rate, weight decay, and a moving average that Lightning keeps."""

import math
from collections.abc import Iterable
from typing import Any, cast

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor, nn
from torch.optim import AdamW

from camchex.training.params import TrainingParams

RESTART_FLOOR = 0.1  # share of the highest learning rate at the end of a cycle, as released
RESTART_WARMUP_START = 1e-3  # share at the start of the warm-up, as released


def warmup_steps(params: TrainingParams, steps_per_epoch: int) -> int:
    """Count the steps of linear warm-up: a share of the training, or of an epoch with restarts."""
    epochs = 1 if params.schedule == "cosine_restarts_each_epoch" else params.epochs
    return round(params.warmup_fraction * epochs * steps_per_epoch)


def learning_rate_factor(params: TrainingParams, steps_per_epoch: int, step: int) -> float:
    """Compute the learning rate of an optimizer step (from 0), divided by the highest one.

    Source: paper section 4.2 (cosine); the release's restarts (docs/method.md, section 8).
    """
    warmup = warmup_steps(params, steps_per_epoch)
    since = step - warmup
    if params.schedule == "cosine_restarts_each_epoch":
        if since < 0:
            return RESTART_WARMUP_START + (1 - RESTART_WARMUP_START) * step / warmup
        phase = (since % steps_per_epoch) / steps_per_epoch
        return RESTART_FLOOR + (1 - RESTART_FLOOR) * 0.5 * (1 + math.cos(math.pi * phase))
    if since < 0:
        return (step + 1) / (warmup + 1)
    if params.schedule == "constant":
        return 1.0
    length = params.epochs * steps_per_epoch - warmup
    return 0.5 * (1 + math.cos(math.pi * min(since / max(length, 1), 1.0)))


def build_optimizer(parameters: Iterable[nn.Parameter], params: TrainingParams) -> AdamW:
    """Build AdamW over the trainable weights; ``params`` say whether norms and biases decay."""
    trainable = [p for p in parameters if p.requires_grad]
    spared = [p for p in trainable if p.ndim <= 1 and not params.decay_norm_and_bias]
    decayed = [p for p in trainable if p.ndim > 1 or params.decay_norm_and_bias]
    groups: list[dict[str, Any]] = [{"params": decayed}, {"params": spared, "weight_decay": 0.0}]
    return AdamW(
        groups,
        lr=params.learning_rate,
        weight_decay=params.weight_decay,
        fused=params.precision != "16-mixed",  # Lightning unscales those gradients itself
    )


class MovingAverage(WeightAveraging):
    """Averages after every optimizer step: average = decay * average + (1 - decay) * weights.

    During the first ``warmup_steps`` the average is the weights themselves, so that a short
    training does not remember its start. Buffers are copied. Validation sees the average.

    Lightning's ``EMAWeightAveraging`` differs: until averaging starts it keeps the weights from
    before the first step, so validation during the warm-up would score an untrained network; and it
    rounds differently, weight by weight.

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
        return cast(nn.Module, self._average_model.module.network)
