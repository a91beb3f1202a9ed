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

    temperature_f: Bounds  #: body temperature, degrees Fahrenheit
    heart_rate_bpm: Bounds  #: heart rate, beats per minute
    respiratory_rate_bpm: Bounds  #: respiratory rate, breaths per minute
    o2_saturation_pct: Bounds  #: oxygen saturation, per cent
    systolic_bp_mmhg: Bounds  #: systolic blood pressure, mmHg
    diastolic_bp_mmhg: Bounds  #: diastolic blood pressure, mmHg


class VitalsParams(Section):
    """Section ``vitals``: which stay a study belongs to, and which values count.

    Source: docs/method.md, section 3.
    """

    #: which stay counts: one that contains the study, or that of the nearest arrival
    rule: Literal["within_stay", "nearest_any"]
    hours_before: Hours  #: slack ahead of arrival; within_stay only
    hours_after: Hours  #: slack past departure; within_stay only
    visit_gap_hours: Hours | None  #: stays this far apart are one visit; null: each stay is its own
    #: plausible values; null: values as published, whatever their unit and range
    ranges: VitalRanges | None
