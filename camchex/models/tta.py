"""Test-time augmentation: an image and its mirror image have the same findings."""

from collections.abc import Callable
from typing import TypeVar

from torch import Tensor

from camchex.models.study_batch import StudyBatch

Inputs = TypeVar("Inputs", Tensor, StudyBatch)


def flip_average(model: Callable[[Inputs], Tensor], inputs: Inputs) -> Tensor:
    """Probabilities, averaged over the images as they are and flipped left to right.

    Args:
        model: Maps the inputs to logits (B, Q).
        inputs: Images (B, 1, H, W), or studies, all of whose images are flipped.

    Returns:
        (B, Q), single precision.

    Source: CheXFusion and the release (method, section 8).
    """
    as_they_are = model(inputs).float().sigmoid()
    return (as_they_are + model(_mirrored(inputs)).float().sigmoid()) / 2


def _mirrored(inputs: Inputs) -> Inputs:
    if isinstance(inputs, Tensor):
        return inputs.flip(-1)
    return inputs.map_images(lambda images: images.flip(-1))
