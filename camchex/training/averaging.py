"""Exponential moving average of the weights, kept by Lightning's weight averaging."""

from collections.abc import Sequence

from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn


class MovingAverage(WeightAveraging):
    """Averages after every optimizer step: average = decay * average + (1 - decay) * weights.

    While the learning rate warms up the average is the weights themselves, so that a short
    training does not remember its start. Validation sees the average.

    Args:
        decay: Share of the average that an optimizer step keeps.
        warmup_steps: Optimizer steps before which nothing is averaged.

    Source: method, section 8 (the release averages from the end of its warm-up on).
    """

    def __init__(self, decay: float, warmup_steps: int) -> None:
        average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]

        def update(averaged: Sequence[Tensor], current: Sequence[Tensor], updates: Tensor) -> None:
            if int(updates) < warmup_steps:
                for kept, new in zip(averaged, current, strict=True):
                    kept.copy_(new)
            else:
                average(averaged, current, updates)

        super().__init__(multi_avg_fn=update)

    @property
    def weights(self) -> dict[str, Tensor]:
        """The averaged weights, by their names in the learner."""
        assert self._average_model is not None
        state: dict[str, Tensor] = self._average_model.module.state_dict()
        return state
