"""Average precision and AUROC: per class, and averaged over classes.

Both are equal to scikit-learn's, but a class that cannot be scored is named and left out of every
mean; scikit-learn gives an average precision of 0 for a class without positives.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from camchex.aggregates.small_cells import is_small_class
from camchex.errors import DataError
from camchex.scores.ranking import Ranking, Weights, rank

Floats = NDArray[np.float64]
Metric = Literal["ap", "auroc"]
METRICS: tuple[Metric, ...] = get_args(Metric)


@dataclass(frozen=True)
class ClassScore:
    """How well one class is ranked; without a positive or a negative it has no scores (None)."""

    ap: float | None  # average precision, step-wise
    auroc: float | None  # area under the ROC curve, by trapezoids
    positives: int  # studies, not weighted
    negatives: int  # studies, not weighted
    corrected_ap: float | None = None  # average precision less what is owed to few positives

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


@dataclass(frozen=True)
class ByClass:
    """One score for every class; as an array (``np.asarray``), NaN where a class has none."""

    scores: dict[str, float | None]  # by name; None where a class has no positive, or no negative
    support: dict[str, float]  # weight of the positives: their number, without weights
    micro: float | None  # score of all labels at once, as if of one class; None if it has none

    @property
    def left_out(self) -> tuple[str, ...]:
        """The classes that could not be scored, which no mean includes."""
        return tuple(name for name, score in self.scores.items() if score is None)

    @property
    def macro(self) -> float | None:
        """Mean over the classes with a score, each with the same weight."""
        return self._mean([1.0] * len(self.scores))

    @property
    def weighted(self) -> float | None:
        """Mean over the classes with a score, each by its support."""
        return self._mean(list(self.support.values()))

    def _mean(self, weights: Sequence[float]) -> float | None:
        scores = np.asarray(self)
        at = np.flatnonzero(~np.isnan(scores))
        return float(np.average(scores[at], weights=np.take(weights, at))) if len(at) else None

    def __array__(self, dtype: type | None = None, *, copy: bool | None = None) -> Floats:
        values = [np.nan if score is None else score for score in self.scores.values()]
        return np.array(values, dtype or np.float64)


def average_precision(
    labels: ArrayLike,
    scores: ArrayLike,
    weights: ArrayLike | None = None,
    classes: Sequence[str] | None = None,
) -> float | ByClass | None:
    """Step-wise average precision, of one class or of several.

    Args:
        labels: 1, 0, or NaN where unknown, which is left out, (N,) or (N, Q).
        scores: Numbers that rank, of the same shape.
        weights: Weights of the rows, not negative, (N,); None: each row once.
        classes: The Q names; None: ``class 0``, ``class 1``, ...

    Returns:
        For (N,) the score, None without a positive or without a negative. For (N, Q) the score of
        every class, and their means.

    Raises:
        DataError: If the shapes do not agree, or a value is none that is expected.

    Source: scikit-learn, ``average_precision_score``; docs/method.md, section 9.
    """
    return _score(labels, scores, weights, classes, "ap")


def roc_auc(
    labels: ArrayLike,
    scores: ArrayLike,
    weights: ArrayLike | None = None,
    classes: Sequence[str] | None = None,
) -> float | ByClass | None:
    """Area under the ROC curve; arguments, result and errors as of :func:`average_precision`.

    Source: scikit-learn, ``roc_auc_score``; docs/method.md, section 9.
    """
    return _score(labels, scores, weights, classes, "auroc")


def _score(
    labels: ArrayLike,
    scores: ArrayLike,
    weights: ArrayLike | None,
    classes: Sequence[str] | None,
    metric: Metric,
) -> float | ByClass | None:
    truth, guess = np.asarray(labels, np.float64), np.asarray(scores, np.float64)
    if truth.shape != guess.shape or truth.ndim not in (1, 2):
        raise DataError(f"labels {truth.shape}, scores {guess.shape}: expected (N,) or (N, Q).")
    times = np.ones(len(truth), np.int64) if weights is None else np.asarray(weights)
    if times.shape != truth.shape[:1] or not (times >= 0).all():
        raise DataError(f"weights {times.shape}: expected ({len(truth)},), none of them negative.")
    if truth.ndim == 1:
        found: float | None = getattr(score_class(truth, guess, times), metric)
        return found
    names = [f"class {i}" for i in range(truth.shape[1])] if classes is None else list(classes)
    if len(names) != truth.shape[1]:
        raise DataError(f"{len(names)} names of classes for {truth.shape[1]} columns")
    return by_class(truth, guess, names, times)[metric]


def by_class(
    labels: Floats, scores: Floats, classes: Sequence[str], weights: Weights
) -> dict[Metric, ByClass]:
    """Both metrics of every class and of all labels together; arguments as ``score_classes``."""
    each = score_classes(labels, scores, classes, weights)
    pooled = score_class(labels.ravel(), scores.ravel(), np.repeat(weights, len(classes)))
    support = {n: float(weights[y == 1].sum()) for n, y in zip(classes, labels.T, strict=True)}
    return {
        key: ByClass({n: getattr(s, key) for n, s in each.items()}, support, getattr(pooled, key))
        for key in METRICS
    }


def score_class(
    labels: Floats, probabilities: Floats, weights: Weights | None = None
) -> ClassScore:
    """Score one class; the arguments are one column of those of :func:`score_classes`.

    Source: docs/method.md, section 9 (step-wise AP, trapezoid AUROC, undefined classes left out).
    """
    ranking = rank(labels, probabilities)
    times = np.ones(len(labels), np.int64) if weights is None else weights
    return score_ranking(ranking, times, times[ranking.positive])


def score_ranking(ranking: Ranking, weights: Weights, own: Weights) -> ClassScore:
    """Score one class in order, under weights of its units, (U,), and of each positive, (P,)."""
    ap, auroc = (float(score[0]) for score in ranking.scores(weights[:, None]))
    positives = len(ranking.positive)
    counts = positives, ranking.known - positives
    if np.isnan(ap):  # all positives, or all negatives, are missing or weigh nothing
        return ClassScore(None, None, *counts)
    return ClassScore(ap, auroc, *counts, ranking.precision_of_others(weights, own))


def score_classes(
    labels: Floats,
    probabilities: Floats,
    classes: Sequence[str],
    weights: Weights | None = None,
) -> dict[str, ClassScore]:
    """Score each of the Q classes on its own.

    Args:
        labels: 1, 0, or NaN where unknown, which is left out, (N, Q).
        probabilities: Numbers that rank, (N, Q).
        classes: The Q names.
        weights: How often each study counts, (N,): its images, for the score per image; None: once.
    """
    columns = zip(classes, labels.T, probabilities.T, strict=True)
    return {name: score_class(truth, guess, weights) for name, truth, guess in columns}


def macro(scores: Iterable[ClassScore]) -> MacroScore:
    """Average classes, each with the same weight, leaving out those without a score."""
    scored = [s for s in scores if s.ap is not None and s.auroc is not None]
    if not scored:
        return MacroScore(None, None, 0)
    ap, auroc = (float(np.mean([getattr(s, key) for s in scored])) for key in METRICS)
    return MacroScore(ap, auroc, len(scored))


def optimism(scores: Iterable[ClassScore]) -> float | None:
    """How far the mean average precision lies above the corrected one; None if none was scored."""
    both = [
        (s.ap, s.corrected_ap) for s in scores if s.ap is not None and s.corrected_ap is not None
    ]
    return float(np.mean([ap - corrected for ap, corrected in both])) if both else None


def not_scored(scores: Mapping[str, ClassScore]) -> list[str]:
    """Names of the classes without a positive or without a negative."""
    return [name for name, score in scores.items() if score.ap is None]
