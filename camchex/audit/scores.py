"""Macro scores with the intervals of other patients, their differences, and shares of a gain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import tells_one_small
from camchex.scores.bootstrap import Draws, Resampled, bootstrap, interval, mean_over
from camchex.scores.labelled_split import Bools, LabelSet
from camchex.scores.metrics import Floats, score_class, score_classes


@dataclass(frozen=True)
class Estimate:
    """One number, and the same of every resample of the patients.

    Attributes:
        value: None where the studies cannot tell it.
        drawn: Of each resample, NaN where it has none, (R,).
    """

    value: float | None
    drawn: Floats

    def minus(self, other: "Estimate") -> "Estimate":
        """The difference, which must be of the same draws."""
        known = self.value is not None and other.value is not None
        value = self.value - other.value if known else None  # type: ignore[operator]
        return Estimate(value, self.drawn - other.drawn)

    def above(self, floor: float) -> "Estimate":
        """How far it lies above a number."""
        return Estimate(None if self.value is None else self.value - floor, self.drawn - floor)

    def scaled(self, numerator: "Estimate", denominator: "Estimate", level: float) -> "Estimate":
        """This, times one number over another of the same draws.

        There is none unless the whole interval of the denominator lies above 0.
        """
        positive = denominator.bounds(level)
        values = self.value, numerator.value, denominator.value
        if positive is None or positive[0] <= 0 or None in values:
            return Estimate(None, np.full(len(self.drawn), np.nan))
        whole = np.where(denominator.drawn > 0, denominator.drawn, np.nan)
        value = self.value * numerator.value / denominator.value  # type: ignore[operator]
        return Estimate(value, self.drawn * numerator.drawn / whole)

    def bounds(self, level: float) -> list[float] | None:
        """Low and high; None without a value, or if too few resamples have one."""
        return interval(self.drawn, level, self.value)

    def surviving(self, gain: "Estimate", level: float) -> Results:
        """What is left of a gain once this much of it is taken away: 1 - this / gain.

        Both are moved by twice their resamples' bias before they are divided, as bounds are: a
        ratio of them cannot be. There is no share of a gain that may be none.

        Args:
            gain: Of the same draws.
            level: Share of the resamples within an interval.

        Returns:
            ``share`` and ``share_interval``; both None unless the whole interval of the gain lies
            above 0.
        """
        positive = gain.bounds(level)
        none: dict[str, object] = {"share": None, "share_interval": None}
        if self.value is None or gain.value is None or positive is None or positive[0] <= 0:
            return none
        share = 1 - self.value / gain.value
        whole = gain._unbiased()
        drawn = 1 - np.divide(
            self._unbiased(), whole, out=np.full(len(whole), np.nan), where=whole > 0
        )
        known = drawn[~np.isnan(drawn)]
        if len(known) <= len(drawn) / 2:
            return none
        low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
        return {
            "share": share,
            "share_interval": [min(float(low), share), max(float(high), share)],
        }

    def _unbiased(self) -> Floats:
        known = self.drawn[~np.isnan(self.drawn)]
        moved: Floats = self.drawn - 2 * (known.mean() - self.value)
        return moved


@dataclass(frozen=True)
class Score:
    """Mean over classes (each the same weight) of average precision and of AUROC.

    Attributes:
        ap: Mean average precision.
        auroc: Mean AUROC.
        classes: Average precision of each class that may be shown alone.
    """

    ap: Estimate
    auroc: Estimate
    classes: Mapping[str, Estimate]

    def minus(self, other: "Score") -> "Score":
        """The difference, which must be of the same draws and labels."""
        classes = {name: one.minus(other.classes[name]) for name, one in self.classes.items()}
        return Score(self.ap.minus(other.ap), self.auroc.minus(other.auroc), classes)


@dataclass(frozen=True)
class Scorer:
    """How scores are drawn, and what of them is shown.

    Attributes:
        draws: Of the patients of the test studies: the same for every score.
        level: Share of the resamples within an interval.
        min_cell: The score of a single class with fewer positives, or negatives, is not shown.
        workers: Threads.
    """

    draws: Draws
    level: float
    min_cell: int
    workers: int = 1

    def score(self, labels: LabelSet, seeds: Sequence[Floats], cells: Bools | None = None) -> Score:
        """Macro score, the mean over seeds; the seeds are averaged in each resample too.

        Args:
            labels: What is scored against, (N, K).
            seeds: Probabilities of each seed, (N, Q).
            cells: Which labels count, (N, K); None: all.
        """
        known = labels.labels if cells is None else np.where(cells, labels.labels, np.nan)
        counted = score_classes(known, known, labels.classes)
        at = [q for q, one in enumerate(counted.values()) if one.ap is not None]
        small = [one.is_small(self.min_cell) for one in counted.values()]
        if not at or tells_one_small([small[q] for q in at]):
            nothing = Estimate(None, np.full(len(self.draws.counts), np.nan))
            return Score(nothing, nothing, {})
        truth, columns = known[:, at], [labels.columns[q] for q in at]
        scores = [_each(truth, given[:, columns]) for given in seeds]
        drawn = [bootstrap(truth, p[:, columns], self.draws, None, self.workers) for p in seeds]
        ap, auroc = np.mean([[s.ap, s.auroc] for s in scores], axis=0)  # (K,), both
        ap_drawn = np.mean([one.ap for one in drawn], axis=0)  # (R, K)
        auroc_drawn = np.mean([one.auroc for one in drawn], axis=0)
        return Score(
            Estimate(float(ap.mean()), mean_over(ap_drawn)),
            Estimate(float(auroc.mean()), mean_over(auroc_drawn)),
            {
                labels.classes[q]: Estimate(float(ap[k]), ap_drawn[:, k])
                for k, q in enumerate(at)
                if not small[q]
            },
        )

    def intervals(self, score: Score) -> dict[str, list[float] | None]:
        """Bounds of a score, between 0 and 1."""
        found = {"mAP_interval": score.ap, "AUROC_interval": score.auroc}
        return {key: _clipped(one.bounds(self.level)) for key, one in found.items()}

    def shown(self, score: Score) -> Results:
        """A score and its bounds."""
        return {"mAP": score.ap.value, "AUROC": score.auroc.value, **self.intervals(score)}

    def difference(self, score: Score) -> Results:
        """A difference of scores and its bounds."""
        return {
            "mAP": score.ap.value,
            "AUROC": score.auroc.value,
            "mAP_interval": score.ap.bounds(self.level),
            "AUROC_interval": score.auroc.bounds(self.level),
        }


def _each(truth: Floats, guess: Floats) -> Resampled:
    """The same of the studies themselves, (K,)."""
    found = [score_class(y, p) for y, p in zip(truth.T, guess.T, strict=True)]
    return Resampled(
        np.array([s.ap for s in found], np.float64), np.array([s.auroc for s in found], np.float64)
    )


def _clipped(found: list[float] | None) -> list[float] | None:
    return None if found is None else [max(found[0], 0.0), min(found[1], 1.0)]
