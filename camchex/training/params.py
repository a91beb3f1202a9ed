"""Sections ``augmentation``, ``noisy_student`` and ``view_finetuning``."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from camchex.params import Section
from camchex.training_params import TrainingParams

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


class NoisyStudentParams(Section):
    """Section ``noisy_student``: generation 0 (teacher) and every later one (student)."""

    init: Literal["warm", "pretrained"]  # a student starts from its teacher, or anew
    teacher: TrainingParams
    student: TrainingParams


class ViewFinetuningParams(Section):
    """Section ``view_finetuning``: generation 4, trained further on one view."""

    training: TrainingParams
