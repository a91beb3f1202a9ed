"""How one network is trained: the part that every training section of params.yaml shares."""

from typing import Annotated, Literal

from pydantic import Field

from camchex.params import Section

Schedule = Literal["cosine", "cosine_restarts_each_epoch", "constant"]
Precision = Literal["32-true", "16-mixed", "bf16-mixed"]
Loss = Literal["weighted", "original"]


class TrainingParams(Section):
    """Optimiser, schedule, averaging and precision of one training.

    Source: paper section 4.2 (AdamW, cosine with 5 % linear warm-up, moving average); what the
    paper leaves open is a parameter here.
    """

    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)  # images or studies per step, over all devices
    accumulate: int = Field(ge=1)  # batches per optimizer step
    loss: Loss  # with class weights, a mean; or the asymmetric loss as it was published, a sum
    learning_rate: float = Field(gt=0)  # the highest one, after the warm-up
    weight_decay: float = Field(ge=0)
    decay_norm_and_bias: bool
    schedule: Schedule
    warmup_fraction: float = Field(ge=0, lt=1)  # of the training; with restarts, of an epoch
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None  # null: keep the weights themselves
    clip_norm: Annotated[float, Field(gt=0)] | None  # null: no clipping
    precision: Precision
    seed: int = Field(ge=0)
