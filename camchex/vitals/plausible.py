"""Plausible measurements: Celsius converted to Fahrenheit, impossible values missing."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract.rules import LEAST_SHARE
from camchex.contract.schemas import VITAL_SIGNS
from camchex.errors import DataError
from camchex.vitals.params import VitalRanges

# No living patient has these in Fahrenheit, and nearly every patient has them in Celsius.
CELSIUS = (25.0, 45.0)
POSSIBLE = {
    "temperature_f": (77.0, 113.0),
    "heart_rate_bpm": (20.0, 300.0),
    "respiratory_rate_bpm": (4.0, 80.0),
    "o2_saturation_pct": (50.0, 100.0),
    "systolic_bp_mmhg": (40.0, 300.0),
    "diastolic_bp_mmhg": (20.0, 200.0),
}
"""Lowest and highest value that a prediction takes: ``vitals.ranges`` of params.yaml."""
PRESSURES = ("systolic_bp_mmhg", "diastolic_bp_mmhg")


class Plausible(NamedTuple):
    """Measurements with implausible values missing, and how many values each rule touched."""

    table: pa.Table  # rows and columns as given
    # Per vital sign: given, from_celsius, out_of_range, diastolic_not_below_systolic.
    counts: dict[str, dict[str, int]]


def drop_implausible(measurements: pa.Table, ranges: VitalRanges | None) -> Plausible:
    """Drop the values that cannot be right.

    In this order: a temperature of 25 to 45 is taken for Celsius, converted, and rounded to a
    tenth of a degree Fahrenheit; a value outside its range is dropped; where the diastolic
    pressure is not below the systolic one, both are dropped, since either may be the wrong one.

    Args:
        measurements: Any table with the columns of ``schemas.VITAL_SIGNS``.
        ranges: Lowest and highest plausible values, or None to keep every value.

    Source:
        The ranges are this project's (params.yaml); MIMIC-IV-ED documents Fahrenheit and some
        Celsius.
    """
    columns = {name: measurements[name] for name in VITAL_SIGNS}
    counts = {name: {"given": len(c) - c.null_count} for name, c in columns.items()}
    if ranges is None:
        return Plausible(measurements, counts)
    celsius = _within(columns["temperature_f"], CELSIUS)
    tenths = pc.round(pc.add(pc.multiply(columns["temperature_f"], 18.0), 320.0))
    fahrenheit = pc.divide(tenths, 10.0)  # pc.round(..., 1) gives 112.10000000000001 for 44.5 C
    columns["temperature_f"] = pc.if_else(celsius, fahrenheit, columns["temperature_f"])
    counts["temperature_f"]["from_celsius"] = pc.sum(celsius).as_py() or 0
    for name, bounds in ranges.model_dump().items():
        kept = _where(_within(columns[name], bounds), columns[name])
        counts[name]["out_of_range"] = kept.null_count - columns[name].null_count
        columns[name] = kept
    systolic, diastolic = (columns[name] for name in PRESSURES)
    crossed = pc.fill_null(pc.greater_equal(diastolic, systolic), fill_value=False)
    for name in PRESSURES:
        columns[name] = _where(pc.invert(crossed), columns[name])
        counts[name]["diastolic_not_below_systolic"] = pc.sum(crossed).as_py() or 0
    for name, column in columns.items():
        at = measurements.column_names.index(name)
        measurements = measurements.set_column(at, name, column)
    return Plausible(measurements, counts)


def require_measurement(name: str, value: object, written: str) -> None:
    """Refuse a vital sign that is no number, is in another unit, or cannot be right.

    A training leaves such values out; a prediction asks whoever typed them.

    Args:
        name: A column of ``schemas.VITAL_SIGNS``.
        value: The value.
        written: Name and value as they were given, for the message.

    Raises:
        DataError: Naming them.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        measured = float(value)
    else:
        measured = math.nan
    if not 0 < measured < math.inf:
        raise DataError(f"{written}: expected a number above 0; leave out unknowns")
    if name == "temperature_f" and CELSIUS[0] <= measured <= CELSIUS[1]:
        fahrenheit = f"In Fahrenheit that is {measured * 1.8 + 32:.1f}."
        raise DataError(f"{written} looks like degrees Celsius. {fahrenheit}")
    if name == "o2_saturation_pct" and measured <= 1:
        raise DataError(f"{written} looks like a share. In per cent that is {measured * 100:g}.")
    # An unknown name is refused where the text of the vital signs is written.
    low, high = POSSIBLE.get(name, (0.0, math.inf))
    if not low <= measured <= high:
        raise DataError(f"{written}: expected {low:g} to {high:g}; leave out what cannot be right")


def require_pressures(values: Mapping[str, float | None]) -> None:
    """Refuse a diastolic pressure that is not below the systolic one.

    Args:
        values: Values by column of ``schemas.VITAL_SIGNS``.

    Raises:
        DataError: Naming both.
    """
    systolic, diastolic = (values.get(name) for name in PRESSURES)
    if systolic is not None and diastolic is not None and diastolic >= systolic:
        raise DataError(
            f"diastolic_bp_mmhg={diastolic:g} is not below systolic_bp_mmhg={systolic:g}: one of "
            "them is wrong; leave both out if the right ones are not known"
        )


def is_lost(given: int, out_of_range: int) -> bool:
    """Whether almost all values of a vital sign are out of range, as where its unit is another."""
    return given - out_of_range < LEAST_SHARE * given


def _within(column: pa.ChunkedArray, bounds: tuple[float, float]) -> pa.ChunkedArray:
    """Tell of each value whether it lies in the closed range; a missing value does not."""
    low, high = bounds
    inside = pc.and_(pc.greater_equal(column, low), pc.less_equal(column, high))
    return pc.fill_null(inside, fill_value=False)


def _where(condition: pa.ChunkedArray, column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(condition, column, pa.scalar(None, column.type))
