"""The rules of linkage and plausibility as loops over rows: no SQL, no columns."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any

from camchex.contract.schemas import VITAL_SIGNS
from camchex.vitals.params import VitalsParams
from tests.vitals.ed import RANGES

Row = Mapping[str, Any]
Values = dict[str, float | None]
MINUTE = timedelta(minutes=1)


def plausible(row: Row) -> Values:
    """Values of one row, implausible ones missing."""
    values: Values = {}
    for name in VITAL_SIGNS:
        value, (low, high) = row[name], getattr(RANGES, name)
        if name == "temperature_f" and value is not None and 25 <= value <= 45:
            value = float(round(Decimal(str(value)) * 9 / 5 + 32, 1))
        values[name] = value if value is not None and low <= value <= high else None
    return without_crossed(values)


def without_crossed(values: Values) -> Values:
    high, low = values["systolic_bp_mmhg"], values["diastolic_bp_mmhg"]
    if high is not None and low is not None and low >= high:
        return values | {"systolic_bp_mmhg": None, "diastolic_bp_mmhg": None}
    return values


def linked(
    studies: Iterable[Row],
    edstays: Iterable[Row],
    triage: Iterable[Row],
    vitalsign: Iterable[Row],
    params: VitalsParams,
) -> list[dict[str, Any]]:
    """Columns of ``schemas.VITALS`` without the text, by study_id."""
    stays = by_patient(edstays)
    arrivals, chart = (by_patient({**r, **plausible(r)} for r in t) for t in (triage, vitalsign))
    of_patient = {patient: visits(rows, params) for patient, rows in stays.items()}
    rows = []
    for study in sorted(studies, key=lambda s: s["study_id"]):
        patient = study["patient_id"]
        gone_to = of_patient.get(patient, [])
        rows.append(row_of(study, gone_to, arrivals[patient], chart[patient], params))
    return rows


def by_patient(rows: Iterable[Row]) -> defaultdict[str, list[Row]]:
    found = defaultdict(list)
    for row in rows:
        found[row["patient_id"]].append(row)
    return found


def visits(stays: list[Row], params: VitalsParams) -> list[list[Row]]:
    """Stays of one patient that can be right, in groups: a stay merges all groups it adjoins."""
    gap = params.visit_gap_hours
    groups: list[list[Row]] = []
    for stay in stays:
        start, end = stay["intime"], stay["outtime"]
        if start and end and start <= end <= start + timedelta(days=366):
            near = [g for g in groups if gap is not None and any(adjoin(stay, s, gap) for s in g)]
            groups = [g for g in groups if g not in near] + [[stay, *chain(*near)]]
    return groups


def adjoin(a: Row, b: Row, hours: float) -> bool:
    """Whether neither begins later than the gap after the other has ended."""
    gap = timedelta(hours=hours)
    return bool(b["intime"] <= a["outtime"] + gap and a["intime"] <= b["outtime"] + gap)


def reached(study: Row, stay: Row, visit: list[Row], params: VitalsParams) -> bool:
    if params.rule == "nearest_any":
        return True
    before, after = timedelta(hours=params.hours_before), timedelta(hours=params.hours_after)
    end = max(s["outtime"] for s in visit)
    return bool(stay["intime"] - before <= study["study_time"] <= end + after)


def rank(study: Row, stay: Row, params: VitalsParams) -> tuple[object, ...]:
    """The larger, the better; the last two decide between rows of one stay listed twice."""
    taken, start, end = study["study_time"], stay["intime"], stay["outtime"]
    if params.rule == "nearest_any":
        best: tuple[object, ...] = (-abs(taken - start),)
    elif start <= taken <= end:
        best = 2, start  # contains the study
    elif start <= taken:
        best = 1, end  # has begun
    else:
        best = 0, taken - start  # has not begun
    genders = ["F", "M", None]
    return (*best, start, int(stay["stay_id"]), end, -genders.index(stay["gender"]))


def row_of(
    study: Row,
    of_patient: list[list[Row]],
    triage: list[Row],
    vitalsign: list[Row],
    params: VitalsParams,
) -> dict[str, Any]:
    fits = [(s, visit) for visit in of_patient for s in visit if reached(study, s, visit, params)]
    best = max(fits, key=lambda fit: rank(study, fit[0], params)) if fits else None
    values: Values = dict.fromkeys(VITAL_SIGNS)
    origins: dict[str, Row] = {}
    when = minutes = gender = None
    stay: Row | None = None
    if best is not None:
        stay, within = best
        taken = study["study_time"]
        minutes = (taken - stay["intime"]) / MINUTE
        when = "before" if minutes < 0 else "after" if taken > stay["outtime"] else "during"
        if when == "after" and any(s["outtime"] >= taken for s in within):
            when = "between"
        earliest = min(s["intime"] for s in within) - timedelta(hours=params.hours_before)
        if params.rule == "within_stay":
            vitalsign = [r for r in vitalsign if r["charttime"] and r["charttime"] >= earliest]
        begun = [s for s in within if s["intime"] <= taken]
        begun.sort(key=lambda s: (s["intime"], int(s["stay_id"])), reverse=True)
        in_turn = [stay, *begun]
        gender = stay["gender"] or gender_of(stay, within, begun)
        for name in VITAL_SIGNS:
            found = at_triage(name, in_turn, triage) or charted(name, taken, in_turn, vitalsign)
            if found:
                values[name], source, of, time = found
                age = (taken - time) / MINUTE
                origins[name] = {"source": source, "stay_id": of, "age_minutes": age}
        values = without_crossed(values)
    nowhere = dict.fromkeys(("source", "stay_id", "age_minutes"))
    known = {n: origins[n] if value is not None else nowhere for n, value in values.items()}
    return {
        "study_id": study["study_id"],
        "stay_id": stay and stay["stay_id"],
        "taken": when,
        "minutes_since_arrival": minutes,
        **values,
        "gender": gender,
        **{f"{name}_{end}": known[name][end] for end in nowhere for name in VITAL_SIGNS},
    }


def gender_of(stay: Row, visit: list[Row], begun: list[Row]) -> str | None:
    """Gender that another row of the stay has, else that of the latest stay that has one."""
    own = [s for s in visit if all(s[name] == stay[name] for name in ("stay_id", "intime"))]
    for some in (own, begun):
        told = {(s["intime"], int(s["stay_id"]), s["outtime"], s["gender"]) for s in some}
        told = {row for row in told if row[3]}
        if told:
            latest = max(row[:3] for row in told)
            return min(gender for *row, gender in told if tuple(row) == latest)
    return None


Found = tuple[float, str, str, datetime]


def at_triage(name: str, in_turn: list[Row], triage: list[Row]) -> Found | None:
    """The value of the linked stay's triage, else of that of the latest stay that has one."""
    for stay in in_turn:
        rows = [row for row in triage if row["stay_id"] == stay["stay_id"]]
        if rows and (value := min(rows, key=by_value)[name]) is not None:
            return value, "triage", stay["stay_id"], stay["intime"]
    return None


def charted(name: str, taken: datetime, in_turn: list[Row], vitalsign: list[Row]) -> Found | None:
    """The latest value charted by the study; of several at once the larger."""
    best: Found | None = None
    for stay in in_turn:
        for row in vitalsign:
            time, value = row["charttime"], row[name]
            if row["stay_id"] != stay["stay_id"] or time is None or time > taken or value is None:
                continue
            if best is None or (time, value) > (best[3], best[0]):
                best = value, "vitalsign", stay["stay_id"], time
    return best


def by_value(row: Row) -> list[float]:
    """Smaller first, missing last, one vital sign after the other."""
    return [float("inf") if row[name] is None else row[name] for name in VITAL_SIGNS]
