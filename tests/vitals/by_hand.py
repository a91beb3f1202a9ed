"""The rules of linkage and plausibility as loops over rows: no SQL, no columns."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from camchex.contract.schemas import VITAL_SIGNS
from tests.vitals.ed import RANGES

SLACK = timedelta(hours=2)
Row = Mapping[str, Any]
Values = dict[str, float | None]


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
    rule: str,
) -> list[dict[str, Any]]:
    """Columns of ``schemas.VITALS`` without the text, by study_id."""
    stays, triage, vitalsign = list(edstays), list(triage), list(vitalsign)
    rows = []
    for study in sorted(studies, key=lambda s: s["study_id"]):
        fits = [s for s in stays if matches(study, s, rule)]
        stay = max(fits, key=lambda s: rank(study, s, rule)) if fits else None
        rows.append(row_of(study, stay, triage, vitalsign))
    return rows


def matches(study: Row, stay: Row, rule: str) -> bool:
    start, end = stay["intime"], stay["outtime"]
    if stay["patient_id"] != study["patient_id"] or start is None or end is None or end < start:
        return False
    return rule == "nearest_any" or start - SLACK <= study["study_time"] <= end + SLACK


def rank(study: Row, stay: Row, rule: str) -> tuple[object, ...]:
    """The larger, the better; the last two decide between rows of one stay listed twice."""
    away = abs(study["study_time"] - stay["intime"]) if rule == "nearest_any" else timedelta(0)
    genders = ["F", "M", None]
    last = (stay["outtime"], -genders.index(stay["gender"]))
    return (-away, stay["intime"], int(stay["stay_id"]), *last)


def row_of(study: Row, stay: Row | None, triage: list[Row], vitalsign: list[Row]) -> dict[str, Any]:
    values: Values = dict.fromkeys(VITAL_SIGNS)
    sources: dict[str, str | None] = dict.fromkeys(VITAL_SIGNS)
    minutes = None
    if stay is not None:
        minutes = (study["study_time"] - stay["intime"]) / timedelta(minutes=1)
        values, sources = measured(study["study_time"], of(stay, triage), of(stay, vitalsign))
    return {
        "study_id": study["study_id"],
        "stay_id": stay and stay["stay_id"],
        "minutes_since_arrival": minutes,
        **values,
        "gender": stay and stay["gender"],
        **{f"{name}_source": sources[name] for name in VITAL_SIGNS},
    }


def of(stay: Row, rows: list[Row]) -> list[Row]:
    key = (stay["patient_id"], stay["stay_id"])
    return [row for row in rows if (row["patient_id"], row["stay_id"]) == key]


def measured(
    taken: datetime, triage: list[Row], vitalsign: list[Row]
) -> tuple[Values, dict[str, str | None]]:
    arrivals = sorted((plausible(row) for row in triage), key=by_value)
    arrival: Values = arrivals[0] if arrivals else dict.fromkeys(VITAL_SIGNS)
    timed = [
        (row["charttime"], plausible(row)) for row in vitalsign if row["charttime"] is not None
    ]
    values, sources = dict(arrival), {n: v and "triage" for n, v in arrival.items()}
    for name in VITAL_SIGNS:
        known = [(t, v[name]) for t, v in timed if t <= taken and v[name] is not None]
        if values[name] is None and known:
            values[name], sources[name] = max(known)[1], "vitalsign"
    values = without_crossed(values)
    return values, {n: sources[n] if values[n] is not None else None for n in VITAL_SIGNS}


def by_value(values: Values) -> list[float]:
    """Smaller first, missing last, one vital sign after the other."""
    return [float("inf") if value is None else value for value in values.values()]
