"""Sections ``noisy_student`` and ``view_finetuning``."""

from typing import Literal

from camchex.contract.params import Section
from camchex.training.params import TrainingParams


class NoisyStudentParams(Section):
    """Section ``noisy_student``: generation 0 (teacher) and every later one (student)."""

    init: Literal["warm", "pretrained"]  # a student starts from its teacher, or anew
    teacher: TrainingParams
    student: TrainingParams


class ViewFinetuningParams(Section):
    """Section ``view_finetuning``: generation 4, trained further on one view."""

    training: TrainingParams
