"""Which stay a study belongs to, and which values it is given."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camchex.contract.schemas import STUDIES, VITAL_SIGNS, VITALS
from camchex.contract.tables import require_no_later_value
from camchex.errors import DataError
from camchex.vitals.link import link_and_count, link_vitals
from camchex.vitals.params import VitalsParams
from tests.vitals.adversarial import Tables, random_tables
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
    studies,
    triage,
    vitalsign,
)

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


def by_hand(tables: Tables, params: VitalsParams) -> list[dict[str, Any]]:
    return linked(*(table.to_pylist() for table in tables), params)


def found(tables: Tables, params: VitalsParams) -> list[dict[str, Any]]:
    return link_vitals(*tables, params).drop_columns("vitals_text").to_pylist()


both_rules = pytest.mark.parametrize("rule", [WITHIN, NEAREST], ids=lambda p: p.rule)
NO_SLACK = {"hours_before": 0.0, "hours_after": 0.0}


@pytest.mark.parametrize(
    ("patients", "apart", "rule"),
    [
        (2_000, 1, WITHIN),
        (3_000, 6, WITHIN),
        (1_000, 1, WITHIN.model_copy(update=NO_SLACK)),
        (1_000, 1, WITHIN.model_copy(update={"visit_gap_hours": 0.0, "hours_after": 0.5})),
        (1_000, 1, WITHIN.model_copy(update={"visit_gap_hours": None})),
        (1_000, 1, NEAREST),
    ],
)
def test_adversarial_patients_are_linked_as_by_loops(
    patients: int, apart: int, rule: VitalsParams
) -> None:
    tables = random_tables(patients, patients, apart)
    assert found(tables, rule) == by_hand(tables, rule)


@given(tables=TABLES, rule=st.sampled_from([WITHIN, NEAREST]))
@settings(deadline=None, max_examples=15)
def test_linking_agrees_with_the_rule_written_as_loops(tables: Tables, rule: VitalsParams) -> None:
    rows = found(tables, rule)
    assert rows == by_hand(tables, rule)
    assert [row["study_id"] for row in rows] == sorted(tables[0]["study_id"].to_pylist())


@both_rules
def test_the_order_of_the_input_rows_does_not_matter(rule: VitalsParams) -> None:
    tables, pick = random_tables(5, 500), np.random.default_rng(5)
    shuffled = [table.take(pa.array(pick.permutation(table.num_rows))) for table in tables]
    assert link_vitals(*shuffled, rule).equals(link_vitals(*tables, rule))


@given(tables=TABLES, rule=st.sampled_from([WITHIN, NEAREST]))
@settings(deadline=None, max_examples=15)
def test_what_is_charted_after_a_study_never_reaches_it(tables: Tables, rule: VitalsParams) -> None:
    taken, stays, arrivals, charted = tables
    one = taken.slice(0, 1)
    past = charted.filter(pc.less_equal(charted["charttime"], one["study_time"][0]))
    assert link_vitals(one, stays, arrivals, past, rule).equals(
        link_vitals(one, stays, arrivals, charted, rule)
    )


@both_rules
def test_other_patients_change_nothing(rule: VitalsParams) -> None:
    (taken, *ed), (_, *others) = random_tables(6, 300), random_tables(7, 300)
    more = [
        pa.concat_tables([mine, of_patient("other", rows)])
        for mine, rows in zip(ed, others, strict=True)
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


A = {"stay_id": "31", "gender": "F"}
B = {"stay_id": "32", "gender": "F"}


def heart_rates(
    stays: list[dict[str, Any]],
    charted: list[dict[str, Any]] | None = None,
    rule: VitalsParams = WITHIN,
    *,
    at_triage: str = "31 32",
) -> dict[str, Any]:
    """The row of a study at ``after(60)``; triage of stay 31 counts 31 beats, and so on."""
    rows = [{"stay_id": name, "heart_rate_bpm": float(name)} for name in at_triage.split()]
    vitals = link_vitals(
        studies(STUDY), edstays(*stays), triage(*rows), vitalsign(*(charted or [])), rule
    )
    row: dict[str, Any] = vitals.to_pylist()[0]
    return row


def lasting(stay: dict[str, Any], start: float, end: float) -> dict[str, Any]:
    return stay | {"intime": after(start), "outtime": after(end)}


PREFERRED = [  # stay A, stay B, which of them is linked, and when the study was taken
    ((-60, 120), (150, 300), "31", "during"),  # inside A, and shortly before B
    ((-60, 120), (61, 300), "31", "during"),  # B begins inside A, but after the study
    ((-60, 240), (-90, 30), "31", "during"),  # B has ended
    ((-60, 240), (0, 30), "31", "during"),  # the same, B being the later to begin
    ((-60, 240), (-30, 300), "32", "during"),  # inside both
    ((-60, 60), (60, 300), "32", "during"),  # on the stroke of both
    ((-60, 30), (90, 300), "31", "between"),  # inside none: A has begun
    ((-200, -50), (61, 300), "31", "after"),  # though B is much nearer
    ((-60, 30), (-90, 40), "32", "after"),  # both have: the last to end
    ((-60, 30), (-90, 30), "31", "after"),  # then the latest to begin
    ((90, 300), (120, 300), "31", "before"),  # neither has: the next to begin
    ((90, 300), (90, 200), "32", "before"),  # then the larger number
]


@pytest.mark.parametrize("gap", [None, 0.0, 1.0])
def test_a_stay_that_contains_the_study_wins_then_one_that_has_begun_then_the_nearest(
    gap: float | None,
) -> None:
    rule = WITHIN.model_copy(update={"visit_gap_hours": gap})
    taken, stays, arrivals = [], [], []
    for number, (first, second, *_) in enumerate(PREFERRED):  # a patient of each
        patient = {"patient_id": str(number)}
        taken.append(STUDY | patient | {"study_id": f"{number:02}"})
        stays += [lasting(A, *first) | patient, lasting(B, *second) | patient]
        arrivals += [patient | {"stay_id": n, "heart_rate_bpm": float(n)} for n in ("31", "32")]
    tables = studies(*taken), edstays(*stays), triage(*arrivals), vitalsign()
    rows = link_vitals(*tables, rule).to_pylist()
    for row, (*_, linked_to, during) in zip(rows, PREFERRED, strict=True):
        when = during if gap == 1 else during.replace("between", "after")  # else each is a visit
        assert (row["stay_id"], row["taken"]) == (linked_to, when), row["study_id"]
        assert row["heart_rate_bpm"] == float(linked_to)
        assert row["heart_rate_bpm_stay_id"] == linked_to
        assert row["heart_rate_bpm_age_minutes"] == row["minutes_since_arrival"]


def test_triage_of_a_stay_of_the_visit_serves_one_that_has_none() -> None:
    row = heart_rates([lasting(A, 0, 20), lasting(B, 20, 240)], at_triage="31")
    assert (row["stay_id"], row["heart_rate_bpm"]) == ("32", 31)
    assert (row["heart_rate_bpm_source"], row["heart_rate_bpm_stay_id"]) == ("triage", "31")
    assert (row["minutes_since_arrival"], row["heart_rate_bpm_age_minutes"]) == (40, 60)


@pytest.mark.parametrize(
    ("gap", "minutes", "value"),
    [(1.0, 60, 31), (1.0, 61, None), (0.0, 0, 31), (0.0, 1, None), (0.0, -30, 31), (None, 0, None)],
)
def test_stays_adjoin_up_to_the_gap_and_where_they_overlap(
    gap: float | None, minutes: float, value: float | None
) -> None:
    stays = [lasting(A, -60, 30 - minutes), lasting(B, 30, 240)]
    rule = WITHIN.model_copy(update={"visit_gap_hours": gap})
    assert heart_rates(stays, rule=rule, at_triage="31")["heart_rate_bpm"] == value


def test_a_chain_is_one_visit_however_long_and_a_long_stay_holds_it_together() -> None:
    ids = [str(number) for number in range(31, 41)]
    links = [
        {"stay_id": name, "intime": after(-600 + 70 * n), "outtime": after(-590 + 70 * n)}
        for n, name in enumerate(ids)
    ]
    last = {"stay_id": "50", "intime": after(50), "outtime": after(90)}
    assert heart_rates([*links, last], at_triage="31")["heart_rate_bpm_age_minutes"] == 660
    broken = [link for link in links if link["stay_id"] != "35"]
    assert heart_rates([*broken, last], at_triage="31")["heart_rate_bpm"] is None
    around = lasting(B, -500, 0)  # ends long after stays that began later
    assert heart_rates([*broken, around, last], at_triage="31")["heart_rate_bpm"] == 31


def test_the_latest_chart_row_of_the_visit_counts_but_triage_first() -> None:
    stays = [lasting(A, 0, 30), lasting(B, 30, 240)]
    chart = [
        {"stay_id": "31", "charttime": after(10), "heart_rate_bpm": 70.0},
        {"stay_id": "32", "charttime": after(40), "heart_rate_bpm": 71.0},
        {"stay_id": "31", "charttime": after(50), "heart_rate_bpm": 72.0},  # charted late
        {"stay_id": "32", "charttime": after(61), "heart_rate_bpm": 73.0},
    ]
    row = heart_rates(stays, chart, at_triage="")
    assert (row["heart_rate_bpm"], row["heart_rate_bpm_stay_id"]) == (72, "31")
    assert (row["heart_rate_bpm_source"], row["heart_rate_bpm_age_minutes"]) == ("vitalsign", 10)
    assert heart_rates(stays, chart, at_triage="31")["heart_rate_bpm"] == 31
    both = heart_rates(stays, chart)
    assert (both["heart_rate_bpm"], both["heart_rate_bpm_stay_id"]) == (32, "32")


@pytest.mark.parametrize(("minutes", "used"), [(-120, True), (-121, False), (-525_600, False)])
def test_what_was_charted_long_before_the_visit_is_of_another(minutes: int, *, used: bool) -> None:
    stays = [lasting(A, 0, 30), lasting(B, 60, 240)]
    chart = [{"stay_id": "32", "charttime": after(minutes), "heart_rate_bpm": 70.0}]
    row = heart_rates(stays, chart, at_triage="33")
    assert row["heart_rate_bpm"] == (70 if used else None)


def test_a_stay_that_never_ends_swallows_no_later_study() -> None:
    forever = ONE_STAY | {
        "stay_id": "31",
        "intime": after(-9999),
        "outtime": datetime(9999, 12, 31),
    }
    tables = studies(STUDY), edstays(ONE_STAY, forever), triage(), vitalsign()
    vitals, counts = link_and_count(*tables, WITHIN)
    assert vitals["stay_id"].to_pylist() == ["30"]
    assert counts["rows"]["edstays_too_long"] == 1


def test_a_later_stay_of_the_visit_gives_nothing() -> None:
    stays = [lasting(A, 0, 90), lasting(B, 61, 240)]
    chart = [{"stay_id": "32", "charttime": after(59), "heart_rate_bpm": 70.0}]
    assert heart_rates(stays, chart, at_triage="32")["heart_rate_bpm"] is None


def test_a_study_between_two_stays_of_a_visit_is_of_the_one_that_has_begun() -> None:
    stays = [lasting(A, 0, 40), lasting(B, 80, 240)]
    rule = WITHIN.model_copy(update={"hours_after": 0.0})
    row = heart_rates(stays, rule=rule)
    assert (row["stay_id"], row["heart_rate_bpm"], row["taken"]) == ("31", 31, "between")


def test_before_arrival_only_the_stay_itself_is_used() -> None:
    stays = [lasting(A, 90, 300), lasting(B, 90, 200)]
    row = heart_rates(stays, at_triage="31")
    assert (row["stay_id"], row["taken"], row["heart_rate_bpm"]) == ("32", "before", None)
    assert heart_rates(stays)["heart_rate_bpm_age_minutes"] == -30


@pytest.mark.parametrize(
    "stay", [lasting(A, 40, 0), A | {"intime": after(0)}, A | {"outtime": after(40)}]
)
def test_a_stay_with_swapped_or_missing_times_joins_no_visit(stay: dict[str, Any]) -> None:
    row = heart_rates([stay, lasting(B, 40, 240)], at_triage="31")
    assert (row["stay_id"], row["heart_rate_bpm"]) == ("32", None)


def test_a_stay_without_duration_contains_its_one_moment() -> None:
    row = heart_rates([lasting(A, 0, 240), lasting(B, 60, 60)])
    assert (row["stay_id"], row["taken"], row["heart_rate_bpm_age_minutes"]) == ("32", "during", 0)


@both_rules
def test_only_triage_of_a_stay_that_has_not_begun_is_later_than_its_study(
    rule: VitalsParams,
) -> None:
    for row in found(random_tables(7, 1_000), rule):
        for name in VITAL_SIGNS:
            age = row[f"{name}_age_minutes"]
            assert (age is None) == (row[name] is None)
            if age is not None and age < 0:
                assert (row["taken"], row[f"{name}_source"]) == ("before", "triage")
                assert row[f"{name}_stay_id"] == row["stay_id"]
                assert age == row["minutes_since_arrival"]


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


@pytest.mark.parametrize(
    ("other", "gap", "expected"),
    [({}, 1.0, "M"), ({}, None, None), ({"intime": after(90), "outtime": after(95)}, 1.0, None)],
)
def test_a_gender_that_the_linked_stay_lacks_is_that_of_a_stay_of_the_visit_that_has_begun(
    other: dict[str, object], gap: float | None, expected: str | None
) -> None:
    other = {"stay_id": "29", "intime": after(-90), "outtime": after(-30), "gender": "M"} | other
    stays = edstays(ONE_STAY | {"gender": None}, other)
    rule = WITHIN.model_copy(update={"visit_gap_hours": gap})
    vitals = link_vitals(studies(STUDY), stays, triage(), vitalsign(), rule)
    assert (vitals["stay_id"].to_pylist(), vitals["gender"].to_pylist()) == (["30"], [expected])


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


@pytest.mark.parametrize(
    "change",
    [
        {"source": "vitalsign"},
        {"stay_id": "31"},
        {"age_minutes": -31.0},
        {"source": None},
    ],
)
def test_a_value_measured_after_its_study_is_named(change: dict[str, object]) -> None:
    early = studies(STUDY | {"study_time": after(-30)})
    arrival = triage({"stay_id": "30", "heart_rate_bpm": 80.0})
    vitals = link_vitals(early, edstays(ONE_STAY), arrival, vitalsign(), WITHIN)
    require_no_later_value(vitals)
    row = vitals.to_pylist()[0] | {f"heart_rate_bpm_{end}": to for end, to in change.items()}
    with pytest.raises(DataError, match=r"study 50: heart_rate_bpm .* 3[01] minutes after"):
        require_no_later_value(pa.Table.from_pylist([row], schema=VITALS))
