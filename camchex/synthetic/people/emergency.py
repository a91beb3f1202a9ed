"""Stays in an emergency department, in the tables of MIMIC-IV-ED, with their dirt."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from camchex.synthetic.params import SyntheticParams
from camchex.synthetic.people.conditions import CONDITIONS
from camchex.synthetic.people.patients import Study
from camchex.synthetic.random_streams import pick, stream

OTHER_STAY = 0.25  # studies with a stay at another time
OVERLAPPING = 0.04  # studies in a stay that overlaps an earlier one
EMPTY_TRIAGE = 0.03  # stays without any value
NORMAL = {
    "temperature": (98.2, 0.55),
    "heartrate": (83.0, 12.0),
    "resprate": (17.2, 1.8),
    "o2sat": (97.6, 1.3),
    "sbp": (131.0, 16.0),
    "dbp": (75.0, 9.5),
}
"""Mean and standard deviation: degrees Fahrenheit, 1/min, 1/min, per cent, mmHg, mmHg."""
SHIFTS: Mapping[str, Mapping[str, float]] = {
    "Pneumonia": {"temperature": 2.8, "heartrate": 14, "resprate": 3, "o2sat": -1.5},
    "Infiltration": {"temperature": 1.6, "resprate": 3},
    "Consolidation": {"temperature": 0.4, "o2sat": -1.5},
    "Edema": {"resprate": 5, "o2sat": -3, "sbp": 18},
    "Pneumothorax": {"heartrate": 30, "resprate": 8, "o2sat": -4},
    "Subcutaneous Emphysema": {"heartrate": 14, "resprate": 6},
    "Pleural Effusion": {"resprate": 1},
    "Emphysema": {"o2sat": -3, "resprate": 2},
    "Fibrosis": {"o2sat": -6, "resprate": 4},
    "Pneumoperitoneum": {"temperature": 1.2, "heartrate": 16, "sbp": -20, "dbp": -10},
    "Fracture": {"heartrate": 16, "sbp": 28, "dbp": 20},
    "Tortuous Aorta": {"sbp": 34, "dbp": 4},
    "Calcification of the Aorta": {"sbp": 26, "dbp": -16},
    "Mass": {"heartrate": 14, "sbp": -24, "dbp": -8},
}
"""What a finding adds to the mean of each sign."""
LIMITS = {**dict.fromkeys(NORMAL, math.inf), "o2sat": 100.0}
DIGITS = {"temperature": 1}
EDSTAYS = (
    "subject_id", "hadm_id", "stay_id", "intime", "outtime", "gender", "race",
    "arrival_transport", "disposition",
)  # fmt: skip
TRIAGE = ("subject_id", "stay_id", *NORMAL, "pain", "acuity", "chiefcomplaint")
VITALSIGN = ("subject_id", "stay_id", "charttime", *NORMAL, "rhythm", "pain")
Row = dict[str, object]


@dataclass(frozen=True)
class Stay:
    """One stay: its row of ``edstays``, of ``triage``, and its rows of ``vitalsign``."""

    edstay: Row
    triage: Row
    vitalsign: tuple[Row, ...]


def stays_around(study: Study, about: Study, params: SyntheticParams) -> list[Stay]:
    """Invent the stays of a patient around one study, if there are any.

    Args:
        study: Whose time and patient they are of.
        about: The study whose condition and findings decide the signs: itself, or another one, in
            which case the signs say nothing about it.
        params: The section ``synthetic``.
    """
    rng = stream(params.seed, "emergency", study.study_id)
    stays: list[Stay] = []
    if rng.random() < OTHER_STAY:
        days = float(rng.choice([-1, 1])) * rng.uniform(3, 400)
        stays.append(_stay(study, study.time + timedelta(days=days), None, params, len(stays)))
    if rng.random() < params.in_emergency:
        arrival = study.time - timedelta(minutes=int(rng.integers(15, 300)))
        if rng.random() < OVERLAPPING:
            stays.append(_stay(study, arrival - timedelta(hours=3), None, params, len(stays)))
        stays.append(_stay(study, arrival, about, params, len(stays)))
    return stays


def _stay(
    study: Study, arrival: datetime, about: Study | None, params: SyntheticParams, place: int
) -> Stay:
    rng = stream(params.seed, "stay", study.study_id, str(place))
    arrival = arrival.replace(microsecond=0)
    stay_id = f"3{study.study_id[1:]}{place}"  # a digit more than MIMIC's: three stays a study
    key: Row = {"subject_id": study.patient.patient_id, "stay_id": stay_id}
    edstay = {
        **key,
        "intime": arrival,
        "outtime": arrival + timedelta(minutes=int(rng.integers(330, 900))),
        "gender": study.patient.gender,
        "race": "UNKNOWN",
        "arrival_transport": pick(rng, ("WALK IN", "AMBULANCE")),
        "disposition": pick(rng, ("ADMITTED", "HOME")),
    }
    signs = draw_signs(about, rng)
    complaints = CONDITIONS[about.condition].complaints if about else ("Follow up",)
    triage = {
        **key,
        **_at_triage(signs, params, rng),
        "pain": _pain(rng),
        "acuity": int(rng.integers(1, 5)),
        "chiefcomplaint": pick(rng, complaints),
    }
    charted = sorted(rng.integers(5, 320, size=rng.integers(0, 5)).tolist())
    times = [arrival + timedelta(minutes=minute) for minute in charted]
    vitalsign = (
        {**key, "charttime": time, **_gaps(_later(signs, rng), params.vitals_missing, rng)}
        for time in times
    )
    return Stay(edstay, triage, tuple(vitalsign))


def _at_triage(
    signs: Mapping[str, float], params: SyntheticParams, rng: np.random.Generator
) -> Row:
    """Values as they are typed: missing, in Celsius, or wrong."""
    written = {name: _written(name, value) for name, value in signs.items()}
    if rng.random() < params.vitals_dirt:
        written["temperature"] = f"{(signs['temperature'] - 32) / 1.8:.1f}"
    if rng.random() < params.vitals_dirt:
        name, wrong = pick(rng, TYPING_ERRORS)
        written[name] = wrong
    if params.vitals_missing and rng.random() < EMPTY_TRIAGE:
        return dict.fromkeys(written, "")
    return _gaps(written, params.vitals_missing, rng)


def _later(signs: Mapping[str, float], rng: np.random.Generator) -> dict[str, str]:
    """The signs again, a little changed."""
    return {
        name: _written(name, min(value + rng.normal(0, 0.2 * NORMAL[name][1]), LIMITS[name]))
        for name, value in signs.items()
    }


def _gaps(written: Mapping[str, str], share: float, rng: np.random.Generator) -> Row:
    missing = rng.random(len(written)) < share
    return {
        name: "" if gap else value
        for (name, value), gap in zip(written.items(), missing, strict=True)
    }


TYPING_ERRORS: Sequence[tuple[str, str]] = (
    ("temperature", "986.0"),
    ("temperature", "9.8"),
    ("o2sat", "0.0"),
    ("o2sat", "1005.0"),
    ("heartrate", "1228.0"),
    ("resprate", "189.0"),
    ("sbp", "12080.0"),
    ("dbp", "74810.0"),
)
"""Values that were seen in MIMIC-IV-ED (docs/method.md, section 3)."""


def draw_signs(about: Study | None, rng: np.random.Generator) -> dict[str, float]:
    """Draw the six vital signs of a person with a study's condition and findings.

    Args:
        about: The study; None for somebody without either.
        rng: Of the stay.
    """
    sources: list[Mapping[str, float]] = []
    if about:
        sources = [CONDITIONS[about.condition].vitals]
        sources += [SHIFTS[finding] for finding in about.severities if finding in SHIFTS]
    drawn = {
        name: mean + sum(source.get(name, 0.0) for source in sources) + rng.normal(0, deviation)
        for name, (mean, deviation) in NORMAL.items()
    }
    drawn["o2sat"] = min(drawn["o2sat"], LIMITS["o2sat"])
    drawn["dbp"] = min(drawn["dbp"], drawn["sbp"] - 15)
    return drawn


def _written(name: str, value: float) -> str:
    return f"{value:.1f}" if name in DIGITS else f"{round(value)}.0"


def _pain(rng: np.random.Generator) -> str:
    words = ("UTA", "Critical", "sleeping", "unable")
    return pick(rng, (*map(str, range(11)), *words))
