"""Learning rate of every optimizer step, and weight decay."""

import math
from collections.abc import Iterable
from typing import Any

from torch import nn
from torch.optim import AdamW

from camchex.training.params import TrainingParams

RESTART_FLOOR = 0.1  # share of the highest learning rate at the end of a cycle, as released
RESTART_WARMUP_START = 1e-3  # share at the start of the warm-up, as released


def warmup_steps(params: TrainingParams, steps_per_epoch: int) -> int:
    """Count the steps of linear warm-up: a share of the training, or of an epoch with restarts."""
    epochs = 1 if params.schedule == "cosine_restarts_each_epoch" else params.epochs
    return round(params.warmup_fraction * epochs * steps_per_epoch)


def learning_rate_factor(params: TrainingParams, steps_per_epoch: int, step: int) -> float:
    """Compute the learning rate of an optimizer step, divided by ``params.learning_rate``.

    Args:
        params: Schedule, epochs and warm-up of the training.
        steps_per_epoch: Optimizer steps in an epoch.
        step: Number of the optimizer step, from 0.

    Source: paper section 4.2 (cosine); the release's restarts (docs/method.md, section 8).
    """
    warmup = warmup_steps(params, steps_per_epoch)
    since = step - warmup
    match params.schedule:
        case "constant":
            return (step + 1) / (warmup + 1) if since < 0 else 1.0
        case "cosine":
            if since < 0:
                return (step + 1) / (warmup + 1)
            length = params.epochs * steps_per_epoch - warmup
            return 0.5 * (1 + math.cos(math.pi * min(since / max(length, 1), 1.0)))
        case "cosine_restarts_each_epoch":
            if since < 0:
                return RESTART_WARMUP_START + (1 - RESTART_WARMUP_START) * step / warmup
            phase = (since % steps_per_epoch) / steps_per_epoch
            return RESTART_FLOOR + (1 - RESTART_FLOOR) * 0.5 * (1 + math.cos(math.pi * phase))


def build_optimizer(parameters: Iterable[nn.Parameter], params: TrainingParams) -> AdamW:
    """Build AdamW over the trainable weights; ``params`` say whether norms and biases decay."""
    trainable = [p for p in parameters if p.requires_grad]
    vectors = [] if params.decay_norm_and_bias else [p for p in trainable if p.ndim <= 1]
    spared = {id(p) for p in vectors}
    matrices = [p for p in trainable if id(p) not in spared]
    groups: list[dict[str, Any]] = [
        {"params": matrices},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return AdamW(
        groups,
        lr=params.learning_rate,
        weight_decay=params.weight_decay,
        fused=params.precision != "16-mixed",  # Lightning unscales those gradients itself
    )
