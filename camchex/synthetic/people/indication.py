"""Indications as referring physicians write them: a history, and a question."""

from dataclasses import dataclass

import numpy as np

from camchex.synthetic.params import DRAWN, USUAL, Wording
from camchex.synthetic.people.conditions import CONDITIONS
from camchex.synthetic.people.patients import Patient, Study
from camchex.synthetic.people.phrases import (
    ASKING,
    GENERAL_QUESTIONS,
    PHRASES,
    SIDES,
    other_words,
)
from camchex.synthetic.people.synergy import SYMPTOMS
from camchex.synthetic.random_streams import pick

PRESENT, ABSENT = 2.2, 0.18  # weight of a finding in the choice of what is asked for
ASKED_OFTEN = {"Pneumonia": 2.5, "Pneumothorax": 2.0, "Pleural Effusion": 1.5, "Edema": 1.5}
GENERAL = 0.28  # share of the questions that name nothing
SECOND = 0.35  # share of the others that name two findings
CLUE_PRESENT, CLUE_ABSENT = 0.28, 0.012  # share of the histories that hold a finding's clue
REPEATED = 0.35  # share of the questions that stand in the history too
SHORT_START = 0.1  # share of the women's indications that start with ``___F``


@dataclass(frozen=True)
class Indication:
    """An indication as it is written."""

    text: str  # one line in the template of MIMIC-CXR's reports
    named: frozenset[str]  # findings that the text asks for by name
    words: tuple[str, ...] = ()  # the words of the text that name them


def write_indication(
    patient: Patient, about: Study, rng: np.random.Generator, wording: Wording = USUAL
) -> Indication:
    """Write the indication of a patient's study.

    Args:
        patient: The patient whose sex the indication gives.
        about: The study whose condition and findings the indication draws on: the patient's own,
            or another study, in which case the text says nothing about the patient's own.
        rng: The generator of this study's text.
        wording: How often other words stand for a finding; it changes nothing else in the text.

    Source:
        docs/method.md, section 1.1: the template, and words that stand on both sides of ``//``.
    """
    side = [SIDES[about.cues[SYMPTOMS]]] if SYMPTOMS in about.cues else []
    history = [pick(rng, CONDITIONS[about.condition].histories), *side, *_clues(about, rng)]
    named = _named(about, rng)
    usual = [pick(rng, PHRASES[finding].asked) for finding in named]
    words = [_worded(*pair, wording, rng.spawn(1)[0]) for pair in zip(named, usual, strict=True)]
    if not named:
        question = pick(rng, GENERAL_QUESTIONS)
    else:
        question = pick(rng, ASKING).format(" or ".join(words))
    if rng.random() < REPEATED:
        history.append(question)
    woman = patient.gender == "F"
    start = f"___ year old {'woman' if woman else 'man'}"
    if rng.random() < SHORT_START and woman:
        start = "___F"
    text = f"{start} with {', '.join(history)}  // {question}"
    return Indication(text, frozenset(named), tuple(words))


def _worded(finding: str, usual: str, wording: Wording, rng: np.random.Generator) -> str:
    """Draw the words for a finding that is asked for; the generator is of these words alone."""
    chance = rng.random()
    for share, words in other_words(finding, wording):
        if chance < share:
            return pick(rng, words)
        chance -= share
    return usual


def _clues(about: Study, rng: np.random.Generator) -> list[str]:
    found = []
    for finding, draw in zip(DRAWN, rng.random(len(DRAWN)), strict=True):
        if draw < (CLUE_PRESENT if finding in about.severities else CLUE_ABSENT):
            found.append(pick(rng, PHRASES[finding].clues))
    rng.shuffle(found)
    return found


def _named(about: Study, rng: np.random.Generator) -> list[str]:
    """Draw the findings asked for: rather present ones, rather those that are asked for often."""
    if rng.random() < GENERAL:
        return []
    weights = np.array(
        [(PRESENT if f in about.severities else ABSENT) * ASKED_OFTEN.get(f, 1.0) for f in DRAWN]
    )
    count = 2 if rng.random() < SECOND else 1
    chosen = rng.choice(len(DRAWN), size=count, replace=False, p=weights / weights.sum())
    return [DRAWN[i] for i in chosen]
