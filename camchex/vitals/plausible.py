"""Measurements as charted: Celsius to Fahrenheit, and unbelievable values to missing."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract.schemas import VITAL_SIGNS
from camchex.vitals.params import VitalRanges

# No living patient has these in Fahrenheit, and nearly every patient has them in Celsius.
CELSIUS = (25.0, 45.0)


@dataclass(frozen=True)
class Believed:
    """Measurements with implausible values missing, and how many values each rule touched.

    Attributes:
        table: As given, with the same rows.
        counts: Per vital sign: values ``given``, ``from_celsius``, ``out_of_range`` and
            ``diastolic_not_below_systolic``.
    """

    table: pa.Table
    counts: dict[str, dict[str, int]]


def believe(measurements: pa.Table, ranges: VitalRanges | None) -> Believed:
    """Drop the values that cannot be right.

    In this order: a temperature of 25 to 45 is taken for Celsius, converted, and rounded to a
    tenth of a degree Fahrenheit; a value outside its range is dropped; of a row whose diastolic
    pressure is not below its systolic, both are dropped, since either may be the wrong one.

    Args:
        measurements: Any table with the columns of ``schemas.VITAL_SIGNS``.
        ranges: Bounds, or None to believe everything.

    Source:
        The ranges are params.yaml's; MIMIC-IV-ED documents Fahrenheit and some Celsius.
    """
    counts = {name: {"given": _known(measurements[name])} for name in VITAL_SIGNS}
    if ranges is None:
        return Believed(measurements, counts)
    columns = {name: measurements[name] for name in VITAL_SIGNS}
    celsius = _within(columns["temperature_f"], CELSIUS)
    fahrenheit = pc.round(pc.add(pc.multiply(columns["temperature_f"], 1.8), 32.0), 1)
    columns["temperature_f"] = pc.if_else(celsius, fahrenheit, columns["temperature_f"])
    counts["temperature_f"]["from_celsius"] = _true(celsius)
    for name, bounds in ranges.model_dump().items():
        columns[name] = _where(_within(columns[name], bounds), columns[name])
        counts[name]["out_of_range"] = counts[name]["given"] - _known(columns[name])
    systolic, diastolic = columns["systolic_bp_mmhg"], columns["diastolic_bp_mmhg"]
    crossed = pc.fill_null(pc.greater_equal(diastolic, systolic), fill_value=False)
    for name in ("systolic_bp_mmhg", "diastolic_bp_mmhg"):
        columns[name] = _where(pc.invert(crossed), columns[name])
        counts[name]["diastolic_not_below_systolic"] = _true(crossed)
    return Believed(_replace(measurements, columns), counts)


def _within(column: pa.ChunkedArray, bounds: tuple[float, float]) -> pa.ChunkedArray:
    """Whether each value lies in the closed range; a missing one does not."""
    low, high = bounds
    inside = pc.and_(pc.greater_equal(column, low), pc.less_equal(column, high))
    return pc.fill_null(inside, fill_value=False)


def _where(condition: pa.ChunkedArray, column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(condition, column, pa.scalar(None, column.type))


def _replace(table: pa.Table, columns: dict[str, pa.ChunkedArray]) -> pa.Table:
    for name, column in columns.items():
        table = table.set_column(table.column_names.index(name), name, column)
    return table


def _known(column: pa.ChunkedArray) -> int:
    return len(column) - int(column.null_count)


def _true(column: pa.ChunkedArray) -> int:
    return pc.sum(column).as_py() or 0
