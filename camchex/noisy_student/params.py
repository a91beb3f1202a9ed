"""Sections ``noisy_student`` and ``view_finetuning``."""

from typing import Literal

from camchex.contract.params import Section
from camchex.training.params import TrainingParams


class NoisyStudentParams(Section):
    """Section ``noisy_student``: generation 0 (teacher) and every later one (student)."""

    #: a student starts from its teacher (warm), or anew from encoder.pretrained (pretrained)
    init: Literal["warm", "pretrained"]
    teacher: TrainingParams  #: training of generation 0
    student: TrainingParams  #: training of every later generation


class ViewFinetuningParams(Section):
    """Section ``view_finetuning``: generation 4, trained further on one view."""

    training: TrainingParams  #: training of the encoder of each view
