"""Studies of the generator without their images, as the pipeline reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from camchex.contract.labels import CXR_LT_2023
from camchex.contract.schemas import VITAL_SIGNS
from camchex.contract.yaml_file import read_yaml
from camchex.synthetic.ceiling.posterior import Generator
from camchex.synthetic.ceiling.shared_shadows import Seen, places_seen
from camchex.synthetic.params import DRAWN, SyntheticParams
from camchex.synthetic.people.emergency import stays_around
from camchex.synthetic.people.indication import Indication, write_indication
from camchex.synthetic.people.patients import Study, invent_studies
from camchex.synthetic.people.report import DIRT
from camchex.synthetic.published.mimic import label, subjects
from camchex.synthetic.random_streams import stream
from camchex.texts.cleaning import clean_indication
from camchex.texts.vitals_text import vitals_text

DEMO = read_yaml(Path("profiles/demo.yaml"))["synthetic"]
OUTSIDE = vitals_text({}, None)


def demo(**changes: object) -> SyntheticParams:
    """The demo's section ``synthetic`` with other values."""
    return SyntheticParams(**{**DEMO, **changes})


@cache
def generator(**changes: float) -> Generator:
    """The generating model of such a demo; its tables take a second, so that tests share it."""
    return Generator(demo(**changes))


@dataclass(frozen=True)
class Simulated:
    texts: list[str]  # cleaned
    vitals: list[str]  # vitals_text
    labels: NDArray[np.float64]  # (N, Q) as published
    present: NDArray[np.bool_]  # (N, F)
    places: list[Seen]  # shared shadows
    ids: list[str]  # study_id


def simulate(params: SyntheticParams, count: int, split: str = "test") -> Simulated:
    """Every study with its text, and what was measured at triage of the stay around it."""
    studies = invent_studies(params, split, count, params.prevalence)
    requests = _requests(studies, params)
    present = [[finding in study.severities for finding in DRAWN] for study in studies]
    return Simulated(
        _texts(studies, requests, params),
        _vitals(studies, params),
        _labels(studies, requests, params),
        np.array(present),
        [places_seen(study) for study in studies],
        [study.study_id for study in studies],
    )


def simulate_texts(
    params: SyntheticParams, count: int, split: str = "test"
) -> tuple[list[str], NDArray[np.float64]]:
    """Texts and labels of the studies of :func:`simulate`, without the rest, which takes longer."""
    studies = invent_studies(params, split, count, params.prevalence)
    requests = _requests(studies, params)
    return _texts(studies, requests, params), _labels(studies, requests, params)


def simulate_vitals(
    params: SyntheticParams, count: int, split: str
) -> tuple[list[str], NDArray[np.float64]]:
    """Vital signs and labels of the studies of :func:`simulate`, without their texts."""
    studies = invent_studies(params, split, count, params.prevalence)
    return _vitals(studies, params), _labels(studies, _requests(studies, params), params)


def _requests(studies: Sequence[Study], params: SyntheticParams) -> list[Indication]:
    told = subjects(studies, params, "indication", params.text_informativeness)
    return [
        write_indication(
            study.patient, about, stream(params.seed, "indication", study.study_id), params.wording
        )
        for study, about in zip(studies, told, strict=True)
    ]


def _texts(
    studies: Sequence[Study], requests: Sequence[Indication], params: SyntheticParams
) -> list[str]:
    return [
        clean_indication(_dirty(request.text, params, study.study_id)) or ""
        for study, request in zip(studies, requests, strict=True)
    ]


def _labels(
    studies: Sequence[Study], requests: Sequence[Indication], params: SyntheticParams
) -> NDArray[np.float64]:
    published = [label(*pair, params) for pair in zip(studies, requests, strict=True)]
    return np.array([[row[name] for name in CXR_LT_2023] for row in published], float)


def _vitals(studies: Sequence[Study], params: SyntheticParams) -> list[str]:
    about = subjects(studies, params, "vital signs", params.vitals_informativeness)
    vitals = []
    for study, other in zip(studies, about, strict=True):
        stays = [
            s
            for s in stays_around(study, other, params)
            if s.triage["chiefcomplaint"] != "Follow up"
        ]
        vitals.append(_triage(stays[-1].triage) if stays else OUTSIDE)
    return vitals


def _dirty(text: str, params: SyntheticParams, study_id: str) -> str:
    rng = stream(params.seed, "dirt", study_id)
    if rng.random() >= params.text_dirt:
        return text
    report = DIRT["typing errors"]([("INDICATION", text)], rng)
    return " ".join(report.partition("INDICATION:")[2].split())


def _triage(row: dict[str, object]) -> str:
    """Triage without the impossible values, Celsius in Fahrenheit."""
    values: dict[str, float | None] = {}
    for column, name in VITAL_SIGNS.items():
        value = float(str(row[name])) if row[name] else None
        if name == "temperature" and value is not None and 25 <= value <= 45:
            value = round(value * 1.8 + 32, 1)
        wrong = value in {986.0, 9.8, 0.0, 1005.0, 1228.0, 189.0, 12080.0, 74810.0}
        values[column] = None if wrong else value
    return vitals_text(values, str(row.get("gender") or "F"))
