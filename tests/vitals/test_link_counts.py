"""What is tracked of the linkage adds up, and shows no small cell."""

import statistics
from typing import Any

import pyarrow as pa
import pytest

from camchex.contract.schemas import VITAL_SIGNS
from camchex.vitals.link import link_and_count
from tests.vitals.adversarial import random_tables
from tests.vitals.ed import ONE_STAY, STUDY, WITHIN, Row, after, edstays, studies, triage, vitalsign


def counts_of(taken: pa.Table, *ed: pa.Table) -> dict[str, Any]:
    return dict(link_and_count(taken, *ed, WITHIN)[1])


@pytest.fixture(scope="module")
def many() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows of linked studies, and the counts of all."""
    vitals, counts = link_and_count(*random_tables(3, 1_000), WITHIN)
    return [row for row in vitals.to_pylist() if row["stay_id"]], dict(counts)


Many = tuple[list[dict[str, Any]], dict[str, Any]]


def test_sources_of_every_value_add_up_to_the_linked_studies(many: Many) -> None:
    rows, counts = many
    of = counts["studies"]
    assert of["linked"] == len(rows)
    assert of["linked"] + of["unlinked"] == of["total"] == 2_000
    assert all(sum(counts["sources"][name].values()) == of["linked"] for name in VITAL_SIGNS)


def test_what_came_through_slack_or_chain_is_counted_and_how_old_values_are(many: Many) -> None:
    rows, counts = many
    of = counts["studies"]
    assert of["linked_before_arrival"] == sum(row["minutes_since_arrival"] < 0 for row in rows) > 0
    assert of["linked_after_departure"] == sum(row["taken"] == "after" for row in rows) > 0
    assert of["linked_between_stays"] == sum(row["taken"] == "between" for row in rows) > 0
    chained = {
        name: [r[f"{name}_stay_id"] not in {None, r["stay_id"]} for r in rows]
        for name in VITAL_SIGNS
    }
    assert of["with_values_through_chain"] == sum(map(any, zip(*chained.values(), strict=True)))
    for name in VITAL_SIGNS:
        ages = [r[f"{name}_age_minutes"] for r in rows if r[name] is not None]
        assert counts["values_through_chain"][name] == sum(chained[name]) > 0
        assert counts["values_before_arrival"][name] == sum(age < 0 for age in ages) > 0
        median = statistics.median(age for age in ages if age >= 0)
        assert counts["age_minutes"][name]["p50"] == round(median, 1)


def test_rows_that_cannot_be_used_are_counted() -> None:
    stays = edstays(
        ONE_STAY,
        ONE_STAY,
        ONE_STAY | {"stay_id": "31", "outtime": after(-1)},
        ONE_STAY | {"stay_id": "32", "outtime": None},
        ONE_STAY | {"stay_id": "33", "outtime": after(366 * 1440 + 1)},
    )
    times = [("30", None), ("77", after(0)), ("30", after(-121)), ("30", after(241))]
    chart = vitalsign(*({"stay_id": stay, "charttime": time} for stay, time in times))
    tables = studies(STUDY), stays, triage({"stay_id": "30"}, {"stay_id": "77"}), chart
    assert counts_of(*tables)["rows"] == {
        "edstays": 5,
        "edstays_duplicate": 1,
        "edstays_untimed": 1,
        "edstays_ending_before_start": 1,
        "edstays_too_long": 1,
        "edstays_of_two_genders": 0,
        "triage": 2,
        "triage_duplicate": 0,
        "triage_orphan": 1,
        "vitalsign": 4,
        "vitalsign_untimed": 1,
        "vitalsign_orphan": 1,
        "vitalsign_before_arrival": 1,
        "vitalsign_after_departure": 1,
    }


def test_pressures_dropped_between_two_measurements_are_counted() -> None:
    arrival = triage({"stay_id": "30", "diastolic_bp_mmhg": 90.0})
    chart = vitalsign({"stay_id": "30", "charttime": after(5), "systolic_bp_mmhg": 80.0})
    tables = studies(STUDY), edstays(ONE_STAY), arrival, chart
    values = counts_of(*tables)["values"]
    assert values["studies"]["systolic_bp_mmhg"]["diastolic_not_below_systolic"] == 1
    assert values["triage"]["diastolic_bp_mmhg"]["diastolic_not_below_systolic"] == 0


def test_studies_stamped_before_arrival_are_counted() -> None:
    tables = studies(STUDY | {"study_time": after(-5)}), edstays(ONE_STAY), triage(), vitalsign()
    counts = counts_of(*tables)
    assert counts["studies"]["linked_before_arrival"] == 1


WHOLE = {**dict.fromkeys(VITAL_SIGNS, 98.0), "diastolic_bp_mmhg": 80, "respiratory_rate_bpm": 18}
LOST = {
    "nothing": ({}, {}, None),
    "times": ({}, {"charttime": None}, "vitalsign: almost no row has a charttime"),
    "a unit": (
        {"o2_saturation_pct": 0.98},
        {"o2_saturation_pct": 0.98},
        "o2_saturation_pct: almost all values are out of range",
    ),
    "a unit, but only on arrival": ({"o2_saturation_pct": 0.98}, {}, None),
    "a column": (
        {"heart_rate_bpm": None},
        {"heart_rate_bpm": None},
        "heart_rate_bpm: neither triage nor vitalsign has a value",
    ),
}


@pytest.mark.parametrize(("arrival", "charted", "expected"), LOST.values(), ids=LOST.keys())
def test_a_vital_sign_of_which_almost_all_is_lost_is_a_warning(
    arrival: Row, charted: Row, expected: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"stay_id": "30", **WHOLE}
    chart = vitalsign({**row, "charttime": after(5), **charted})
    counts = counts_of(studies(STUDY), edstays(ONE_STAY), triage({**row, **arrival}), chart)
    shown = capsys.readouterr().err
    assert ("warning" in counts) == bool(shown) == bool(expected)
    if expected:
        assert counts["warning"].startswith(expected)
        assert counts["warning"] in shown


def test_stays_of_a_patient_of_two_genders_are_counted() -> None:
    stays = edstays(ONE_STAY, ONE_STAY | {"gender": None}, ONE_STAY | {"gender": "M"})
    same = edstays(ONE_STAY, ONE_STAY | {"gender": None})
    for table, number in ((stays, 3), (same, 0)):
        rows = counts_of(studies(STUDY), table, triage(), vitalsign())["rows"]
        assert rows["edstays_of_two_genders"] == number
