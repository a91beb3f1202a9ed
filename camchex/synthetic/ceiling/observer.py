"""The best observers of a study: what each set of modalities says of its published labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from camchex.errors import DataError
from camchex.synthetic.ceiling.events import Reading, read_events
from camchex.synthetic.ceiling.naming import Floats
from camchex.synthetic.ceiling.posterior import Belief, Generator
from camchex.synthetic.ceiling.shared_shadows import Seen, cases, weigh
from camchex.synthetic.ceiling.vital_signs import read_vital_signs
from camchex.synthetic.params import USUAL, Wording

EXACT = ("indication", "vitals", "indication+vitals")
BOUNDS = ("images", "images+indication+vitals")


@dataclass(frozen=True)
class Evidence:
    """Evidence that one study gives, beside its images."""

    readings: Sequence[Reading]  # readings of the indication; empty without one
    values: Mapping[str, float]  # vital signs by their column in MIMIC-IV-ED; empty without any


@dataclass(frozen=True)
class Shown:
    """What the images of one study show to the best observer."""

    present: NDArray[np.bool_]  # findings that were drawn, (F,)
    places: Seen = field(default_factory=dict)  # shared shadows, which do not tell their finding


def read_evidence(indication: str | None, vitals_text: str, wording: Wording = USUAL) -> Evidence:
    """Read what a model reads: the columns of ``schemas.cohort``, and how findings are worded."""
    readings = read_events(indication, wording) if indication else []
    return Evidence(readings, read_vital_signs(vitals_text))


def posteriors(model: Generator, seen: Evidence) -> dict[str, Floats]:
    """Compute the probability of each published label given each of ``EXACT``.

    Args:
        model: The generator that wrote the study.
        seen: All evidence; each set of modalities is shown its part.

    Returns:
        Probabilities (Q), in the order of CXR-LT 2023, by set.

    Raises:
        DataError: If the generator cannot write these vital signs.
    """
    text = vitals = both = model.prior_labels
    signs = None
    if seen.values:
        states = model.states * model.vital_signs.likelihood(seen.values)
        if not states.any():
            raise DataError(f"vital signs {dict(seen.values)}: the generator does not write these.")
        told = model.params.vitals_informativeness
        signs = states, model.by_vital_signs(states)
        own = model.labels_unseen(signs[1], states)
        vitals = both = told * own + (1 - told) * model.prior_labels
    if seen.readings:
        text = _over_readings(model, seen.readings)
        both = text if signs is None else _over_readings(model, seen.readings, signs)
    return dict(zip(EXACT, (text, vitals, both), strict=True))


def upper_bounds(
    model: Generator, seen: Evidence, shown: Shown, exact: Mapping[str, Floats]
) -> dict[str, Floats]:
    """Compute the probability of each published label for an observer who is told the findings.

    Of a shared shadow the observer is told the place, as far as a view shows it, and not the
    finding. Images that show no radiological sign (``signal`` 0) tell nothing.

    Args:
        model: The generator that wrote the study.
        seen: The rest of the evidence.
        shown: What the images show.
        exact: The result of :func:`posteriors`.

    Returns:
        Probabilities (Q), in the order of CXR-LT 2023, for each of ``BOUNDS``.
    """
    if not model.params.signal:
        return dict(zip(BOUNDS, (model.prior_labels, exact["indication+vitals"]), strict=True))
    named = {reading.named for reading in seen.readings}
    # Where a text may ask for one thing or another (none does), the bound is told neither.
    asked = next(iter(named)) if len(named) == 1 else None
    ways = cases(shown.present, shown.places, model.params.synergy)
    told = [
        weigh(model, ways, other.readings, other.values)
        @ np.stack([model.labels_of(case.present, question) for case in ways])
        for other, question in ((Evidence([], {}), None), (seen, asked))
    ]
    return dict(zip(BOUNDS, told, strict=True))


def _over_readings(
    model: Generator, readings: Sequence[Reading], signs: tuple[Floats, Belief] | None = None
) -> Floats:
    """Average over every reading of a text; ``signs``: states weighed by them, and their belief."""
    cases = [_case(model, reading, signs) for reading in readings]
    weights, labels = zip(*cases, strict=True)
    return np.asarray(np.average(labels, axis=0, weights=weights))


def _case(
    model: Generator, reading: Reading, signs: tuple[Floats, Belief] | None
) -> tuple[float, Floats]:
    """Compute the probability of one reading with the vital signs, and of each label then."""
    told, text = model.params.text_informativeness, model.by_text(reading)
    cases: list[tuple[float, Belief]] = [
        (told * text.evidence, text),
        ((1 - told) * text.evidence, model.prior),
    ]
    if signs is not None:
        sure, (states, vitals) = model.params.vitals_informativeness, signs
        both = model.by_both(reading, states)
        apart = text.evidence * vitals.evidence  # the two are about different studies
        cases = [
            (told * sure * both.evidence, both),
            (told * (1 - sure) * apart, text),
            ((1 - told) * sure * apart, vitals),
            ((1 - told) * (1 - sure) * apart, model.prior),
        ]
    labels = [model.labels(belief, reading.named) for _, belief in cases]
    weights = [weight for weight, _ in cases]
    return sum(weights), np.asarray(np.average(labels, axis=0, weights=weights))
