"""The networks: an image classifier, a text encoder, their fusion, and the loss.

Their names are here once they are asked for: what reads parameters alone does without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from camchex.models.camchex import CaMChex
    from camchex.models.image_classifier import ImageClassifier
    from camchex.models.loss import asymmetric_loss, weighted_asymmetric_loss
    from camchex.models.ml_decoder import MLDecoder
    from camchex.models.position import position_encoding
    from camchex.models.study_batch import StudyBatch
    from camchex.models.tta import flip_average

__all__ = [
    "CaMChex",
    "ImageClassifier",
    "MLDecoder",
    "StudyBatch",
    "asymmetric_loss",
    "flip_average",
    "position_encoding",
    "weighted_asymmetric_loss",
]

_MODULES = {
    "CaMChex": "camchex",
    "ImageClassifier": "image_classifier",
    "MLDecoder": "ml_decoder",
    "StudyBatch": "study_batch",
    "asymmetric_loss": "loss",
    "flip_average": "tta",
    "position_encoding": "position",
    "weighted_asymmetric_loss": "loss",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
