"""Section ``vitals`` of params.yaml: which ED stay counts, and which values are plausible."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from camchex.contract.params import Section


def _ascending(bounds: tuple[float, float]) -> tuple[float, float]:
    if not bounds[0] < bounds[1]:
        raise ValueError("the lower bound must be below the upper bound")
    return bounds


Finite = Annotated[float, Field(allow_inf_nan=False)]
Bounds = Annotated[tuple[Finite, Finite], AfterValidator(_ascending)]
Hours = Annotated[float, Field(ge=0, le=8784, allow_inf_nan=False)]  # a leap year


class VitalRanges(Section):
    """Lowest and highest plausible value of each vital sign, both included."""

    temperature_f: Bounds
    heart_rate_bpm: Bounds
    respiratory_rate_bpm: Bounds
    o2_saturation_pct: Bounds
    systolic_bp_mmhg: Bounds
    diastolic_bp_mmhg: Bounds


class VitalsParams(Section):
    """Section ``vitals``."""

    rule: Literal["within_stay", "nearest_any"]
    hours_before: Hours  # within_stay: slack ahead of arrival
    hours_after: Hours  # within_stay: slack past departure
    visit_gap_hours: Hours | None  # stays this far apart are one visit; null: each stay is its own
    ranges: VitalRanges | None  # null: values as published, whatever their unit and range
