"""Resampling of patients: how far a score would move with other patients, exactly and fast.

Whole patients are drawn, with replacement, since a patient's studies come and go together. A
resample is then no new table but how often each patient counts, and its score the weighted score.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from camchex.scores.ranking import Floats, Ranking, Weights, rank

CELLS = 700_000  # rows times resamples at a time: their running sums stay in the cache
HALF = 0.5


@dataclass(frozen=True)
class Draws:
    """Patients drawn with replacement, as many as there are, R times.

    Two models are compared on the same draws.

    Attributes:
        counts: How often each of the U patients was drawn, (R, U).
        patient: Number of the patient of each row, below U, (N,).
    """

    counts: NDArray[np.uint8]
    patient: NDArray[np.intp]

    def rows(self, kept: NDArray[np.bool_]) -> "Draws":
        """These draws for some of the rows, (N,) booleans."""
        return Draws(self.counts, self.patient[kept])


@dataclass(frozen=True)
class Resampled:
    """Scores of every class in every resample.

    Attributes:
        ap: Average precision, (R, Q); NaN where a resample has no positive, or no negative.
        auroc: AUROC, (R, Q), NaN in the same places.
    """

    ap: Floats
    auroc: Floats


def draw_patients(patients: Sequence[str], resamples: int, seed: int) -> Draws:
    """Draw as many patients as there are, with replacement, for every resample.

    Args:
        patients: Patient of each row, (N,).
        resamples: R.
        seed: Seed of the draws: equal seeds and patients give equal draws.
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
        scores: Numbers that rank, (N, Q).
        draws: Draws of the patients of these rows.
        times: How often a row counts besides, (N,): its images, for the score per image.
        workers: Threads. They change the time, never a score.

    Raises:
        DataError: If a label is none, or a score is NaN.
    """
    rankings = [rank(truth, guess) for truth, guess in zip(labels.T, scores.T, strict=True)]
    resamples, size = len(draws.counts), max(CELLS // max(len(labels), 1), 1)
    blocks = [slice(start, start + size) for start in range(0, resamples, size)]

    def score(task: tuple[Ranking, slice]) -> tuple[Floats, Floats]:
        ranking, block = task
        weights: Weights = np.take(draws.counts[block], draws.patient[ranking.order], axis=1)
        if times is not None:
            weights = weights.astype(np.int32) * times[ranking.order].astype(np.int32)
        return ranking.scores(weights)

    with ThreadPoolExecutor(max(workers, 1)) as pool:  # NumPy lets go of the lock as it sums
        parts = list(pool.map(score, product(rankings, blocks)))
    # Parts are class by class, and block by block within each.
    none = np.empty(0)  # where there is no class
    ap, auroc = (
        np.concatenate([none, *(part[which] for part in parts)]).reshape(len(rankings), resamples).T
        for which in (0, 1)
    )
    return Resampled(ap, auroc)


def seed_means(
    labels: Floats, seeds: Sequence[Floats], draws: Draws, workers: int = 1
) -> Resampled:
    """Mean over seeds of the scores of every class.

    Args:
        labels: 1, 0, or NaN where unknown, (N, Q).
        seeds: Probabilities of each seed, (N, Q).
        draws: Draws of the patients of these rows.
        workers: Threads.

    Returns:
        Scores (1 + R, Q): first those of the rows themselves, then those of every resample.
    """
    counts = np.vstack([np.ones((1, draws.counts.shape[1]), np.uint8), draws.counts])
    every = Draws(counts, draws.patient)
    found = [bootstrap(labels, scores, every, None, workers) for scores in seeds]
    ap, auroc = (np.mean([getattr(one, key) for one in found], axis=0) for key in ("ap", "auroc"))
    return Resampled(ap, auroc)


def mean_over(values: Floats, columns: Sequence[int] | None = None) -> Floats:
    """Macro mean of every resample, (R,), over the classes that the resample can score.

    Args:
        values: Scores, NaN where there is none, (R, Q).
        columns: Numbers of the classes; None: all.
    """
    chosen = values if columns is None else values[:, list(columns)]
    scored = ~np.isnan(chosen)
    count = scored.sum(axis=1)
    total = np.where(scored, chosen, 0).sum(axis=1)
    mean: Floats = np.full(len(chosen), np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean


def interval(values: ArrayLike, level: float, score: float | None) -> list[float] | None:
    """Low and high end of the interval of a number, from the resamples that have one.

    A resample repeats positives, which lifts its average precision, and most where they are few:
    its scores lie above the score by about as much as that lies above the truth. So the percentile
    interval is moved by twice the difference. Where it would then leave out the score itself, it
    is widened to it. For the mean over ten classes with 20 positives each in 400 studies, 95 %
    percentile intervals held the truth in 39 % of 400 drawn test sets, moved ones in 90 %.

    Args:
        values: The number in each resample, NaN where it has none, (R,).
        level: Share of the resamples within an interval (0.95).
        score: The number of the studies themselves.

    Returns:
        None without a score, or if fewer than half of the resamples have one.

    Source: Efron and Tibshirani 1993, chapters 10 and 13 (bias of the bootstrap; percentiles). BCa
    would need the score without each of the 13,000 patients, and moves by less.
    """
    found = np.asarray(values, np.float64)
    known = found[~np.isnan(found)]
    if score is None or np.isnan(score) or len(known) < max(HALF * len(found), 1):
        return None
    bias = known.mean() - score
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2]) - 2 * bias
    return [min(float(low), score), max(float(high), score)]


def score_interval(values: ArrayLike, level: float, score: float | None) -> list[float] | None:
    """:func:`interval` of a score between 0 and 1, between 0 and 1 itself."""
    found = interval(values, level, score)
    return None if found is None else [max(found[0], 0.0), min(found[1], 1.0)]
