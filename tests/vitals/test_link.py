"""Which stay a study belongs to, and which values it is given."""

from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from camchex.schemas import STUDIES, VITAL_SIGNS, VITALS
from camchex.vitals.link import link_vitals
from camchex.vitals.params import VitalsParams
from tests.vitals.ed import (
    EDSTAYS,
    NEAREST,
    ONE_STAY,
    RANGES,
    STUDY,
    TRIAGE,
    VITALSIGN,
    WITHIN,
    Row,
    after,
    edstays,
    seeded,
    studies,
    triage,
    vitalsign,
)

SLACK = timedelta(hours=2)
Tables = tuple[pa.Table, pa.Table, pa.Table, pa.Table]


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


def believed_by_hand(row: Row) -> dict[str, float | None]:
    values = {}
    for name in VITAL_SIGNS:
        value, (low, high) = row[name], getattr(RANGES, name)
        if name == "temperature_f" and value is not None and 25 <= value <= 45:
            value = round(value * 9 / 5 + 32, 1)
        values[name] = value if value is not None and low <= value <= high else None
    high, low = values["systolic_bp_mmhg"], values["diastolic_bp_mmhg"]
    if high is not None and low is not None and low >= high:
        values["systolic_bp_mmhg"] = values["diastolic_bp_mmhg"] = None
    return values


def linked_by_hand(tables: Tables, rule: str) -> list[dict[str, object]]:
    """The rule of ``link.sql`` as loops: no SQL, no columns."""
    taken, stays, arrivals, charted = (t.to_pylist() for t in tables)
    results = []
    for study in sorted(taken, key=lambda s: s["study_id"]):
        time, best = study["study_time"], None
        for stay in stays:
            start, end = stay["intime"], stay["outtime"]
            usable = start is not None and end is not None and start <= end
            if not usable or stay["patient_id"] != study["patient_id"]:
                continue
            if rule == "within_stay" and not start - SLACK <= time <= end + SLACK:
                continue
            distance = abs(time - start) if rule == "nearest_any" else timedelta(0)
            rank = (-distance, start, int(stay["stay_id"]))
            if best is None or rank > best[0]:
                best = (rank, stay)
        values = stay_by_hand(best, time, arrivals, charted)
        results.append({"study_id": study["study_id"], **values})
    return results


def stay_by_hand(
    best: tuple[object, Row] | None, time: datetime, arrivals: list[Row], charted: list[Row]
) -> dict[str, object]:
    values: dict[str, float | None] = dict.fromkeys(VITAL_SIGNS)
    sources: dict[str, str | None] = dict.fromkeys(VITAL_SIGNS)
    if best is None:
        return {"stay_id": None, "values": values, "sources": sources}
    stay = best[1]["stay_id"]
    seen = [(r["charttime"], believed_by_hand(r)) for r in charted if r["stay_id"] == stay]
    first = next((believed_by_hand(r) for r in arrivals if r["stay_id"] == stay), values)
    for name in VITAL_SIGNS:
        known = [(t, v[name]) for t, v in seen if t <= time and v[name] is not None]
        if first[name] is not None:
            values[name], sources[name] = first[name], "triage"
        elif known:
            values[name], sources[name] = max(known)[1], "vitalsign"
    high, low = values["systolic_bp_mmhg"], values["diastolic_bp_mmhg"]
    if high is not None and low is not None and low >= high:
        for name in ("systolic_bp_mmhg", "diastolic_bp_mmhg"):
            values[name] = sources[name] = None
    return {"stay_id": stay, "values": values, "sources": sources}


@pytest.mark.parametrize("rule", [WITHIN, NEAREST], ids=lambda p: p.rule)
@pytest.mark.parametrize("seed", range(12))
def test_linking_agrees_with_the_rule_written_as_loops(seed: int, rule: VitalsParams) -> None:
    tables = random_tables(seed)
    found = [
        {
            "study_id": row["study_id"],
            "stay_id": row["stay_id"],
            "values": {name: row[name] for name in VITAL_SIGNS},
            "sources": {name: row[f"{name}_source"] for name in VITAL_SIGNS},
        }
        for row in link_vitals(*tables, rule).to_pylist()
    ]
    assert found == linked_by_hand(tables, rule.rule)
    assert {row["stay_id"] is None for row in found} == {True, False}


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_input_rows_does_not_matter(seed: int) -> None:
    tables = random_tables(seed)
    pick = seeded(seed)
    shuffled = [t.take(pick.sample(range(t.num_rows), t.num_rows)) for t in tables]
    assert link_vitals(*shuffled, WITHIN).equals(link_vitals(*tables, WITHIN))


@pytest.mark.parametrize("rule", [WITHIN, NEAREST], ids=lambda p: p.rule)
def test_what_is_charted_after_a_study_never_reaches_it(rule: VitalsParams) -> None:
    taken, stays, arrivals, charted = random_tables(0)
    for study in taken.to_pylist()[:15]:
        one = pa.Table.from_pylist([study], schema=STUDIES)
        past = [r for r in charted.to_pylist() if r["charttime"] <= study["study_time"]]
        known = pa.Table.from_pylist(past, schema=VITALSIGN)
        assert link_vitals(one, stays, arrivals, known, rule).equals(
            link_vitals(one, stays, arrivals, charted, rule)
        )


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
