"""How far a score would move with other patients: resampling patients, exactly and fast.

A patient's studies come and go together, so whole patients are drawn, with replacement. A resample
is then no new table but how often each patient counts, and a score of it is the weighted score.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from camchex.scores.ranking import Floats, Ranking, rank

Counts = NDArray[np.uint8]
CELLS = 700_000  # rows times resamples at a time: their running sums stay in the cache
HALF = 0.5


@dataclass(frozen=True)
class Draws:
    """Patients drawn with replacement, as many as there are, R times.

    Two models are compared on the same draws.

    Attributes:
        counts: How often each of the U patients was drawn, (R, U).
        patient: Which of them each row belongs to, (N,).
    """

    counts: Counts
    patient: NDArray[np.intp]

    def rows(self, kept: NDArray[np.bool_]) -> "Draws":
        """The same draws for some of the rows."""
        return Draws(self.counts, self.patient[kept])


@dataclass(frozen=True)
class Resampled:
    """Scores of every class in every resample.

    Attributes:
        ap: (R, Q); NaN where a resample has no positive, or no negative, of the class.
        auroc: (R, Q), NaN in the same places.
    """

    ap: Floats
    auroc: Floats

    def minus(self, other: "Resampled") -> "Resampled":
        """The difference in each resample, which must be of the same draws."""
        return Resampled(self.ap - other.ap, self.auroc - other.auroc)


@dataclass(frozen=True)
class Interval:
    """Bounds of a score."""

    low: float
    high: float


def draw_patients(patients: Sequence[str], resamples: int, seed: int) -> Draws:
    """Draw as many patients as there are, with replacement, for every resample.

    Args:
        patients: Of each row, (N,).
        resamples: R.
        seed: The same seed and patients give the same draws.
    """
    names, patient = np.unique(np.asarray(patients), return_inverse=True)
    random = np.random.default_rng(seed)
    total = len(names)
    counts = np.empty((resamples, total), np.uint8)  # 256 times the same one: never
    for row in counts:
        row[:] = np.bincount(random.integers(0, total, total), minlength=total)
    return Draws(counts, patient.astype(np.intp))


def bootstrap(
    labels: Floats,
    scores: Floats,
    draws: Draws,
    times: NDArray[np.int64] | None = None,
    workers: int = 1,
) -> Resampled:
    """Score every class in every resample.

    Args:
        labels: 1, 0, or NaN where unknown, (N, Q).
        scores: (N, Q).
        draws: Of the patients of these rows.
        times: How often a row counts besides, (N,): its images, for the score per image.
        workers: Threads. They change the time, never a score.

    Raises:
        DataError: If a label is none, or a score is NaN.
    """
    rankings = [rank(truth, guess) for truth, guess in zip(labels.T, scores.T, strict=True)]
    blocks = _blocks(len(draws.counts), len(labels))
    tasks = [
        partial(_class_scores, ranking, draws, times, block)
        for ranking in rankings
        for block in blocks
    ]
    with ThreadPoolExecutor(max(workers, 1)) as pool:  # NumPy lets go of the lock as it sums
        parts = list(pool.map(_run, tasks))
    # Tasks are class by class, and block by block within each.
    shape = (labels.shape[1], len(draws.counts))
    none = np.empty(0)  # where there is no class
    ap = np.concatenate([none, *(part[0] for part in parts)]).reshape(shape).T
    return Resampled(ap, np.concatenate([none, *(part[1] for part in parts)]).reshape(shape).T)


def _blocks(resamples: int, rows: int) -> list[slice]:
    size = max(CELLS // max(rows, 1), 1)
    return [slice(start, start + size) for start in range(0, resamples, size)]


def _run(task: Callable[[], tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    return task()


def _class_scores(
    ranking: Ranking, draws: Draws, times: NDArray[np.int64] | None, block: slice
) -> tuple[Floats, Floats]:
    weights = np.take(draws.counts[block], draws.patient[ranking.order], axis=1)
    if times is None:
        return ranking.scores(weights)
    return ranking.scores(weights.astype(np.int32) * times[ranking.order].astype(np.int32))


def mean_over(values: Floats, columns: Sequence[int] | None = None) -> Floats:
    """Macro mean of every resample, (R,), over the classes that it can score.

    Args:
        values: (R, Q).
        columns: Which classes; None: all.
    """
    chosen = values if columns is None else values[:, list(columns)]
    scored = ~np.isnan(chosen)
    count = scored.sum(axis=1)
    total = np.where(scored, chosen, 0).sum(axis=1)
    mean: Floats = np.full(len(chosen), np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean


def interval(values: ArrayLike, level: float, score: float) -> Interval | None:
    """Interval of a score from the resamples that have one.

    A resample repeats positives, which lifts its average precision, and most where they are few:
    its scores lie above the score by about as much as that lies above the truth. So the percentile
    interval is moved by twice the difference. Where it would then leave out the score itself, it
    is widened to it. For the mean over ten classes with 20 positives each in 400 studies, 95 %
    percentile intervals held the truth in 39 % of 400 drawn test sets, moved ones in 90 %.

    Args:
        values: Of each resample, NaN where it has none, (R,).
        level: Share of the resamples within an interval (0.95).
        score: The score of the studies themselves.

    Returns:
        The interval; None if fewer than half of the resamples have a score.

    Source: Efron and Tibshirani 1993, chapters 10 and 13 (bias of the bootstrap; percentiles). BCa
    would need the score without each of the 13,000 patients, and moves by less.
    """
    found = np.asarray(values, np.float64)
    known = found[~np.isnan(found)]
    if len(known) < max(HALF * len(found), 1) or np.isnan(score):
        return None
    bias = known.mean() - score
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2]) - 2 * bias
    return Interval(min(float(low), score), max(float(high), score))


def bounds(values: Floats, level: float, score: float | None) -> list[float] | None:
    """The same as low and high, as results are written; none without a score.

    Args:
        values: Of each resample, (R,).
        level: Share of the resamples within an interval.
        score: Between 0 and 1, and so are the bounds.
    """
    found = None if score is None else interval(values, level, score)
    return None if found is None else [max(found.low, 0.0), min(found.high, 1.0)]
