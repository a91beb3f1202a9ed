"""Which stay a study belongs to, and which values it is given."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camchex.contract.schemas import STUDIES, VITAL_SIGNS, VITALS
from camchex.vitals.link import link_vitals
from camchex.vitals.params import VitalsParams
from tests.vitals.by_hand import linked
from tests.vitals.ed import (
    ARRIVAL,
    EDSTAYS,
    NEAREST,
    ONE_STAY,
    STUDY,
    TRIAGE,
    VITALSIGN,
    WITHIN,
    after,
    edstays,
    seeded,
    studies,
    triage,
    vitalsign,
)

Tables = tuple[pa.Table, pa.Table, pa.Table, pa.Table]

# Hours apart, and a second to either side: windows are touched, missed and shared by two stays.
MOMENTS = st.builds(
    lambda hours, seconds: ARRIVAL + timedelta(hours=hours, seconds=seconds),
    st.integers(-3, 6),
    st.integers(-1, 1),
)
STAY = {"patient_id": st.sampled_from("12"), "stay_id": st.sampled_from(["9", "10", "11"])}
MEASURED = {
    "temperature_f": st.sampled_from([None, 20.0, 36.6, 98.2, 98.3]),
    "heart_rate_bpm": st.sampled_from([None, 61.0, 62.0, 1228.0]),
    "respiratory_rate_bpm": st.sampled_from([None, 16.0, 17.0]),
    "o2_saturation_pct": st.sampled_from([None, 97.0, 1005.0]),
    "systolic_bp_mmhg": st.sampled_from([None, 80.0, 90.0, 120.0]),
    "diastolic_bp_mmhg": st.sampled_from([None, 70.0, 80.0, 90.0]),
}


def rows_of(schema: pa.Schema, columns: dict[str, Any], most: int) -> st.SearchStrategy[pa.Table]:
    return st.lists(st.fixed_dictionaries(columns), max_size=most).map(
        lambda rows: pa.Table.from_pylist(rows, schema=schema)
    )


def numbered(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(
        [row | {"study_id": str(n)} for n, row in enumerate(rows, 50)], schema=STUDIES
    )


TIMES = {
    "intime": st.sampled_from([None, after(0), after(60)]),
    "outtime": st.sampled_from([None, after(0), after(120)]),
}
GENDER = {"gender": st.sampled_from(["F", "M", None])}
TAKEN = st.fixed_dictionaries({"patient_id": STAY["patient_id"], "study_time": MOMENTS})
TABLES = st.tuples(
    st.lists(TAKEN, min_size=1, max_size=8).map(numbered),
    rows_of(EDSTAYS, STAY | TIMES | GENDER, 8),
    rows_of(TRIAGE, STAY | MEASURED, 6),
    rows_of(VITALSIGN, STAY | {"charttime": st.none() | MOMENTS} | MEASURED, 12),
)


def of_patient(name: str, rows: pa.Table) -> pa.Table:
    patients = pa.array([name] * rows.num_rows, pa.string())
    return rows.set_column(rows.column_names.index("patient_id"), "patient_id", patients)


def random_tables(seed: int) -> Tables:
    """Few patients and coarse times, so that ties, overlaps and duplicates are common."""
    pick = seeded(seed)

    def minute() -> datetime:
        return after(pick.randrange(0, 1800, 20))

    def measured() -> dict[str, float | None]:
        odd = [None, 36.6, 20.0, 1228.0]
        usual = {"temperature_f": 98.2, "systolic_bp_mmhg": 90.0, "diastolic_bp_mmhg": 80.0}
        return {
            name: pick.choice([*odd, *[usual.get(name, 60.0) + pick.randrange(30)] * 8])
            for name in VITAL_SIGNS
        }

    stays: list[dict[str, object]] = []
    for number in range(8, 8 + 24):
        start = minute()
        end = start + timedelta(minutes=pick.randrange(-60, 400, 20))
        stay = {"patient_id": str(pick.randrange(6)), "stay_id": str(number)}
        stays.append(stay | {"intime": start, "outtime": end, "gender": pick.choice("FM")})
    stays[0]["intime"] = stays[1]["outtime"] = None
    arrivals = [{k: s[k] for k in ("patient_id", "stay_id")} | measured() for s in stays[3:]]
    charted = [
        {"patient_id": s["patient_id"], "stay_id": s["stay_id"], "charttime": minute()} | measured()
        for s in pick.choices(stays, k=200)
    ]
    taken = [
        {"study_id": str(n), "patient_id": str(pick.randrange(8)), "study_time": minute()}
        for n in range(60)
    ]
    return (
        pa.Table.from_pylist(taken, schema=STUDIES),
        pa.Table.from_pylist(stays + stays[5:8], schema=EDSTAYS),
        pa.Table.from_pylist(arrivals + arrivals[:4], schema=TRIAGE),
        pa.Table.from_pylist(charted + charted[:9], schema=VITALSIGN),
    )


def by_hand(tables: Tables, params: VitalsParams) -> list[dict[str, Any]]:
    return linked(*(table.to_pylist() for table in tables), params)


def found(tables: Tables, params: VitalsParams) -> list[dict[str, Any]]:
    return link_vitals(*tables, params).drop_columns("vitals_text").to_pylist()


both_rules = pytest.mark.parametrize("rule", [WITHIN, NEAREST], ids=lambda p: p.rule)


@both_rules
@pytest.mark.parametrize("seed", range(4))
def test_many_studies_are_linked_as_by_loops(seed: int, rule: VitalsParams) -> None:
    tables = random_tables(seed)
    rows = found(tables, rule)
    assert rows == by_hand(tables, rule)
    assert {row["stay_id"] is None for row in rows} == {True, False}


@both_rules
@given(tables=TABLES)
@settings(deadline=None, max_examples=40)
def test_linking_agrees_with_the_rule_written_as_loops(tables: Tables, rule: VitalsParams) -> None:
    rows = found(tables, rule)
    assert rows == by_hand(tables, rule)
    assert [row["study_id"] for row in rows] == sorted(tables[0]["study_id"].to_pylist())


@both_rules
@given(tables=TABLES, pick=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=10)
def test_the_order_of_the_input_rows_does_not_matter(
    tables: Tables, rule: VitalsParams, pick: Random
) -> None:
    shuffled = [t.take(pa.array(pick.sample(range(len(t)), len(t)), pa.int64())) for t in tables]
    assert link_vitals(*shuffled, rule).equals(link_vitals(*tables, rule))


@both_rules
@given(tables=TABLES)
@settings(deadline=None, max_examples=10)
def test_what_is_charted_after_a_study_never_reaches_it(tables: Tables, rule: VitalsParams) -> None:
    taken, stays, arrivals, charted = tables
    one = taken.slice(0, 1)
    past = charted.filter(pc.less_equal(charted["charttime"], one["study_time"][0]))
    assert link_vitals(one, stays, arrivals, past, rule).equals(
        link_vitals(one, stays, arrivals, charted, rule)
    )


@both_rules
@given(tables=TABLES, others=TABLES)
@settings(deadline=None, max_examples=10)
def test_other_patients_change_nothing(tables: Tables, others: Tables, rule: VitalsParams) -> None:
    taken, *ed = tables
    more = [
        pa.concat_tables([rows, of_patient("other", others[n])]) for n, rows in enumerate(ed, 1)
    ]
    assert link_vitals(taken, *more, rule).equals(link_vitals(taken, *ed, rule))


@pytest.mark.parametrize(("seconds", "value"), [(0, 80.0), (1, None)])
def test_a_chart_row_counts_up_to_the_second_of_the_study(
    seconds: int, value: float | None
) -> None:
    chart = vitalsign(
        {"stay_id": "30", "charttime": after(60 + seconds / 60), "heart_rate_bpm": 80.0}
    )
    vitals = link_vitals(studies(STUDY), edstays(ONE_STAY), triage(), chart, WITHIN)
    assert vitals["heart_rate_bpm"].to_pylist() == [value]


@pytest.mark.parametrize(
    ("minutes", "inside"),
    [(-120, True), (-120.1, False), (0, True), (240, True), (360, True), (360.1, False)],
)
def test_a_stay_reaches_from_its_slack_before_arrival_to_its_slack_after_departure(
    minutes: float, *, inside: bool
) -> None:
    study = studies(STUDY | {"study_time": after(minutes)})
    vitals = link_vitals(study, edstays(ONE_STAY), triage(), vitalsign(), WITHIN)
    assert vitals["stay_id"].to_pylist() == (["30"] if inside else [None])


def test_a_stay_over_midnight_is_one_stay() -> None:
    study = studies(STUDY | {"study_time": after(150)})  # half past midnight
    vitals = link_vitals(study, edstays(ONE_STAY), triage(), vitalsign(), WITHIN)
    assert vitals["minutes_since_arrival"].to_pylist() == [150]


def test_of_overlapping_stays_the_latest_arrival_counts_then_the_larger_number() -> None:
    stays = edstays(
        ONE_STAY | {"stay_id": "99"},
        ONE_STAY | {"stay_id": "9", "intime": after(30)},
        ONE_STAY | {"stay_id": "10", "intime": after(30)},
    )
    vitals = link_vitals(studies(STUDY), stays, triage(), vitalsign(), WITHIN)
    assert vitals["stay_id"].to_pylist() == ["10"]


def test_of_one_stay_listed_twice_the_latest_departure_counts_then_the_first_gender() -> None:
    stays = edstays(
        ONE_STAY | {"gender": None},
        ONE_STAY | {"gender": "M"},
        ONE_STAY | {"gender": "F"},
        ONE_STAY | {"gender": "M", "outtime": after(200)},
    )
    for rule in (WITHIN, NEAREST):
        vitals = link_vitals(studies(STUDY), stays, triage(), vitalsign(), rule)
        assert vitals["gender"].to_pylist() == ["F"]
    later = edstays(ONE_STAY | {"gender": "M", "outtime": after(300)}, ONE_STAY)
    vitals = link_vitals(studies(STUDY), later, triage(), vitalsign(), WITHIN)
    assert vitals["gender"].to_pylist() == ["M"]


def test_a_stay_that_ends_before_it_starts_never_matches() -> None:
    stays = edstays(ONE_STAY | {"intime": after(60), "outtime": after(30)})
    for rule in (WITHIN, NEAREST):
        vitals = link_vitals(studies(STUDY), stays, triage(), vitalsign(), rule)
        assert vitals["stay_id"].to_pylist() == [None]


def test_nearest_any_has_no_window_and_prefers_the_later_of_two_as_near() -> None:
    years = 3 * 365 * 24 * 60
    stays = edstays(
        ONE_STAY | {"stay_id": "1", "intime": after(60 - years), "outtime": after(90 - years)},
        ONE_STAY | {"stay_id": "2", "intime": after(60 + years), "outtime": after(90 + years)},
    )
    vitals = link_vitals(studies(STUDY), stays, triage(), vitalsign(), NEAREST)
    assert vitals["stay_id"].to_pylist() == ["2"]
    assert vitals["minutes_since_arrival"].to_pylist() == [-years]


def test_a_value_triage_lacks_comes_from_the_latest_chart_row_that_has_it() -> None:
    stay = {"stay_id": "30"}
    chart = vitalsign(
        stay | {"charttime": after(10), "heart_rate_bpm": 80.0, "temperature_f": 99.0},
        stay | {"charttime": after(60), "heart_rate_bpm": None, "o2_saturation_pct": 97.0},
        stay | {"charttime": after(61), "heart_rate_bpm": 140.0, "o2_saturation_pct": 60.0},
    )
    arrival = triage(stay | {"temperature_f": 98.0, "heart_rate_bpm": 1228.0})
    row = link_vitals(studies(STUDY), edstays(ONE_STAY), arrival, chart, WITHIN).to_pylist()[0]
    assert (row["temperature_f"], row["temperature_f_source"]) == (98.0, "triage")
    assert (row["heart_rate_bpm"], row["heart_rate_bpm_source"]) == (80.0, "vitalsign")
    assert (row["o2_saturation_pct"], row["o2_saturation_pct_source"]) == (97.0, "vitalsign")
    assert (row["systolic_bp_mmhg"], row["systolic_bp_mmhg_source"]) == (None, None)


def test_pressures_of_two_measurements_that_contradict_each_other_are_both_dropped() -> None:
    arrival = triage({"stay_id": "30", "diastolic_bp_mmhg": 90.0})
    chart = vitalsign({"stay_id": "30", "charttime": after(5), "systolic_bp_mmhg": 80.0})
    row = link_vitals(studies(STUDY), edstays(ONE_STAY), arrival, chart, WITHIN).to_pylist()[0]
    assert (row["systolic_bp_mmhg"], row["diastolic_bp_mmhg"]) == (None, None)
    assert (row["systolic_bp_mmhg_source"], row["diastolic_bp_mmhg_source"]) == (None, None)


def test_measurements_of_another_patient_under_the_same_stay_are_not_used() -> None:
    other = {"patient_id": "2", "stay_id": "30", "heart_rate_bpm": 99.0}
    chart = vitalsign(other | {"charttime": after(5)})
    vitals = link_vitals(studies(STUDY), edstays(ONE_STAY), triage(other), chart, WITHIN)
    assert vitals["heart_rate_bpm"].to_pylist() == [None]


def test_the_text_says_what_the_columns_say() -> None:
    arrival = triage({"stay_id": "30", "temperature_f": 36.6, "heart_rate_bpm": 109.0})
    vitals = link_vitals(studies(STUDY), edstays(ONE_STAY), arrival, vitalsign(), WITHIN)
    assert vitals["vitals_text"].to_pylist() == [
        "Temperature: 97.9 | Heart rate: 109.0 | Respiratory rate: NA | O2 Saturation: NA | "
        "Systolic BP: NA | Diastolic BP: NA | Gender: F"
    ]


def test_every_study_has_one_row_whatever_the_ed_knows_of_it() -> None:
    vitals = link_vitals(studies(STUDY), edstays(), triage(), vitalsign(), WITHIN)
    assert vitals.schema == VITALS
    assert vitals["vitals_text"].to_pylist()[0].count("NA") == 7


def test_without_ranges_values_are_as_published() -> None:
    arrival = triage({"stay_id": "30", "temperature_f": 36.6, "diastolic_bp_mmhg": 74810.0})
    published = WITHIN.model_copy(update={"ranges": None})
    vitals = link_vitals(studies(STUDY), edstays(ONE_STAY), arrival, vitalsign(), published)
    assert vitals["temperature_f"].to_pylist() == [36.6]
    assert vitals["diastolic_bp_mmhg"].to_pylist() == [74810.0]
