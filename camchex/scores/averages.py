"""Average precision and AUROC of arrays, for use on their own: per class, and averaged.

Equal to scikit-learn's, but a class that cannot be scored is named and left out of every mean;
scikit-learn gives an average precision of 0 for a class without positives.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from camchex.errors import DataError
from camchex.scores.ranking import Floats, Weights, rank

AP, AUROC = 0, 1  # places in what Ranking.scores returns
MATRIX = 2  # dimensions


@dataclass(frozen=True)
class ByClass:
    """One score for every class.

    As an array (``np.asarray``) it is the scores, NaN where a class has none.

    Attributes:
        scores: By class name; None where the class has no positive, or no negative.
        support: Weight of the positives of each class: their number, without weights.
        micro: Score of all labels at once, as if of one class; None if it has none.
    """

    scores: dict[str, float | None]
    support: dict[str, float]
    micro: float | None

    @property
    def left_out(self) -> tuple[str, ...]:
        """The classes that could not be scored, which no mean includes."""
        return tuple(name for name, score in self.scores.items() if score is None)

    @property
    def macro(self) -> float | None:
        """Mean over the classes with a score, each with the same weight."""
        return self._mean(dict.fromkeys(self.scores, 1.0))

    @property
    def weighted(self) -> float | None:
        """Mean over the classes with a score, each by its support."""
        return self._mean(self.support)

    def _mean(self, weights: dict[str, float]) -> float | None:
        scored = {name: score for name, score in self.scores.items() if score is not None}
        if not scored:
            return None
        shares = [weights[name] for name in scored]
        return float(np.average(list(scored.values()), weights=shares))

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
        scores: Any numbers that rank, of the same shape.
        weights: Of the rows, not negative, (N,); None: once each.
        classes: The Q names; None: ``class 0``, ``class 1``, ...

    Returns:
        Of (N,): the score, None without a positive or without a negative. Of (N, Q): every class.

    Raises:
        DataError: If the shapes do not agree, or a value is none that is expected.

    Source: scikit-learn, ``average_precision_score``; docs/method.md, section 9.
    """
    return _score(labels, scores, weights, classes, AP)


def roc_auc(
    labels: ArrayLike,
    scores: ArrayLike,
    weights: ArrayLike | None = None,
    classes: Sequence[str] | None = None,
) -> float | ByClass | None:
    """Area under the ROC curve, of one class or of several.

    Args and returned values are those of :func:`average_precision`.

    Raises:
        DataError: If the shapes do not agree, or a value is none that is expected.

    Source: scikit-learn, ``roc_auc_score``; docs/method.md, section 9.
    """
    return _score(labels, scores, weights, classes, AUROC)


def by_class(
    labels: Floats,
    scores: Floats,
    weights: Weights | None = None,
    classes: Sequence[str] | None = None,
) -> tuple[ByClass, ByClass]:
    """Average precision and AUROC of every class; arguments as of :func:`average_precision`."""
    truth, guess, times = _checked(labels, scores, weights)
    both = (_each(truth, guess, times, classes, which) for which in (AP, AUROC))
    return next(both), next(both)


def _score(
    labels: ArrayLike,
    scores: ArrayLike,
    weights: ArrayLike | None,
    classes: Sequence[str] | None,
    which: int,
) -> float | ByClass | None:
    truth, guess, times = _checked(labels, scores, weights)
    if truth.ndim == 1:
        return _one(truth, guess, times, which)
    return _each(truth, guess, times, classes, which)


def _checked(
    labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None
) -> tuple[Floats, Floats, Weights]:
    truth, guess = np.asarray(labels, np.float64), np.asarray(scores, np.float64)
    if truth.shape != guess.shape or not 1 <= truth.ndim <= MATRIX:
        raise DataError(f"labels {truth.shape}, scores {guess.shape}: expected (N,) or (N, Q).")
    times = np.ones(len(truth), np.int64) if weights is None else np.asarray(weights)
    if times.shape != truth.shape[:1] or not (times >= 0).all():
        raise DataError(f"weights {times.shape}: expected ({len(truth)},), none of them negative.")
    return truth, guess, times


def _each(
    truth: Floats, guess: Floats, times: Weights, classes: Sequence[str] | None, which: int
) -> ByClass:
    names = [f"class {i}" for i in range(truth.shape[1])] if classes is None else list(classes)
    if len(names) != truth.shape[1]:
        raise DataError(f"{len(names)} names of classes for {truth.shape[1]} columns")
    columns = list(zip(names, truth.T, guess.T, strict=True))
    return ByClass(
        scores={name: _one(y, s, times, which) for name, y, s in columns},
        support={name: float(times[y == 1].sum()) for name, y, _ in columns},
        micro=_one(truth.ravel(), guess.ravel(), np.repeat(times, len(names)), which),
    )


def _one(truth: Floats, guess: Floats, times: Weights, which: int) -> float | None:
    ranking = rank(truth, guess)
    score = float(ranking.scores(times[ranking.order][None])[which][0])
    return None if np.isnan(score) else score
