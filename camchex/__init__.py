"""Study-level chest X-ray classification from images, indication and vital signs.

Research software, not a medical device. The names below are the interface for programs
(docs/python.md); the modules that hold them may move. Each is imported when it is first asked for,
so the functions over tables need no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from camchex.contract.image_store import ImageStore
    from camchex.fusion.camchex import CaMChex
    from camchex.networks.image_classifier import ImageClassifier
    from camchex.networks.ml_decoder import MLDecoder
    from camchex.prediction.one_study import StudyInput, predict_study
    from camchex.reports.sections import split_sections
    from camchex.scores.metrics import average_precision, roc_auc
    from camchex.sources.external.read import read_labels
    from camchex.texts.cleaning import clean_indication
    from camchex.training.loss import weighted_asymmetric_loss
    from camchex.vitals.link import link_vitals
    from camchex.vitals.params import VitalsParams

__version__ = "0.1.0"
NOT_A_DEVICE = "Research software, not a medical device: not for diagnosis or treatment."
__all__ = [
    "CaMChex",
    "ImageClassifier",
    "ImageStore",
    "MLDecoder",
    "StudyInput",
    "VitalsParams",
    "average_precision",
    "clean_indication",
    "link_vitals",
    "predict_study",
    "read_labels",
    "roc_auc",
    "split_sections",
    "weighted_asymmetric_loss",
]
_MODULES = {
    "CaMChex": "fusion.camchex",
    "ImageClassifier": "networks.image_classifier",
    "ImageStore": "contract.image_store",
    "MLDecoder": "networks.ml_decoder",
    "StudyInput": "prediction.one_study",
    "VitalsParams": "vitals.params",
    "average_precision": "scores.metrics",
    "clean_indication": "texts.cleaning",
    "link_vitals": "vitals.link",
    "predict_study": "prediction.one_study",
    "read_labels": "sources.external.read",
    "roc_auc": "scores.metrics",
    "split_sections": "reports.sections",
    "weighted_asymmetric_loss": "training.loss",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
