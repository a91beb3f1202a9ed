"""What shared shadows leave open, and what the other inputs then say (``people.synergy``).

Images tell every finding but those that a shared shadow shows. There they tell that one finding of
a pair is present, that the study has the pair's cue, and the place of the shadow if the view that
shows it was taken. So there are two cases for each shared shadow; the prior, the indication and the
vital signs weigh them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from camchex.synthetic.ceiling.events import Reading
from camchex.synthetic.ceiling.naming import Floats, terms
from camchex.synthetic.ceiling.posterior import MOVED, Generator
from camchex.synthetic.params import DRAWN
from camchex.synthetic.people.conditions import shares
from camchex.synthetic.people.indication import CLUE_ABSENT, CLUE_PRESENT
from camchex.synthetic.people.patients import Study
from camchex.synthetic.people.synergy import (
    FEVER,
    ONE,
    OTHER,
    PAIRS,
    SYMPTOMS,
    VIEW_OF,
    Cue,
    Pair,
)

Seen = Mapping[Pair, int | None]
"""Place of the shared shadow of each pair that has one; None: no view shows the place."""
Chances = Mapping[int | None, float]
"""Probability of each value of a cue; None: the study does not have it."""


@dataclass(frozen=True)
class Case:
    """One way to read the images of a study."""

    present: NDArray[np.bool_]  # findings that are present, (F,)
    cues: Mapping[Cue, Chances]  # probability of a cue together with the shadows that are seen


def places_seen(study: Study) -> Seen:
    """Find the shared shadows of a study, and the places that its views show."""
    return {
        pair: study.shadows[finding] if VIEW_OF[pair.cue] in study.kinds else None
        for pair in PAIRS
        for finding in pair.findings
        if finding in study.shadows
    }


def cases(present: NDArray[np.bool_], seen: Seen, synergy: float) -> list[Case]:
    """List every set of findings that images may show, the drawn one among them.

    Args:
        present: Findings that were drawn, (F,).
        seen: What shared shadows show.
        synergy: The parameter of that name.
    """
    found = []
    for chosen in product(*(pair.findings for pair in seen)):
        there = present.copy()
        there[[DRAWN.index(name) for pair in seen for name in pair.findings]] = False
        there[[DRAWN.index(name) for name in chosen]] = True
        shown = dict(zip(seen, chosen, strict=True))
        cues: dict[Cue, Chances] = {
            cue: {
                value: chance
                * all(_agrees(p, value, there, shown, seen) for p in PAIRS if p.cue == cue)
                for value, chance in cue_drawn(synergy).items()
            }
            for cue in VIEW_OF
        }
        found.append(Case(there, cues))
    return found


def _agrees(
    pair: Pair, cue: int | None, present: NDArray[np.bool_], shown: Mapping[Pair, str], seen: Seen
) -> bool:
    """Tell whether a pair looks as it does if its cue has this value and these are present."""
    alone = sum(present[DRAWN.index(name)] for name in pair.findings) == 1
    if pair not in seen:
        return cue is None or not alone  # alone without a cue, a finding has its own sign
    return cue is not None and seen[pair] in {None, pair.place(shown[pair], cue)}


def cue_drawn(synergy: float) -> Chances:
    """Probability of each value of a cue of a study of which nothing is seen."""
    return {None: 1 - synergy, ONE: synergy / 2, OTHER: synergy / 2}


def weigh(
    model: Generator, ways: Sequence[Case], readings: Sequence[Reading], values: Mapping[str, float]
) -> Floats:
    """Compute the probability of each case given what else is seen.

    Args:
        model: The generator that wrote the study.
        ways: The result of :func:`cases`, C of them.
        readings: Readings of the indication; empty where it is not seen.
        values: Vital signs by column of MIMIC-IV-ED; empty where they are not seen.

    Returns:
        Probabilities, (C,), of sum 1.
    """
    if len(ways) == 1:
        return np.ones(1)
    by_case = np.stack([
        shares() * np.where(case.present, model.chances, 1 - model.chances).prod(1)
        * _text(model, case, readings) for case in ways
    ]) * _vital_signs(model, ways, values)  # (C, K)  # fmt: skip
    chances = by_case.sum(1)
    return np.asarray(chances / chances.sum())


def _text(model: Generator, case: Case, readings: Sequence[Reading]) -> Floats | float:
    """Probability of an indication, and of the shadows of its cue, per condition, (K,)."""
    cue = case.cues[SYMPTOMS]
    whole = sum(cue.values())
    if not readings:
        return whole
    drawn, told = cue_drawn(model.params.synergy), model.params.text_informativeness
    own = sum(_written(reading, case) * cue[reading.cue] for reading in readings)
    other = sum(model.by_text(reading).evidence * drawn[reading.cue] for reading in readings)
    return np.asarray(told * own + (1 - told) * whole * other)


def _written(reading: Reading, case: Case) -> Floats:
    """Probability of a text, but for its cue, that is about a study of this case, (K,)."""
    held = np.isin(np.arange(len(DRAWN)), [*reading.clues])
    clue = np.where(case.present, CLUE_PRESENT, CLUE_ABSENT)
    named = sum(
        np.where(case.present, term.factor[:, 1], term.factor[:, 0]).prod()
        * (term.weights @ term.nodes ** (term.steps @ case.present))
        for term in terms(reading.named)
    )
    return np.asarray(
        reading.history * reading.words * np.where(held, clue, 1 - clue).prod() * named
    )


def _vital_signs(model: Generator, ways: Sequence[Case], values: Mapping[str, float]) -> Floats:
    """Probability of vital signs, and of the shadows of their cue, per case and condition (C, K).

    Without vital signs the last axis has length 1.
    """
    whole = np.array([[sum(case.cues[FEVER].values())] for case in ways])
    if not values:
        return whole
    hot = np.array([[case.cues[FEVER][ONE]] for case in ways])
    signs, told = model.vital_signs, model.params.vitals_informativeness
    sets = np.array(
        [np.flatnonzero((signs.bits == case.present[MOVED]).all(1))[0] for case in ways]
    )
    well, ill = (signs.likelihood(values, fever, sets) for fever in (0.0, 1.0))
    own = (whole - hot) * well.T + hot * ill.T
    other = np.vdot(model.states, signs.likelihood(values))
    return np.asarray(told * own + (1 - told) * whole * other)
