"""Which words of an invented indication are about a finding, and which vital signs speak for it."""

from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from camchex.contract.labels import CXR_LT_2023
from camchex.contract.schemas import VITAL_SIGNS
from camchex.explanations.texts import words_of
from camchex.scores.calibration_file import log_odds
from camchex.synthetic.ceiling.events import meant, vocabulary
from camchex.synthetic.ceiling.observer import Evidence, posteriors
from camchex.synthetic.ceiling.posterior import Generator
from camchex.synthetic.ceiling.vital_signs import MOVING, read_vital_signs
from camchex.synthetic.params import DRAWN
from camchex.synthetic.people.emergency import NORMAL
from camchex.synthetic.people.phrases import PHRASES
from camchex.texts.cleaning import clean_indication

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
LEAST_EFFECT = 0.5  # log-odds by which a vital sign speaks for or against a finding
PUBLISHED = tuple(VITAL_SIGNS.values())
HIT = "hit"


@cache
def _phrases() -> Mapping[str, list[tuple[str, ...]]]:
    """Words of every question and clue, by finding."""
    return {
        name: [
            tuple(words_of((clean_indication(text, "released") or "").replace(" .", "")))
            for text in (*PHRASES[name].asked, *PHRASES[name].clues)
        ]
        for name in DRAWN
    }


def words_about(indication: str) -> dict[str, Bools]:
    """Find the words that ask for a finding, or are a clue of it: (words,), by finding.

    Swapped letters are read as they were meant. Findings of which the text says nothing are left
    out.
    """
    given = words_of(indication)
    words = tuple(w if w in vocabulary() else next(iter(meant(w)), w) for w in given)
    found = {}
    for name, phrases in _phrases().items():
        own = np.zeros(len(words), np.bool_)
        for phrase in phrases:
            for start in range(len(words) - len(phrase) + 1):
                if words[start : start + len(phrase)] == phrase:
                    own[start : start + len(phrase)] = True
        if own.any():
            found[name] = own
    return found


def word_scores(effects: Floats, own: Bools, words: list[str]) -> dict[str, float]:
    """Whether the word that raises the number most is one of a finding's own."""
    return {HIT: float(own[int(np.where(real(words), effects, -np.inf).argmax())])}


def real(words: list[str]) -> Bools:
    """Which words are more than a mark between words."""
    return np.array([any(map(str.isalnum, word)) for word in words])


def word_baselines(own: Bools, words: list[str]) -> dict[str, dict[str, float]]:
    """Scores of a random word (on average), of the last word, and of the longest."""
    letters = real(words)
    places = np.flatnonzero(letters)
    longest = max(places, key=lambda place: (len(words[place]), -place))
    return {
        "random": {HIT: float(own[letters].mean())},
        "last": {HIT: float(own[places[-1]])},
        "longest": {HIT: float(own[longest])},
    }


def vital_effects(model: Generator, vitals: str) -> dict[str, Floats]:
    """What each vital sign adds to the log-odds of a finding, as the best observer reads them.

    Args:
        model: The generator.
        vitals: Vital signs as text.

    Returns:
        By each finding that moves a vital sign: what the log-odds lose when that sign is not known,
        (6,), in the order of ``schemas.VITAL_SIGNS``; 0 where it is not known anyway.
    """
    values = read_vital_signs(vitals)

    def said(some: Mapping[str, float]) -> Floats:
        return log_odds(posteriors(model, Evidence([], some))["vitals"])

    whole = said(values)
    lost = np.zeros((len(PUBLISHED), len(whole)))
    for place, name in enumerate(PUBLISHED):
        if name in values:
            lost[place] = whole - said({n: v for n, v in values.items() if n != name})
    return {name: lost[:, CXR_LT_2023.index(name)] for name in MOVING}


def vital_scores(effects: Floats, known: Floats) -> dict[str, float]:
    """Whether the vital sign that moves the number most is the one that should, the right way."""
    top = int(np.abs(known).argmax())
    signed = effects[: len(known)] * np.sign(known[top])
    return {HIT: float(int(signed.argmax()) == top)}


def vital_baselines(known: Floats, vitals: str) -> dict[str, dict[str, float]]:
    """Scores of a random vital sign (on average), and of the one furthest from normal."""
    values = read_vital_signs(vitals)
    strange = [
        abs(values[name] - NORMAL[name][0]) / NORMAL[name][1] if name in values else -1.0
        for name in PUBLISHED
    ]
    top = int(np.abs(known).argmax())
    return {
        "random": {HIT: 1 / len(values)},
        "least normal": {HIT: float(int(np.argmax(strange)) == top)},
    }
