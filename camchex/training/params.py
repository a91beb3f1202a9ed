"""Sections ``augmentation``, ``noisy_student`` and ``view_finetuning``."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from camchex.contract.params import Section

Schedule = Literal["cosine", "cosine_restarts_each_epoch", "constant"]
Precision = Literal["32-true", "16-mixed", "bf16-mixed"]
Loss = Literal["weighted", "original"]
Probability = Annotated[float, Field(ge=0, le=1)]


class AugmentationParams(Section):
    """Section ``augmentation``: what is done to training images, and how often.

    Source: CheXFusion's augmentations, every value written out instead of a library's default.
    """

    crop_scale: tuple[float, float]  # share of the area
    crop_ratio: tuple[float, float]  # width / height
    flip_p: Probability
    affine_p: Probability
    rotate_degrees: float = Field(ge=0, le=180)
    shift: Probability  # of the side
    scale: float = Field(ge=0, lt=1)
    brightness_contrast_p: Probability
    brightness: Probability  # added, as a share of the grey range
    contrast: Probability  # multiplied by 1 +- contrast
    distort_p: Probability
    noise_p: Probability

    @model_validator(mode="after")
    def _ranges_are_ordered(self) -> Self:
        for name in ("crop_scale", "crop_ratio"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name}: expected 0 < low <= high, found [{low}, {high}]")
        if self.crop_scale[1] > 1:
            raise ValueError(f"crop_scale: at most the whole image, found {self.crop_scale[1]}")
        return self


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
