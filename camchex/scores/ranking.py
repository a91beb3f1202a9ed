"""One class in order of its scores: average precision and AUROC under any weights of the rows.

The order is found once; what a resample of the patients changes is only how often each row counts.
Then both scores need the weights summed down the order, and only at the ties that hold a positive:
the step-wise average precision sums over positives, and the AUROC over the negatives below each.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from camchex.errors import DataError

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Weights = NDArray[Any]  # integers of any size, or floats
INT64 = 8  # bytes: smaller integers are summed in 32 bits, which is twice as fast


@dataclass(frozen=True)
class Ranking:
    """The M rows of a class whose label is known, highest score first.

    Rows of one score are tied; K groups of tied rows hold a positive.

    Attributes:
        order: Row numbers by falling score, (M,).
        positive: Places in ``order`` that hold a positive, (P,).
        last: Place in ``positive`` of the last positive of each group, (K,).
        starts: Place in ``order`` where each group starts, (K,).
        ends: Place in ``order`` where each group ends, inclusive, (K,).
        mixed: Numbers of the groups that hold a negative as well.
    """

    order: Places
    positive: Places
    last: Places
    starts: Places
    ends: Places
    mixed: Places

    def scores(self, weights: Weights) -> tuple[Floats, Floats]:
        """Average precision and AUROC under each of R weightings.

        The weights, (R, M), are those of the known rows in the order of ``order``, and not
        negative; integers are summed exactly.

        Returns:
            Two arrays (R,), equal to scikit-learn's; NaN where no positive or no negative counts.

        Source: docs/method.md, section 9 (step-wise average precision, trapezoid AUROC).
        """
        nothing = np.full(len(weights), np.nan)
        if not len(self.positive) or len(self.positive) == len(self.order):
            return nothing, nothing.copy()
        exact = np.int32 if weights.dtype.itemsize < INT64 else np.int64
        kind = exact if np.issubdtype(weights.dtype, np.integer) else np.float64
        total: Weights = np.cumsum(weights, axis=1, dtype=kind)
        hits = np.cumsum(np.take(weights, self.positive, axis=1), axis=1, dtype=kind)
        found: Weights = np.take(hits, self.last, axis=1)  # (R, K), as all that follow
        above: Weights = np.take(total, self.ends, axis=1)
        new = np.diff(found, axis=1, prepend=0).astype(np.float64)
        # A group that no resampled row belongs to may have nothing above it either: 0, not 0 / 0.
        precision = np.divide(found, above, out=np.zeros(found.shape), where=above > 0)
        false: Floats = np.subtract(above, found, dtype=np.float64)
        starts = self.starts[self.mixed]
        before = np.where(starts > 0, np.take(total, starts - 1, axis=1), 0)
        tied_negatives: Floats = above[:, self.mixed] - before - new[:, self.mixed]
        false[:, self.mixed] -= tied_negatives / 2
        positives = found[:, -1].astype(np.float64)
        negatives = total[:, -1] - positives
        defined = (positives > 0) & (negatives > 0)
        hit = np.einsum("rk,rk->r", new, precision)
        ranked = np.einsum("rk,rk->r", new, negatives[:, None] - false)
        return (
            np.divide(hit, positives, out=nothing.copy(), where=defined),
            np.divide(ranked, positives * negatives, out=nothing, where=defined),
        )


def rank(labels: ArrayLike, scores: ArrayLike) -> Ranking:
    """Put the rows of one class in order: labels 1, 0, or NaN where unknown, and scores, (N,).

    Raises:
        DataError: If the two have other lengths, a label is something else, or a score is NaN.
    """
    truth, guess = np.asarray(labels, np.float64), np.asarray(scores, np.float64)
    if truth.ndim != 1 or truth.shape != guess.shape:
        raise DataError(f"labels {truth.shape} and scores {guess.shape}: expected (N,), both.")
    known = np.flatnonzero(~np.isnan(truth))
    for what, values, good, expected in (
        ("label", truth[known], np.isin(truth[known], (0, 1)), "1, 0 or NaN"),
        ("score", guess[known], ~np.isnan(guess[known]), "a number"),
    ):
        if not good.all():
            row = int(np.argmin(good))
            raise DataError(
                f"{what} {values[row]} (row {row} of the known): expected {expected}. Labels come "
                "first, then scores."
            )
    order = known[np.argsort(-guess[known], kind="stable")]
    falling = guess[order]
    changes = np.flatnonzero(falling[1:] != falling[:-1])
    ends = np.append(changes, max(len(order) - 1, 0))
    positive = np.flatnonzero(truth[order] == 1)
    group = np.searchsorted(ends, positive)
    last = np.flatnonzero(np.append(group[1:] != group[:-1], True)[: len(group)])
    held = group[last]
    starts = np.append(0, ends[:-1] + 1)
    starts, ends = starts[held], ends[held]
    mixed = np.flatnonzero(ends - starts + 1 > np.diff(last, prepend=-1))
    return Ranking(order, positive, last, starts, ends, mixed)
