"""Sections ``evaluation`` and ``audit`` of params.yaml."""

from pydantic import Field

from camchex.params import Section


class EvaluationParams(Section):
    """Section ``evaluation``."""

    min_cell: int = Field(ge=1)  # studies: a smaller count above 0 is hidden; 1 hides nothing


class AuditParams(Section):
    """Section ``audit``: what chance looks like to the leakage audit."""

    shuffles: int = Field(ge=2)  # times that indications are dealt out to other studies
    seed: int = Field(ge=0)
