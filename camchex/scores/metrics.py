"""Average precision and AUROC: per class, and their mean over the classes that have both sides."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camchex.aggregates.small_cells import is_small_class
from camchex.scores.ranking import rank

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClassScore:
    """How well one class is ranked.

    Attributes:
        ap: Average precision (step-wise); None without a positive or without a negative.
        auroc: Area under the ROC curve (trapezoid); None in the same cases.
        positives: Studies, not weighted.
        negatives: Studies, not weighted.
    """

    ap: float | None
    auroc: float | None
    positives: int
    negatives: int

    @property
    def prevalence(self) -> float:
        """Share of positives among the known: the average precision of chance."""
        return self.positives / max(self.positives + self.negatives, 1)

    def is_small(self, min_cell: int) -> bool:
        """Whether so few studies are positive, or negative, that they are not shown alone."""
        return is_small_class(self.positives, self.negatives, min_cell)

    def may_be_shown(self, min_cell: int) -> bool:
        """Whether the class has a score, and enough positives and negatives to show it alone."""
        return self.ap is not None and not self.is_small(min_cell)


@dataclass(frozen=True)
class MacroScore:
    """Unweighted mean over the classes that could be scored; None if none could."""

    ap: float | None
    auroc: float | None
    classes: int


def score_class(
    labels: Floats, probabilities: Floats, weights: NDArray[np.int64] | None = None
) -> ClassScore:
    """Score one class.

    Args:
        labels: 1, 0, or NaN where unknown, which is left out, (N,).
        probabilities: Any score that ranks, (N,).
        weights: How often each study counts, (N,): its images, for the score per image.

    Source: docs/method.md, section 9 (step-wise AP, trapezoid AUROC, undefined classes left out).
    """
    known = ~np.isnan(labels)
    truth, guess = labels[known], probabilities[known]
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return ClassScore(None, None, positives, negatives)
    ranking = rank(truth, guess)
    times = np.ones(len(truth), np.int64) if weights is None else weights[known]
    ap, auroc = (float(score[0]) for score in ranking.scores(times[ranking.order][None]))
    scored = not np.isnan(ap)  # not where every positive, or every negative, weighs nothing
    return ClassScore(ap if scored else None, auroc if scored else None, positives, negatives)


def score_classes(
    labels: Floats,
    probabilities: Floats,
    classes: Sequence[str],
    weights: NDArray[np.int64] | None = None,
) -> dict[str, ClassScore]:
    """Score every class on its own.

    Args:
        labels: 1, 0, or NaN where unknown, (N, Q).
        probabilities: (N, Q).
        classes: The Q names.
        weights: How often each study counts, (N,); None: once.
    """
    columns = zip(classes, labels.T, probabilities.T, strict=True)
    return {name: score_class(truth, guess, weights) for name, truth, guess in columns}


def macro(scores: Iterable[ClassScore]) -> MacroScore:
    """Average classes, each with the same weight, leaving out those without a score."""
    scored = [s for s in scores if s.ap is not None and s.auroc is not None]
    if not scored:
        return MacroScore(None, None, 0)
    ap = float(np.mean([s.ap for s in scored]))
    return MacroScore(ap, float(np.mean([s.auroc for s in scored])), len(scored))


def not_scored(scores: Mapping[str, ClassScore]) -> list[str]:
    """Names of the classes without a positive or without a negative."""
    return [name for name, score in scores.items() if score.ap is None]
