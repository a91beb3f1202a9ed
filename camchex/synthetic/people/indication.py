"""What a referring physician writes: a history, and a question that may name findings."""

from dataclasses import dataclass

import numpy as np

from camchex.synthetic.params import DRAWN
from camchex.synthetic.people.conditions import CONDITIONS
from camchex.synthetic.people.patients import Patient, Study
from camchex.synthetic.people.phrases import ASKING, GENERAL_QUESTIONS, PHRASES
from camchex.synthetic.random_streams import pick

PRESENT, ABSENT = 2.2, 0.18  # weight of a finding in the choice of what is asked for
ASKED_OFTEN = {"Pneumonia": 2.5, "Pneumothorax": 2.0, "Pleural Effusion": 1.5, "Edema": 1.5}
GENERAL = 0.28  # share of the questions that name nothing
SECOND = 0.35  # share of the others that name two findings
CLUE_PRESENT, CLUE_ABSENT = 0.28, 0.012  # share of the histories that hold a finding's clue
REPEATED = 0.35  # share of the questions that stand in the history too


@dataclass(frozen=True)
class Indication:
    """An indication as it is written.

    Attributes:
        text: In the template of MIMIC-CXR's reports, on one line.
        named: Findings that it asks for by name.
    """

    text: str
    named: frozenset[str]


def write_indication(patient: Patient, about: Study, rng: np.random.Generator) -> Indication:
    """Write the indication of a patient's study.

    Args:
        patient: Whose sex it gives.
        about: The study whose condition and findings it draws on: the patient's own, or another
            study, in which case it says nothing about its own.
        rng: Of this study's text.

    Source:
        docs/method.md, section 1.1: the template, and the words that stand on both sides of ``//``.
    """
    person = "woman" if patient.gender == "F" else "man"
    histories = CONDITIONS[about.condition].histories
    history = [pick(rng, histories), *_clues(about, rng)]
    named = _named(about, rng)
    question = _question(named, rng)
    if rng.random() < REPEATED:
        history.append(question)
    start = f"___F with {', '.join(history)}" if rng.random() < 0.1 and person == "woman" else (  # noqa: PLR2004
        f"___ year old {person} with {', '.join(history)}"
    )  # fmt: skip
    return Indication(f"{start}  // {question}", frozenset(named))


def _clues(about: Study, rng: np.random.Generator) -> list[str]:
    draws = rng.random(len(DRAWN))
    found = []
    for finding, draw in zip(DRAWN, draws, strict=True):
        if draw < (CLUE_PRESENT if finding in about.severities else CLUE_ABSENT):
            clues = PHRASES[finding].clues
            found.append(pick(rng, clues))
    rng.shuffle(found)
    return found


def _named(about: Study, rng: np.random.Generator) -> list[str]:
    """Findings asked for: rather present ones, rather those that are asked for often."""
    if rng.random() < GENERAL:
        return []
    weights = np.array(
        [(PRESENT if f in about.severities else ABSENT) * ASKED_OFTEN.get(f, 1.0) for f in DRAWN]
    )
    count = 2 if rng.random() < SECOND else 1
    chosen = rng.choice(len(DRAWN), size=count, replace=False, p=weights / weights.sum())
    return [DRAWN[i] for i in chosen]


def _question(named: list[str], rng: np.random.Generator) -> str:
    if not named:
        return pick(rng, GENERAL_QUESTIONS)
    words = [PHRASES[finding].asked for finding in named]
    asked = " or ".join(pick(rng, options) for options in words)
    return pick(rng, ASKING).format(asked)
