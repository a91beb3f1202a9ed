"""Which measurements are plausible, and what is counted of the rest."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camchex.contract import params
from camchex.contract.schemas import VITAL_SIGNS
from camchex.errors import DataError, ParamsError
from camchex.vitals.params import VitalsParams
from camchex.vitals.plausible import (
    POSSIBLE,
    drop_implausible,
    require_measurement,
    require_pressures,
)
from tests.vitals import by_hand
from tests.vitals.ed import RANGES, WITHIN, triage

TENTHS = st.integers(0, 5000).map(lambda tenths: tenths / 10)  # as charted; none converts to a tie
NUMBERS = st.one_of(st.none(), TENTHS, st.sampled_from([25.0, 45.0, 77.0, 113.0, 986.0]))
ROWS = st.lists(st.fixed_dictionaries(dict.fromkeys(VITAL_SIGNS, NUMBERS)), max_size=8)


def plausible(column: str, *values: float | None) -> list[float | None]:
    rows = [{"stay_id": "30", column: value} for value in values]
    return drop_implausible(triage(*rows), RANGES).table[column].to_pylist()


@pytest.mark.parametrize(
    ("celsius", "fahrenheit"), [(36.6, 97.9), (37.0, 98.6), (25.0, 77.0), (45.0, 113.0)]
)
def test_celsius_becomes_fahrenheit_to_a_tenth(celsius: float, fahrenheit: float) -> None:
    assert plausible("temperature_f", celsius) == [fahrenheit]


def test_a_temperature_between_the_two_scales_is_dropped() -> None:
    assert plausible("temperature_f", 24.9, 45.1, 76.9, 113.1) == [None] * 4


def test_fahrenheit_is_kept_to_its_last_digit() -> None:
    assert plausible("temperature_f", 98.96) == [98.96]


@pytest.mark.parametrize("name", [n for n in VITAL_SIGNS if n != "temperature_f"])
def test_the_bounds_of_a_range_belong_to_it(name: str) -> None:
    low, high = getattr(RANGES, name)
    assert plausible(name, low, high, low - 0.1, high + 0.1) == [low, high, None, None]


def test_a_value_that_is_no_number_is_dropped() -> None:
    assert plausible("heart_rate_bpm", float("nan"), float("inf")) == [None, None]


def test_a_diastolic_pressure_not_below_the_systolic_costs_both() -> None:
    rows = [
        {"stay_id": str(i), "systolic_bp_mmhg": high, "diastolic_bp_mmhg": low}
        for i, (high, low) in enumerate([(120, 80), (80, 80), (80, 120), (None, 80), (120, None)])
    ]
    result = drop_implausible(triage(*rows), RANGES)
    assert result.table["systolic_bp_mmhg"].to_pylist() == [120, None, None, None, 120]
    assert result.table["diastolic_bp_mmhg"].to_pylist() == [80, None, None, 80, None]
    assert result.counts["systolic_bp_mmhg"]["diastolic_not_below_systolic"] == 2


def test_an_impossible_diastolic_pressure_leaves_the_systolic_alone() -> None:
    row = {"stay_id": "30", "systolic_bp_mmhg": 120.0, "diastolic_bp_mmhg": 74810.0}
    result = drop_implausible(triage(row), RANGES)
    assert result.table["systolic_bp_mmhg"].to_pylist() == [120]
    assert result.counts["diastolic_bp_mmhg"]["out_of_range"] == 1


def test_without_ranges_everything_is_plausible() -> None:
    row = {"stay_id": "30", "temperature_f": 36.6, "heart_rate_bpm": 1228.0}
    assert drop_implausible(triage(row), None).table.equals(triage(row))


@given(ROWS)
@settings(deadline=None, max_examples=30)
def test_values_are_dropped_as_by_loops(rows: list[dict[str, float | None]]) -> None:
    table = pa.Table.from_pylist(rows, schema=triage().select(list(VITAL_SIGNS)).schema)
    assert drop_implausible(table, RANGES).table.to_pylist() == [
        by_hand.plausible(row) for row in rows
    ]


@given(ROWS)
@settings(deadline=None, max_examples=30)
def test_every_value_is_kept_or_counted_as_dropped(rows: list[dict[str, float | None]]) -> None:
    table = pa.Table.from_pylist(rows, schema=triage().select(list(VITAL_SIGNS)).schema)
    result = drop_implausible(table, RANGES)
    for name in VITAL_SIGNS:
        counts = result.counts[name]
        dropped = counts["out_of_range"] + counts.get("diastolic_not_below_systolic", 0)
        kept = table.num_rows - result.table[name].null_count
        assert counts["given"] - dropped == kept


@given(ROWS)
@settings(deadline=None, max_examples=30)
def test_plausible_values_are_kept_when_asked_again(rows: list[dict[str, float | None]]) -> None:
    table = pa.Table.from_pylist(rows, schema=triage().select(list(VITAL_SIGNS)).schema)
    once = drop_implausible(table, RANGES).table
    assert drop_implausible(once, RANGES).table.equals(once)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"hours_before": -1}, "hours_before"),
        ({"hours_after": float("inf")}, "hours_after"),
        ({"rule": "nearest"}, "rule"),
        ({"ranges": {**RANGES.model_dump(), "heart_rate_bpm": (300, 20)}}, "heart_rate_bpm"),
        ({"ranges": {"heart_rate_bpm": (20, 300)}}, "temperature_f"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_named(change: dict[str, object], key: str) -> None:
    with pytest.raises(ParamsError, match=key):
        params.validate(WITHIN.model_dump() | change, VitalsParams, where="vitals")


def test_a_prediction_takes_what_a_training_keeps() -> None:
    ranges = params.load("vitals", VitalsParams, Path("params.yaml")).ranges
    assert ranges is not None
    assert ranges.model_dump() == POSSIBLE


@pytest.mark.parametrize("name", VITAL_SIGNS)
def test_a_value_that_a_training_would_drop_is_refused(name: str) -> None:
    low, high = POSSIBLE[name]
    for value in (low, high):
        require_measurement(name, value, "said")
    for value in (low - 0.1, high + 0.1, 1e300):
        with pytest.raises(DataError, match=f"said: expected {low:g} to {high:g}"):
            require_measurement(name, value, "said")


def test_a_share_is_no_percentage() -> None:
    with pytest.raises(DataError, match=r"looks like a share\. In per cent that is 95"):
        require_measurement("o2_saturation_pct", 0.95, "o2sat=0.95")


@pytest.mark.parametrize(("systolic", "diastolic"), [(120.0, 80.0), (120.0, None), (None, 80.0)])
def test_pressures_in_their_order_or_alone_are_taken(
    systolic: float | None, diastolic: float | None
) -> None:
    require_pressures({"systolic_bp_mmhg": systolic, "diastolic_bp_mmhg": diastolic})


@pytest.mark.parametrize("diastolic", [80.0, 120.0])
def test_a_diastolic_pressure_that_is_not_the_lower_is_refused(diastolic: float) -> None:
    with pytest.raises(DataError, match=f"{diastolic:g} is not below systolic_bp_mmhg=80"):
        require_pressures({"systolic_bp_mmhg": 80.0, "diastolic_bp_mmhg": diastolic})
