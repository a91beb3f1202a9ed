"""One class in order of its scores: average precision and AUROC under any weights of the rows.

The order is found once. What a resample of the patients changes is only how often each of them
counts, and both scores need no more than the weights summed between one positive and the next: a
sparse matrix times the weights of all resamples at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, vstack

from camchex.errors import DataError

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Weights = NDArray[Any]  # integers of any size, or floats
TINY = 1e-300  # as good as 0, but can divide
SEGMENTS = 256  # of the groups, of which one step at a time stays in the cache


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

    def scores(self, weights: Weights) -> Floats:
        """Average precision and AUROC under each of R weightings.

        The weights, (U, R), are those of the units, and not negative.

        Returns:
            Two rows, (2, R), equal to scikit-learn's; NaN where no positive or no negative counts.

        Source: docs/method.md, section 9 (step-wise average precision, trapezoid AUROC).
        """
        nothing: Floats = np.full((2, weights.shape[1]), np.nan)
        if not self._has_both():
            return nothing
        new, found, above, rest, tied = self._added(weights)
        # A group that no weighted row belongs to may have nothing above it either: 0, not 0 / 0.
        hit = np.einsum("rk,rk->r", new, found / np.maximum(above, TINY))
        below = np.einsum("rk,rk->r", new, above - found)
        half = np.einsum("rk,rk->r", new[:, self.mixed], tied) / 2
        return _scored(hit, below - half, found[:, -1], above[:, -1] - found[:, -1] + rest)

    def resampled(self, blocks: Sequence[Weights], *, ap: bool = True) -> Floats:
        """:meth:`scores` under many weightings, (2, R), in a third of the time.

        Integers, (U, some of R) a block, that hold the weights of all rows added up. AUROC is the
        same to the last bit, average precision but for rounding; that is NaN if it is not asked
        for, which takes two thirds of the time.

        A running sum waits for each addition. So the groups are cut into segments, whose running
        sums are added up side by side: step by step, first groups first.
        """
        if not (blocks and self._has_both()):
            return np.full((2, sum(block.shape[1] for block in blocks)), np.nan)
        kind, groups = blocks[0].dtype, (self.sums.shape[0] - 1 - len(self.mixed)) // 2
        size = min(SEGMENTS, groups)
        steps = -(-groups // size)
        # The numbers of the groups, step by step, and behind the last group an empty row.
        number = np.arange(steps * size).reshape(size, steps).T.ravel()
        empty = self.sums.shape[0]
        rows = [np.where(number < groups, number + first, empty) for first in (0, groups + 1)]
        rows.append(np.array([groups, *range(2 * groups + 1, empty)]))
        nothing = csr_array((1, self.sums.shape[1]), dtype=kind)
        negatives = self.sums[:groups] - self.sums[groups + 1 : 2 * groups + 1]
        sums = vstack([negatives, self.sums[groups:], nothing], "csr", kind)[np.concatenate(rows)]
        mixed = self.mixed % steps * size + self.mixed // steps
        return np.concatenate(
            [_in_segments(sums @ block, steps, size, mixed, ap=ap) for block in blocks], axis=1
        )

    def precision_of_others(self, weights: Weights, own: Weights) -> float:
        """Average precision as endlessly many rows would have it: no positive finds itself.

        Average precision counts each positive among those at or above it, so that the only positive
        among N rows that say nothing gets 1 / rank, on average far above 1 / N. Here a positive
        counts the others alone, as if these were as many as all positives. Of P positives and F
        negatives above it, P / (P + F) is right on average if they are independent, but for the
        first positive without a negative above it: that takes the precision of the next.

        The weights, (U,), are those of the units; ``own``, (P,), of each positive by itself. The
        class has both sides.
        """
        new, found, above = (part[0] for part in self._added(weights[:, None])[:3])
        own = np.asarray(own, np.float64)
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
        ap = np.einsum("k,k->", new, precision) / positives
        hit = (precision - ap + from_here(new / above)) / positives
        row = -from_here(new * precision / above) / positives
        of_ap = np.concatenate([row, [0], hit, np.zeros(len(tied))])
        half = np.zeros(len(new))
        half[self.mixed] = tied / 2
        pairs = positives * negatives
        auroc = 1 - np.einsum("k,k->", new, above - found - half) / pairs
        hit = negatives - positives - above + found + half + after
        hit = hit / pairs - auroc * (1 / positives - 1 / negatives)
        row = np.append(positives - after, positives) / pairs - auroc / negatives
        of_auroc = np.concatenate([row, hit, new[self.mixed] / 2 / pairs])
        return self.sums.T @ of_ap, self.sums.T @ of_auroc

    def _has_both(self) -> bool:
        return 0 < len(self.positive) < self.known

    def _added(self, weights: Weights) -> tuple[Floats, ...]:
        """Weights of each group's positives, of those and all before, of all rows to its end; ...

        (R, K); of the rows after the last group, (R,); and of mixed groups' negatives, (R, T).
        """
        by_weighting = np.ascontiguousarray((self.sums @ weights).T, np.float64)
        groups = (self.sums.shape[0] - len(self.mixed)) // 2
        new = by_weighting[:, groups + 1 : 2 * groups + 1]
        found, above = (np.cumsum(part, axis=1) for part in (new, by_weighting[:, :groups]))
        return new, found, above, by_weighting[:, groups], by_weighting[:, 2 * groups + 1 :]


def _in_segments(added: Weights, steps: int, size: int, mixed: Places, *, ap: bool) -> Floats:
    """Average precision and AUROC, (2, R), from the sums of :meth:`Ranking.resampled`, (..., R)."""
    width, kind, split = added.shape[1], added.dtype, 2 * steps * size
    gaps, new = added[:split].reshape(2, steps, size * width)
    rest, tied = added[split], added[split + 1 :]
    running, totals = [], []
    for part in (gaps, new):
        of_segment = part.sum(axis=0, dtype=kind).reshape(size, width)
        to_end = np.cumsum(of_segment, axis=0, dtype=kind)
        running.append((to_end - of_segment).ravel())
        totals.append(to_end[-1].astype(np.float64))
    above, found = running
    # All pairs are at most the square of half of the rows, which twice as many bits hold.
    below = np.zeros(size * width, np.uint32 if np.can_cast(kind, np.uint16) else np.int64)
    hit = np.full(size * width, 0.0 if ap else np.nan)
    whole, precision, pairs = np.empty_like(above), np.empty_like(hit), np.empty_like(below)
    least = np.ones_like(above)  # numpy is slow with one number
    for gap, positives in zip(gaps, new, strict=True):
        above += gap
        below += np.multiply(above, positives, out=pairs, dtype=pairs.dtype)
        if ap:
            found += positives
            # A group that no resampled row belongs to may have nothing above it: 0, not 0 / 0.
            np.maximum(np.add(above, found, out=whole), least, out=whole)
            np.divide(found, whole, out=precision)
            hit += np.multiply(precision, positives, out=precision)
    of_mixed = new.reshape(steps * size, width)[mixed]
    half = np.einsum("kr,kr->r", of_mixed, tied, dtype=np.float64) / 2
    sums = (part.reshape(size, width).sum(axis=0) for part in (hit, below))
    return _scored(next(sums), next(sums) - half, totals[1], totals[0] + rest)


def _scored(hit: Floats, below: Floats, positives: Floats, negatives: Floats) -> Floats:
    """Average precision and AUROC, (2, R), NaN where no positive or no negative counts.

    Sums over the positives, (R,): of the precision at each, and of the negatives above it.
    """
    pairs = positives * negatives
    scores, defined = np.full((2, len(pairs)), np.nan), pairs > 0
    np.divide(hit, positives, out=scores[0], where=defined)
    np.divide(pairs - below, pairs, out=scores[1], where=defined)
    return scores


def falling(scores: Floats) -> Places:
    """The rows of one class from the highest score to the lowest, (N,); of equal ones the first."""
    order: Places = np.argsort(-scores, kind="stable")
    return order


@dataclass(frozen=True)
class Orders:
    """The order of every column of scores that was asked for, so that it is found once.

    Sorting takes half of the time of a ranking, and the same scores are ranked against many sets of
    labels. Columns of equal numbers share an order, wherever they are.
    """

    found: dict[bytes, Places] = field(default_factory=dict)

    def of(self, scores: Floats) -> Places:
        """:func:`falling` of a column of scores, (N,)."""
        key = digest(scores)
        if key not in self.found:
            self.found[key] = falling(scores)
        return self.found[key]


def digest(values: Floats) -> bytes:
    """What tells a column of numbers from others."""
    return sha256(np.ascontiguousarray(values).data).digest()


def rank(
    labels: ArrayLike,
    scores: ArrayLike,
    unit: Places | None = None,
    times: Weights | None = None,
    order: Places | None = None,
) -> Ranking:
    """Put the rows of one class in order: labels 1, 0, or NaN where unknown, and scores, (N,).

    ``unit``, (N,), is the number of the unit whose weight each row gets, None: each row is its own.
    ``times``, (N,), is how often a row counts besides. ``order``, (N,), is :func:`falling` of the
    scores, if it is known already.

    Raises:
        DataError: If the two have other lengths, a label is something else, or a score is NaN.
    """
    truth, guess = np.asarray(labels, np.float64), np.asarray(scores, np.float64)
    if truth.ndim != 1 or truth.shape != guess.shape:
        raise DataError(f"labels {truth.shape} and scores {guess.shape}: expected (N,), both.")
    unknown, one = np.isnan(truth), truth == 1
    for what, values, good, expected in (
        ("label", truth, unknown | one | (truth == 0), "1, 0 or NaN"),
        ("score", guess, unknown | ~np.isnan(guess), "a number"),
    ):
        if not good.all():
            row = int(np.argmin(good))
            raise DataError(
                f"{what} {values[row]} (row {row}): expected {expected}. Labels come first, then "
                "scores."
            )
    order = falling(guess) if order is None else order
    order = order[~unknown[order]]
    ranked, is_positive = guess[order], one[order]
    place = np.flatnonzero(is_positive)
    new = _changes(ranked)
    score, starts = np.cumsum(new) - 1, np.append(np.flatnonzero(new), len(order))
    first = _changes(score[place])
    held, group = score[place[first]], np.cumsum(first) - 1
    hits, equal = np.bincount(group), np.diff(starts)[held]
    mixed = np.flatnonzero(equal > hits)
    both = np.bincount(held[mixed], minlength=len(starts)) > 0
    tied = np.flatnonzero(both[score] & ~is_positive)
    ends = np.append(starts[held + 1], len(order))
    lengths = np.diff(ends, prepend=0), hits, (equal - hits)[mixed]
    rows = np.concatenate([order, order[place], order[tied]])
    counted = np.ones(len(rows), np.int32) if times is None else np.asarray(times)[rows]
    columns = rows if unit is None else unit[rows]
    pointers = np.append(0, np.cumsum(np.concatenate(lengths), dtype=np.intp))
    units = len(truth) if unit is None else int(unit.max(initial=-1)) + 1
    sums = csr_array((counted, columns, pointers), shape=(len(pointers) - 1, units))
    return Ranking(order[place], group, mixed, len(order), sums)


def _changes(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which values, (N,), differ from the one before; the first does."""
    found = np.ones(len(values), np.bool_)
    found[1:] = values[1:] != values[:-1]
    return found
