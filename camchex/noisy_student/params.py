"""Sections ``noisy_student`` and ``view_finetuning``."""

from typing import Literal

from pydantic import Field

from camchex.contract.params import Section
from camchex.training.params import TrainingParams


class PseudoLabelParams(Section):
    """Key ``pseudo_labels``: how a student reads the labels that its teacher predicted."""

    temperature: float = Field(gt=0)  # divides their log-odds; below 1: sharper
    keep: float = Field(gt=0, le=1)  # share of each class that counts, the lowest and the highest


class NoisyStudentParams(Section):
    """Section ``noisy_student``: generation 0 (teacher) and every later one (student)."""

    init: Literal["warm", "pretrained"]  # a student starts from its teacher, or anew
    pseudo_labels: PseudoLabelParams
    teacher: TrainingParams
    student: TrainingParams


class ViewFinetuningParams(Section):
    """Section ``view_finetuning``: generation 4, trained further on one view."""

    training: TrainingParams
