"""Sections ``evaluation`` and ``audit`` of params.yaml."""

from pydantic import Field

from camchex.contract.params import Section


class BootstrapParams(Section):
    """Section ``evaluation.bootstrap``: how intervals are found."""

    resamples: int = Field(ge=1, le=1_000_000)  #: draws of the patients, with replacement
    seed: int = Field(ge=0)  #: seed of the draws
    level: float = Field(gt=0, lt=1)  #: share of the resamples within an interval


class EvaluationParams(Section):
    """Section ``evaluation``."""

    min_cell: int = Field(ge=1)  #: studies; a smaller count above 0 is hidden; 1 hides nothing
    bootstrap: BootstrapParams  #: how intervals are found


class AuditParams(Section):
    """Section ``audit``: what chance looks like to the leakage audit."""

    shuffles: int = Field(ge=2, le=10_000)  #: times that indications are dealt out to other studies
    seed: int = Field(ge=0)  #: seed of these shuffles
