"""Macro scores with the intervals of other patients, their differences, and shares of a gain.

A number is an array (1 + R,): first the number of the studies themselves, then the number in each
resample of the patients; NaN where it cannot be told. Numbers of the same draws are combined as
arrays are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import tells_one_small
from camchex.scores.bootstrap import Draws, interval, mean_over, score_interval, seed_means
from camchex.scores.labelled_split import Bools, LabelSet
from camchex.scores.metrics import Floats, score_classes

Ends = Callable[[Floats, float, float | None], list[float] | None]


def value_of(number: Floats) -> float | None:
    """The number of the studies themselves; None where they cannot tell it."""
    return None if np.isnan(number[0]) else float(number[0])


def interval_of(number: Floats, level: float) -> list[float] | None:
    """Low and high; None without a value, or if too few resamples have one."""
    return interval(number[1:], level, value_of(number))


def is_positive(number: Floats, level: float) -> bool:
    """Whether the whole interval lies above 0."""
    ends = interval_of(number, level)
    return ends is not None and ends[0] > 0


def scaled(number: Floats, numerator: Floats, denominator: Floats, level: float) -> Floats:
    """The number times one other over another; NaN unless the last is surely above 0."""
    if not is_positive(denominator, level):
        return np.full(len(number), np.nan)
    found: Floats = number * numerator / np.where(denominator > 0, denominator, np.nan)
    return found


def surviving(lost: Floats, gain: Floats, level: float) -> Results:
    """Share of a gain that is left without what is lost: 1 - lost / gain.

    Both are moved by twice their resamples' bias before they are divided, as intervals are: a
    ratio of them cannot be. There is no share of a gain that may be none.

    Returns:
        ``share`` and ``share_interval``; both None unless the whole interval of the gain lies
        above 0.
    """
    none: dict[str, object] = {"share": None, "share_interval": None}
    if np.isnan(lost[0]) or not is_positive(gain, level):
        return none
    share = float(1 - lost[0] / gain[0])
    part, whole = (number[1:] - 2 * (np.nanmean(number[1:]) - number[0]) for number in (lost, gain))
    drawn = 1 - np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    known = drawn[~np.isnan(drawn)]
    if len(known) <= len(drawn) / 2:
        return none
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return {"share": share, "share_interval": [min(float(low), share), max(float(high), share)]}


@dataclass(frozen=True)
class Score:
    """Mean over classes (each the same weight) of average precision and of AUROC, as numbers."""

    ap: Floats
    auroc: Floats
    classes: Mapping[str, Floats]  # average precision of each class that may be shown alone

    def minus(self, other: "Score") -> "Score":
        """The difference of two scores, which must be of the same draws and labels."""
        classes = {name: one - other.classes[name] for name, one in self.classes.items()}
        return Score(self.ap - other.ap, self.auroc - other.auroc, classes)


@dataclass(frozen=True)
class Scorer:
    """How scores are drawn, and what of them is shown."""

    draws: Draws  # of the patients of the test studies: the same for every score
    level: float  # share of the resamples within an interval
    min_cell: int  # smallest number of positives, or negatives, of a class that is shown alone
    workers: int = 1  # threads

    def score(self, labels: LabelSet, seeds: Sequence[Floats], cells: Bools | None = None) -> Score:
        """Macro score of each seed's probabilities, (N, Q), averaged over seeds in each resample.

        Only the given cells count, (N, K) booleans; None: all.
        """
        known = labels.known(cells)
        counted = score_classes(known, known, labels.classes)
        at = [q for q, one in enumerate(counted.values()) if one.ap is not None]
        small = [one.is_small(self.min_cell) for one in counted.values()]
        if not at or tells_one_small([small[q] for q in at]):
            nothing = np.full(1 + len(self.draws.counts), np.nan)
            return Score(nothing, nothing, {})
        guesses = [given[:, [labels.columns[q] for q in at]] for given in seeds]
        found = seed_means(known[:, at], guesses, self.draws, self.workers)
        alone = {labels.classes[q]: found.ap[:, k] for k, q in enumerate(at) if not small[q]}
        return Score(mean_over(found.ap), mean_over(found.auroc), alone)

    def intervals(self, score: Score, ends: Ends = score_interval) -> dict[str, Any]:
        """Intervals of a score, between 0 and 1 unless ``ends`` finds them."""
        found = {"mAP_interval": score.ap, "AUROC_interval": score.auroc}
        return {key: ends(v[1:], self.level, value_of(v)) for key, v in found.items()}

    def shown(self, score: Score, ends: Ends = score_interval) -> Results:
        """A score and its intervals."""
        values = {"mAP": value_of(score.ap), "AUROC": value_of(score.auroc)}
        return values | self.intervals(score, ends)

    def difference(self, score: Score) -> Results:
        """A difference of scores and its intervals."""
        return self.shown(score, interval)
