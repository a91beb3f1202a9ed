"""One class in order of its scores: average precision and AUROC under any weights of the rows.

The order is found once. What a resample of the patients changes is only how often each of them
counts, and both scores need no more than the weights summed between one positive and the next: a
sparse matrix times the weights of all resamples at once.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from camchex.errors import DataError

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Weights = NDArray[Any]  # integers of any size, or floats
TINY = 1e-300  # as good as 0, but can divide


@dataclass(frozen=True)
class Ranking:
    """The M rows of a class whose label is known, highest score first.

    Rows of one score are tied; K groups of tied rows hold a positive, T of them a negative as well.

    Attributes:
        positive: Numbers of the rows that are positive, in this order, (P,).
        group: Number of the group of each positive, (P,).
        mixed: Numbers of the groups that hold a negative as well, (T,).
        known: How many rows have a known label, M.
        sums: What adds up the weights of U units (patients, or the rows themselves), (2K + 1 + T,
            U): of the rows from one group's end to the next and after the last, of each group's
            positives, and of the negatives of each mixed group.
    """

    positive: Places
    group: Places
    mixed: Places
    known: int
    sums: csr_array

    def scores(self, weights: Weights) -> tuple[Floats, Floats]:
        """Average precision and AUROC under each of R weightings.

        The weights, (U, R), are those of the units, and not negative; integers are summed exactly.

        Returns:
            Two arrays (R,), equal to scikit-learn's; NaN where no positive or no negative counts.

        Source: docs/method.md, section 9 (step-wise average precision, trapezoid AUROC).
        """
        nothing = np.full(weights.shape[1], np.nan)
        if not self._has_both():
            return nothing, nothing.copy()
        new, found, above, rest, tied = self._added(weights)
        # A group that no resampled row belongs to may have nothing above it either: 0, not 0 / 0.
        precision = np.divide(found, np.maximum(above, TINY))
        hit, reached, hits = (
            np.einsum("rk,rk->r", new, part) for part in (precision, above, found)
        )
        positives = found[:, -1]
        negatives = above[:, -1] + rest - positives
        defined = (positives > 0) & (negatives > 0)
        half = np.einsum("rk,rk->r", new[:, self.mixed], tied) / 2
        ranked = positives * negatives - (reached - hits) + half
        return (
            np.divide(hit, positives, out=nothing.copy(), where=defined),
            np.divide(ranked, positives * negatives, out=nothing, where=defined),
        )

    def precision_of_others(self, weights: Weights) -> float:
        """Average precision as endlessly many rows would have it: no positive finds itself.

        Average precision counts each positive among those at or above it, so that the only positive
        among N rows that say nothing gets 1 / rank, on average far above 1 / N. Here a positive
        counts the others alone, as if these were as many as all positives. Of P positives and F
        negatives above it, P / (P + F) is right on average if they are independent, but for the
        first positive without a negative above it: that takes the precision of the next.

        The weights, (N,), are those of the rows, each its own unit; the class has both sides.
        """
        new, found, above = (part[0] for part in self._added(weights[:, None])[:3])
        own = np.asarray(weights[self.positive], np.float64)
        others = new.sum() - own
        before = np.maximum(found[self.group] - own, 0)
        scaled = before * np.divide(new.sum(), others, out=np.zeros(len(own)), where=others > 0)
        reached = scaled + (above - found)[self.group]
        precision = np.divide(scaled, reached, out=np.full(len(own), np.nan), where=reached > 0)
        told = precision[~np.isnan(precision)]
        first = told[0] if len(told) else 1.0
        return float(np.average(np.nan_to_num(precision, nan=first), weights=own))

    def influence(self) -> tuple[Floats, Floats]:
        """How fast average precision and AUROC change with the weight of each unit, two (U,).

        Every weight is 1, and the class has both sides. The sum of squares over units that come and
        go together (patients) is the variance of the score, which a bootstrap has in the limit.

        Source: Efron 1982, chapter 6 (infinitesimal jackknife); of AUROC, Obuchowski 1997 is alike.
        """
        units = np.ones((self.sums.shape[1], 1))
        new, found, above, rest, tied = (part[0] for part in self._added(units))
        positives, total = found[-1], above[-1] + rest
        negatives = total - positives

        def from_here(values: Floats) -> Floats:
            return np.cumsum(values[::-1])[::-1]  # what a row adds to every group at or below it

        precision, after = found / above, from_here(new)
        ap = new @ precision / positives
        hit = (precision - ap + from_here(new / above)) / positives
        row = -from_here(new * precision / above) / positives
        of_ap = np.concatenate([row, [0], hit, np.zeros(len(tied))])
        half = np.zeros(len(new))
        half[self.mixed] = tied / 2
        pairs = positives * negatives
        auroc = 1 - (new @ (above - found - half)) / pairs
        hit = negatives - positives - above + found + half + after
        hit = hit / pairs - auroc * (1 / positives - 1 / negatives)
        row = np.append(positives - after, positives) / pairs - auroc / negatives
        of_auroc = np.concatenate([row, hit, new[self.mixed] / 2 / pairs])
        return self.sums.T @ of_ap, self.sums.T @ of_auroc

    def _has_both(self) -> bool:
        return 0 < len(self.positive) < self.known

    def _added(self, weights: Weights) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Weights of each group's positives, of those and all before, of all rows to its end; ...

        (R, K); of the rows after the last group, (R,); and of mixed groups' negatives, (R, T).
        """
        added: Floats = np.ascontiguousarray((self.sums @ weights).T)
        groups = (added.shape[1] - len(self.mixed)) // 2
        new = added[:, groups + 1 : 2 * groups + 1]
        found, above = np.cumsum(new, axis=1), np.cumsum(added[:, :groups], axis=1)
        return new, found, above, added[:, groups], added[:, 2 * groups + 1 :]


def rank(
    labels: ArrayLike,
    scores: ArrayLike,
    unit: Places | None = None,
    times: Weights | None = None,
) -> Ranking:
    """Put the rows of one class in order: labels 1, 0, or NaN where unknown, and scores, (N,).

    ``unit``, (N,), is the number of the unit whose weight each row gets, None: each row is its own.
    ``times``, (N,), is how often a row counts besides.

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
    ends = np.append(np.flatnonzero(falling[1:] != falling[:-1]), max(len(order) - 1, 0))
    is_positive = truth[order] == 1
    place = np.flatnonzero(is_positive)
    held, group = np.unique(np.searchsorted(ends, place), return_inverse=True)
    starts = np.append(0, ends[:-1] + 1)[held]
    ends = ends[held]
    mixed = np.flatnonzero(ends - starts + 1 > np.bincount(group, minlength=len(held)))
    inside = np.zeros(len(order) + 1, np.intp)
    inside[starts[mixed]] += 1
    inside[ends[mixed] + 1] -= 1
    tied = np.flatnonzero((np.cumsum(inside[:-1]) > 0) & ~is_positive)
    lengths = (
        np.diff(ends, prepend=-1),
        [len(order) - 1 - ends[-1] if len(ends) else len(order)],
        np.bincount(group, minlength=len(held)),
        np.diff(np.searchsorted(tied, ends[mixed], side="right"), prepend=0),
    )
    rows = order[np.concatenate([np.arange(len(order)), place, tied])]
    counted = np.ones(len(rows)) if times is None else np.asarray(times, np.float64)[rows]
    columns = rows if unit is None else unit[rows]
    pointers = np.append(0, np.cumsum(np.concatenate(lengths), dtype=np.intp))
    units = len(truth) if unit is None else int(unit.max(initial=-1)) + 1
    sums = csr_array((counted, columns, pointers), shape=(len(pointers) - 1, units))
    return Ranking(order[place], group, mixed, len(order), sums)
