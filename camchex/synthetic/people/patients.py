"""Invented patients and their studies: time, reason, views and findings of each."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from camchex.contract.labels import CXR_LT_2023
from camchex.synthetic.params import DRAWN, SyntheticParams
from camchex.synthetic.people.conditions import NAMES, draw_findings, probabilities, shares
from camchex.synthetic.people.synergy import Cues, Places, draw_cues, shared_shadows
from camchex.synthetic.phantom.xray import View
from camchex.synthetic.random_streams import pick, stream

STUDIES_OF_A_PATIENT = (0.55, 0.25, 0.12, 0.08)  # one to four
SAME_CONDITION = 0.7  # share of a patient's next studies with the same condition
FIRST_DAY = datetime(2110, 1, 1)  # MIMIC's dates are shifted and have no zone
LAST_DAY = 365 * 85
VIEWS: Mapping[tuple[View, ...], float] = {
    ("AP",): 0.330, ("PA",): 0.105, ("LATERAL",): 0.015,
    ("PA", "LATERAL"): 0.380, ("AP", "LATERAL"): 0.080, ("PA", "PA", "LATERAL"): 0.035,
    ("PA", "LATERAL", "LATERAL"): 0.025, ("AP", "AP", "LATERAL"): 0.020,
    ("PA", "PA", "LATERAL", "LATERAL"): 0.006, ("AP", "AP", "PA", "LATERAL", "LATERAL"): 0.004,
}  # fmt: skip
"""Views of a study: 45 % one image, 46 % frontal and lateral (docs/method.md, section 2)."""
SPLITS = ("train", "development", "test", "chexpert", "nih", "vindr")
MOST = 1_000_000  # studies of one split
STEP = 6_700_417  # a prime: spreads the numbers of studies and patients
FAINTEST = 0.12  # least severity of a finding that is present


@dataclass(frozen=True)
class Patient:
    """One invented person."""

    patient_id: str
    gender: str
    age: int


@dataclass(frozen=True)
class Study:
    """One visit to the X-ray department."""

    study_id: str  # the id as its data set writes it
    patient: Patient
    split: str  # split of CXR-LT, or the key of an external set
    condition: str  # the reason why the patient came
    severities: Mapping[str, float]  # severity in (0, 1] of each finding that is present
    time: datetime  # when the study was taken
    views: tuple[View, ...]  # one per image
    cues: Cues = field(default_factory=dict)  # cue of each pair of findings that has one
    shadows: Places = field(default_factory=dict)  # place of each shared shadow, by its finding

    @property
    def kinds(self) -> list[str]:
        """Kind of each view, frontal or lateral."""
        return ["lateral" if view == "LATERAL" else "frontal" for view in self.views]

    @property
    def truth(self) -> dict[str, int]:
        """Every class of CXR-LT 2023: 1 or 0."""
        return complete(set(self.severities))


def complete(findings: set[str]) -> dict[str, int]:
    """Label all classes: No Finding is 1 if there is nothing but Support Devices."""
    nothing = findings <= {"Support Devices"}
    present = findings | {"No Finding"} if nothing else findings
    return {name: int(name in present) for name in CXR_LT_2023}


def invent_studies(
    params: SyntheticParams, split: str, count: int, prevalence: Mapping[str, float]
) -> list[Study]:
    """Draw the studies of one split: patients of its own, each with one to four studies.

    Args:
        params: The section ``synthetic``.
        split: Name of the split; it decides the random numbers, and the ids that are used.
        count: Number of studies.
        prevalence: Share of the studies with each finding.

    Returns:
        Studies in the order of patients, and of time.
    """
    rng = stream(params.seed, "patients", split)
    sizes = 1 + rng.choice(len(STUDIES_OF_A_PATIENT), size=count, p=STUDIES_OF_A_PATIENT)
    owners = np.repeat(np.arange(count), sizes)[:count].tolist()  # rising from 0
    conditions = _conditions(owners, rng)
    mix = np.bincount(conditions, minlength=len(NAMES)) / count
    chances = probabilities(prevalence, mix)[conditions]
    present = draw_findings(chances, rng)
    strength = FAINTEST + (1 - FAINTEST) * rng.beta(2.4, 1.3, size=present.shape)
    patients = []
    for owner in range(owners[-1] + 1):
        own = stream(params.seed, "patient", split, str(owner))
        age = int(np.clip(own.normal(62, 17), 18, 91))
        number = _number(params.seed, split, owner)
        patients.append(Patient(f"1{number}", pick(own, "FM"), age))
    kinds = rng.choice(len(VIEWS), size=count, p=np.array([*VIEWS.values()]))
    times = _times(owners, rng)
    ids = [f"5{_number(params.seed, split, i)}" for i in range(count)]
    cues = [draw_cues(params, study_id) for study_id in ids]
    found = [{f for j, f in enumerate(DRAWN) if row[j]} for row in present]
    return [
        Study(
            study_id=ids[i],
            patient=patients[owners[i]],
            split=split,
            condition=NAMES[conditions[i]],
            severities={f: float(strength[i, j]) for j, f in enumerate(DRAWN) if present[i, j]},
            time=times[i],
            views=[*VIEWS][kinds[i]],
            cues=cues[i],
            shadows=shared_shadows(found[i], cues[i]),
        )
        for i in range(count)
    ]


def invent_splits(params: SyntheticParams) -> list[Study]:
    """Draw the studies of all splits of CXR-LT with :func:`invent_studies`."""
    return [
        study
        for split, count in params.studies.model_dump().items()
        for study in invent_studies(params, split, count, params.prevalence)
    ]


def hexadecimal(length: int, seed: int, *names: str) -> str:
    """Make an id of hexadecimal digits that only depends on what it names."""
    return hashlib.sha256("/".join([str(seed), *names]).encode()).hexdigest()[:length]


def dicom_id(seed: int, study_id: str, position: int) -> str:
    """Make an id as MIMIC-CXR writes it: five groups of eight hexadecimal digits."""
    digits = hexadecimal(40, seed, study_id, str(position))
    return "-".join(digits[i : i + 8] for i in range(0, 40, 8))


def _number(seed: int, split: str, index: int) -> str:
    """Make seven digits in no order; as the step shares no factor with 10, no two are the same."""
    place = SPLITS.index(split) * MOST + index
    return f"{(place * STEP + 1_234_567 * (seed + 1)) % 10_000_000:07d}"


def _conditions(owners: Sequence[int], rng: np.random.Generator) -> list[int]:
    """Draw the condition of each study, (N,); a patient tends to come for the same reason again."""
    drawn: list[int] = rng.choice(len(NAMES), size=len(owners), p=shares()).tolist()
    again = rng.random(len(owners)) < SAME_CONDITION
    for i in range(1, len(owners)):
        if owners[i] == owners[i - 1] and again[i]:
            drawn[i] = drawn[i - 1]
    return drawn


def _times(owners: Sequence[int], rng: np.random.Generator) -> list[datetime]:
    times: list[datetime] = []
    for i, owner in enumerate(owners):
        if i and owners[i - 1] == owner:
            start, days = times[-1], float(rng.exponential(120)) + 1
        else:
            start, days = FIRST_DAY, float(rng.integers(LAST_DAY))
        seconds = int(rng.integers(86400))
        day = (start + timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
        times.append(day + timedelta(seconds=seconds))
    return times
