"""The best observers of a study: what each set of modalities says of its published labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camchex.errors import DataError
from camchex.synthetic.ceiling.events import Reading, read_events
from camchex.synthetic.ceiling.posterior import Belief, Floats, Generator
from camchex.synthetic.ceiling.vital_signs import read_vital_signs

EXACT = ("indication", "vitals", "indication+vitals")
BOUNDS = ("images", "images+indication+vitals")


@dataclass(frozen=True)
class Evidence:
    """What may be seen of one study.

    Attributes:
        readings: Of the indication; empty without one.
        values: Vital signs by their column in MIMIC-IV-ED; empty without any.
    """

    readings: Sequence[Reading]
    values: Mapping[str, float]


def read_evidence(indication: str | None, vitals_text: str) -> Evidence:
    """Read what a model reads: the columns of ``schemas.cohort``."""
    readings = read_events(indication) if indication else []
    return Evidence(readings, read_vital_signs(vitals_text))


def posteriors(model: Generator, seen: Evidence) -> dict[str, Floats]:
    """Probability of each published label given each of ``EXACT``.

    Args:
        model: That wrote the study.
        seen: All of it; each set of modalities is shown its part.

    Returns:
        (Q) in the order of CXR-LT 2023, by set.

    Raises:
        DataError: If the generator cannot write these vital signs.
    """
    text = signs = both = model.prior_labels
    weighed = None
    if seen.values:
        weighed = _Weighed(model, seen.values)
        told = model.params.vitals_informativeness
        own = model.labels_unseen(weighed.belief, weighed.states)
        signs = both = told * own + (1 - told) * model.prior_labels
    if seen.readings:
        text = _over_readings(model, seen.readings, None)
        both = text if weighed is None else _over_readings(model, seen.readings, weighed)
    return dict(zip(EXACT, (text, signs, both), strict=True))


def bounds(
    model: Generator, seen: Evidence, present: NDArray[np.bool_], exact: Mapping[str, Floats]
) -> dict[str, Floats]:
    """Probability of each published label for an observer who is told what was drawn.

    Images that show no sign (``signal`` 0) tell nothing.

    Args:
        model: That wrote the study.
        seen: The rest of it.
        present: (F) findings whose signs were drawn.
        exact: What :func:`posteriors` returned.

    Returns:
        (Q) in the order of CXR-LT 2023, for each of ``BOUNDS``.
    """
    if not model.params.signal:
        return dict(zip(BOUNDS, (model.prior_labels, exact["indication+vitals"]), strict=True))
    named = {reading.named for reading in seen.readings}
    # Where a text may ask for one thing or another (none does), the bound is told neither.
    asked = next(iter(named)) if len(named) == 1 else None
    told = (model.labels_of(present, None), model.labels_of(present, asked))
    return dict(zip(BOUNDS, told, strict=True))


class _Weighed:
    """What the vital signs of one study say of the study that they are about."""

    def __init__(self, model: Generator, values: Mapping[str, float]) -> None:
        self.states = model.states * model.signs.likelihood(values)
        if not self.states.any():
            raise DataError(f"vital signs {dict(values)}: the generator does not write these.")
        self.belief = model.by_signs(self.states)


def _over_readings(
    model: Generator, readings: Sequence[Reading], weighed: _Weighed | None
) -> Floats:
    cases = [_case(model, reading, weighed) for reading in readings]
    weights, labels = zip(*cases, strict=True)
    return np.asarray(np.average(labels, axis=0, weights=weights))


def _case(model: Generator, reading: Reading, weighed: _Weighed | None) -> tuple[float, Floats]:
    """Probability of one reading with the signs, and of each label then."""
    told, text = model.params.text_informativeness, model.by_text(reading)
    cases: list[tuple[float, Belief]] = [
        (told * text.evidence, text),
        ((1 - told) * text.evidence, model.prior),
    ]
    if weighed is not None:
        sure, signs = model.params.vitals_informativeness, weighed.belief
        both = model.by_both(reading, weighed.states)
        apart = text.evidence * signs.evidence  # the two are about different studies
        cases = [
            (told * sure * both.evidence, both),
            (told * (1 - sure) * apart, text),
            ((1 - told) * sure * apart, signs),
            ((1 - told) * (1 - sure) * apart, model.prior),
        ]
    labels = [model.labels(belief, reading.named) for _, belief in cases]
    weights = [weight for weight, _ in cases]
    return sum(weights), np.asarray(np.average(labels, axis=0, weights=weights))
