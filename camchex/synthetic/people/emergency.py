"""Stays in an emergency department, in the tables of MIMIC-IV-ED, with their dirt."""

import math
from collections.abc import Mapping
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
"""Shift of each vital sign's mean by finding, in the units of ``NORMAL``."""
LIMITS = {**dict.fromkeys(NORMAL, math.inf), "o2sat": 100.0}
LATER = 0.2  # standard deviation of what is charted later, in that of the vital sign
PULSE_PRESSURE = 15.0  # mmHg, the least
TYPING_ERRORS = (
    ("temperature", "986.0"), ("temperature", "9.8"), ("o2sat", "0.0"), ("o2sat", "1005.0"),
    ("heartrate", "1228.0"), ("resprate", "189.0"), ("sbp", "12080.0"), ("dbp", "74810.0"),
)  # fmt: skip
"""Values that were seen in MIMIC-IV-ED. Source: docs/method.md, section 3."""
PAIN = (*map(str, range(11)), "UTA", "Critical", "sleeping", "unable")
EDSTAYS = (
    "subject_id", "hadm_id", "stay_id", "intime", "outtime", "gender", "race",
    "arrival_transport", "disposition",
)  # fmt: skip
TRIAGE = ("subject_id", "stay_id", *NORMAL, "pain", "acuity", "chiefcomplaint")
VITALSIGN = ("subject_id", "stay_id", "charttime", *NORMAL, "rhythm", "pain")
Row = dict[str, object]


@dataclass(frozen=True)
class Stay:
    """One stay: its rows of the tables ``edstays``, ``triage`` and ``vitalsign``."""

    edstay: Row
    triage: Row
    vitalsign: tuple[Row, ...]


def stays_around(study: Study, about: Study, params: SyntheticParams) -> list[Stay]:
    """Invent the stays of a patient around one study, if there are any.

    Args:
        study: The study that gives time and patient.
        about: The study whose condition and findings decide the vital signs: ``study`` itself, or
            another one, in which case the vital signs say nothing about ``study``.
        params: The section ``synthetic``.
    """
    rng = stream(params.seed, "emergency", study.study_id)
    arrivals: list[tuple[datetime, Study | None]] = []
    if rng.random() < OTHER_STAY:
        days = float(rng.choice([-1, 1])) * rng.uniform(3, 400)
        arrivals.append((study.time + timedelta(days=days), None))
    if rng.random() < params.in_emergency:
        arrival = study.time - timedelta(minutes=int(rng.integers(15, 300)))
        if rng.random() < OVERLAPPING:
            arrivals.append((arrival - timedelta(hours=3), None))
        arrivals.append((arrival, about))
    return [_stay(study, *arrival, params, place) for place, arrival in enumerate(arrivals)]


def draw_vital_signs(about: Study | None, rng: np.random.Generator) -> dict[str, float]:
    """Draw the six vital signs of a person with a study's condition and findings.

    Args:
        about: The study; None for a person without condition and findings.
        rng: The stay's generator.

    Returns:
        Values by column of MIMIC-IV-ED, in the units of ``NORMAL``.
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
    drawn["dbp"] = min(drawn["dbp"], drawn["sbp"] - PULSE_PRESSURE)
    return drawn


def _stay(
    study: Study, arrival: datetime, about: Study | None, params: SyntheticParams, place: int
) -> Stay:
    rng = stream(params.seed, "stay", study.study_id, str(place))
    arrival = arrival.replace(microsecond=0)
    # A digit more than MIMIC's numbers have: a study has up to three stays.
    key: Row = {"subject_id": study.patient.patient_id, "stay_id": f"3{study.study_id[1:]}{place}"}
    edstay = {
        **key,
        "intime": arrival,
        "outtime": arrival + timedelta(minutes=int(rng.integers(330, 900))),
        "gender": study.patient.gender,
        "race": "UNKNOWN",
        "arrival_transport": pick(rng, ("WALK IN", "AMBULANCE")),
        "disposition": pick(rng, ("ADMITTED", "HOME")),
    }
    values = draw_vital_signs(about, rng)
    triage = {
        **key,
        **_at_triage(values, params, rng),
        "pain": pick(rng, PAIN),
        "acuity": int(rng.integers(1, 5)),
        "chiefcomplaint": pick(
            rng, CONDITIONS[about.condition].complaints if about else ("Follow up",)
        ),
    }
    charted = []
    for minute in sorted(rng.integers(5, 320, size=rng.integers(0, 5)).tolist()):
        later = {
            name: min(value + rng.normal(0, LATER * NORMAL[name][1]), LIMITS[name])
            for name, value in values.items()
        }
        row = _with_gaps(_written(later), params.vitals_missing, rng)
        charted.append({**key, "charttime": arrival + timedelta(minutes=minute), **row})
    return Stay(edstay, triage, tuple(charted))


def _at_triage(
    values: Mapping[str, float], params: SyntheticParams, rng: np.random.Generator
) -> Row:
    """Write values as a nurse types them: missing, in Celsius, or wrong."""
    written = _written(values)
    if rng.random() < params.vitals_dirt:
        written["temperature"] = f"{(values['temperature'] - 32) / 1.8:.1f}"
    if rng.random() < params.vitals_dirt:
        name, wrong = pick(rng, TYPING_ERRORS)
        written[name] = wrong
    if params.vitals_missing and rng.random() < EMPTY_TRIAGE:
        return dict.fromkeys(written, "")
    return _with_gaps(written, params.vitals_missing, rng)


def _written(values: Mapping[str, float]) -> dict[str, str]:
    return {
        name: f"{value:.1f}" if name == "temperature" else f"{round(value)}.0"
        for name, value in values.items()
    }


def _with_gaps(written: Mapping[str, str], share: float, rng: np.random.Generator) -> Row:
    missing = rng.random(len(written)) < share
    cells = zip(written.items(), missing, strict=True)
    return {name: "" if gap else value for (name, value), gap in cells}
