"""Stays in an emergency department, in the tables of MIMIC-IV-ED, with their dirt."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from camchex.contract.params import Section
from camchex.contract.yaml_file import read_data
from camchex.synthetic.params import SyntheticParams
from camchex.synthetic.people.conditions import CONDITIONS
from camchex.synthetic.people.patients import Study
from camchex.synthetic.people.synergy import FEVER, ONE
from camchex.synthetic.random_streams import pick, stream

OTHER_STAY = 0.25  # share of the studies with a stay at another time
OVERLAPPING = 0.04  # share of the studies in a stay that overlaps an earlier one
EMPTY_TRIAGE = 0.03  # share of the stays without any value


class VitalSignData(Section):
    """Numbers from which vital signs are drawn; ``vital_signs.yaml`` gives the units."""

    normal: Mapping[str, tuple[float, float]]  # mean and standard deviation by vital sign
    shifts: Mapping[str, Mapping[str, float]]  # shift of each vital sign's mean by finding
    fever: Mapping[str, float]  # shift of each vital sign's mean by a fever that is a cue
    typing_errors: tuple[tuple[str, str], ...]  # vital sign and wrong value


_DATA = read_data(__package__, "vital_signs.yaml", VitalSignData)
NORMAL, SHIFTS, TYPING_ERRORS = _DATA.normal, _DATA.shifts, _DATA.typing_errors
FEVER_SHIFT = _DATA.fever
LIMITS = {**dict.fromkeys(NORMAL, math.inf), "o2sat": 100.0}
LATER = 0.2  # standard deviation of what is charted later, in that of the vital sign
PULSE_PRESSURE = 15.0  # mmHg, the least
PAIN = (*map(str, range(11)), "UTA", "Critical", "sleeping", "unable")
EDSTAYS = (
    "subject_id", "hadm_id", "stay_id", "intime", "outtime", "gender", "race",
    "arrival_transport", "disposition",
)  # fmt: skip
TRIAGE = ("subject_id", "stay_id", *NORMAL, "pain", "acuity", "chiefcomplaint")
VITALSIGN = ("subject_id", "stay_id", "charttime", *NORMAL, "rhythm", "pain")
RACES = {
    "WHITE": 0.60, "BLACK/AFRICAN AMERICAN": 0.18, "HISPANIC/LATINO - PUERTO RICAN": 0.08,
    "ASIAN - CHINESE": 0.05, "WHITE - OTHER EUROPEAN": 0.04, "OTHER": 0.05,
}  # fmt: skip
"""Races as MIMIC-IV-ED spells them; their shares are invented, and decide nothing else."""
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
            arrivals.append((arrival - timedelta(hours=3), about))
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
        sources += [FEVER_SHIFT] if about.cues.get(FEVER) == ONE else []
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
        "race": _race(study.patient.patient_id, params),
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


def _race(patient_id: str, params: SyntheticParams) -> str:
    rng = stream(params.seed, "race", patient_id)
    known = rng.random() < params.race_known
    return [*RACES][rng.choice(len(RACES), p=[*RACES.values()])] if known else "UNKNOWN"


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
