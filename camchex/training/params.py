"""Sections ``augmentation`` and ``training``, and every section that holds a training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, Field, create_model, model_validator

from camchex.contract import params
from camchex.contract.params import PARAMS, Section
from camchex.networks.params import Precision

S = TypeVar("S", bound=Section)

Schedule = Literal["cosine", "cosine_restarts_each_epoch", "constant"]
Loss = Literal["weighted", "original"]
Probability = Annotated[float, Field(ge=0, le=1)]


class AugmentationParams(Section):
    """Section ``augmentation``: what is done to training images, and how often.

    Source: CheXFusion's augmentations, every value written out instead of a library's default.
    """

    #: lowest and highest share of the area that is kept by the crop
    crop_scale: tuple[float, float]
    crop_ratio: tuple[float, float]  #: lowest and highest width / height of the crop
    flip_p: Probability  #: probability of mirroring left and right
    affine_p: Probability  #: probability of turning, shifting and scaling
    rotate_degrees: float = Field(ge=0, le=180)  #: most degrees of a turn, to either side
    shift: Probability  #: largest shift, as a share of the side
    scale: float = Field(ge=0, lt=1)  #: largest change of size; 0.1: from 0.9 to 1.1
    brightness_contrast_p: Probability  #: probability of a change of brightness and contrast
    brightness: Probability  #: largest value added, as a share of the grey range
    contrast: Probability  #: grey values are multiplied by at most 1 +- contrast
    distort_p: Probability  #: probability of an elastic or a grid distortion
    noise_p: Probability  #: probability of noise or one of three blurs

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
    """Optimizer, schedule, averaging and precision; :func:`load_section` fills in shared keys.

    Source: paper section 4.2 (AdamW, cosine with 5 % linear warm-up, moving average); what the
    paper leaves open is a parameter here.
    """

    epochs: int = Field(ge=1)  #: passes over the training images or studies
    batch_size: int = Field(ge=1)  #: images or studies per step, over all devices
    accumulate: int = Field(ge=1)  #: batches per optimizer step
    loss: Loss  #: with class weights, a mean; or the asymmetric loss as it was published, a sum
    learning_rate: float = Field(gt=0)  #: the highest one, after the warm-up
    weight_decay: float = Field(ge=0)  #: decay of AdamW, decoupled from the gradient
    decay_norm_and_bias: bool  #: whether norms and biases decay, too
    schedule: Schedule  #: course of the learning rate after the warm-up
    #: share of the training in which the rate rises; with restarts, of an epoch
    warmup_fraction: float = Field(ge=0, lt=1)
    #: decay of the weights' moving average, per step; null: keep the weights themselves
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None
    #: largest norm of the gradient; null: no clipping
    clip_norm: Annotated[float, Field(gt=0)] | None
    precision: Precision  #: arithmetic of the training
    #: first weights, order, augmentation and dropout follow from it
    seed: int = Field(ge=0, lt=2**63)


_optional: Any = {
    name: (Annotated[field.annotation, field], None)
    for name, field in TrainingParams.model_fields.items()
}


class SharedTraining(create_model("SharedTraining", __base__=Section, **_optional)):  # type: ignore[misc]
    """Section ``training``: any of the keys of :class:`TrainingParams`, for all four trainings."""


def share_training(content: object, model: type[BaseModel], shared: Mapping[str, object]) -> object:
    """Complete every :class:`TrainingParams` in the YAML of ``model`` by section ``training``."""
    if not isinstance(content, dict):
        return content
    if model is TrainingParams:
        return {**shared, **content}
    return content | {
        name: share_training(content[name], field.annotation, shared)
        for name, field in model.model_fields.items()
        if name in content and isinstance(field.annotation, type(Section))
    }


def load_section(name: str, model: type[S], path: Path = PARAMS) -> S:
    """Read a section that holds trainings, each completed from section ``training``.

    Raises:
        ParamsError: Naming the file, the full key and what is wrong with its value.
    """
    shared = params.load("training", SharedTraining, path).model_dump(exclude_unset=True)
    content = share_training(params.read_file(path)[name], model, shared)
    return params.validate(content, model, where=f"{path}: {name}")
