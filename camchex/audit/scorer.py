"""Macro scores with the intervals of other patients, their differences, and shares of a gain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import tells_one_small
from camchex.scores.bootstrap import Draws, interval, mean_over, score_interval, seed_means
from camchex.scores.labelled_split import Bools, LabelSet
from camchex.scores.metrics import Floats, score_classes


@dataclass(frozen=True)
class ResampledValue:
    """One number of the test studies, and the number in every resample of the patients.

    Numbers that are combined must be of the same draws.

    Attributes:
        value: The number of the studies themselves; None where they cannot tell it.
        drawn: The number in each resample, NaN where it has none, (R,).
    """

    value: float | None
    drawn: Floats

    def minus(self, other: "ResampledValue") -> "ResampledValue":
        """The difference of two numbers."""
        known = self.value is not None and other.value is not None
        value = self.value - other.value if known else None  # type: ignore[operator]
        return ResampledValue(value, self.drawn - other.drawn)

    def above(self, floor: float) -> "ResampledValue":
        """How far the number lies above a constant."""
        return ResampledValue(
            None if self.value is None else self.value - floor, self.drawn - floor
        )

    def scaled(
        self, numerator: "ResampledValue", denominator: "ResampledValue", level: float
    ) -> "ResampledValue":
        """The number times one other over another; none unless the last is surely above 0."""
        values = self.value, numerator.value, denominator.value
        if not denominator.is_positive(level) or None in values:
            return ResampledValue(None, np.full(len(self.drawn), np.nan))
        whole = np.where(denominator.drawn > 0, denominator.drawn, np.nan)
        value = self.value * numerator.value / denominator.value  # type: ignore[operator]
        return ResampledValue(value, self.drawn * numerator.drawn / whole)

    def interval(self, level: float) -> list[float] | None:
        """Low and high; None without a value, or if too few resamples have one."""
        return interval(self.drawn, level, self.value)

    def is_positive(self, level: float) -> bool:
        """Whether the whole interval lies above 0."""
        ends = self.interval(level)
        return ends is not None and ends[0] > 0

    def surviving(self, gain: "ResampledValue", level: float) -> Results:
        """Share of a gain that is left once this number is taken away: 1 - this / gain.

        Both are moved by twice their resamples' bias before they are divided, as intervals are: a
        ratio of them cannot be. There is no share of a gain that may be none.

        Args:
            gain: The gain.
            level: Share of the resamples within an interval.

        Returns:
            ``share`` and ``share_interval``; both None unless the whole interval of the gain lies
            above 0.
        """
        none: dict[str, object] = {"share": None, "share_interval": None}
        if self.value is None or gain.value is None or not gain.is_positive(level):
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

    ap: ResampledValue
    auroc: ResampledValue
    classes: Mapping[str, ResampledValue]

    def minus(self, other: "Score") -> "Score":
        """The difference of two scores, which must be of the same draws and labels."""
        classes = {name: one.minus(other.classes[name]) for name, one in self.classes.items()}
        return Score(self.ap.minus(other.ap), self.auroc.minus(other.auroc), classes)


@dataclass(frozen=True)
class Scorer:
    """How scores are drawn, and what of them is shown.

    Attributes:
        draws: Draws of the patients of the test studies: the same for every score.
        level: Share of the resamples within an interval.
        min_cell: Smallest number of positives, or negatives, of a class that is shown alone.
        workers: Threads.
    """

    draws: Draws
    level: float
    min_cell: int
    workers: int = 1

    def score(self, labels: LabelSet, seeds: Sequence[Floats], cells: Bools | None = None) -> Score:
        """Macro score, the mean over seeds; the seeds are averaged in each resample too.

        Args:
            labels: Labels to score against, (N, K).
            seeds: Probabilities of each seed, (N, Q).
            cells: Which labels count, (N, K); None: all.
        """
        known = labels.labels if cells is None else np.where(cells, labels.labels, np.nan)
        counted = score_classes(known, known, labels.classes)
        at = [q for q, one in enumerate(counted.values()) if one.ap is not None]
        small = [one.is_small(self.min_cell) for one in counted.values()]
        if not at or tells_one_small([small[q] for q in at]):
            nothing = ResampledValue(None, np.full(len(self.draws.counts), np.nan))
            return Score(nothing, nothing, {})
        truth, guesses = known[:, at], [p[:, [labels.columns[q] for q in at]] for p in seeds]
        found, drawn = seed_means(truth, guesses, self.draws, self.workers)
        return Score(
            ResampledValue(float(found.ap.mean()), mean_over(drawn.ap)),
            ResampledValue(float(found.auroc.mean()), mean_over(drawn.auroc)),
            {
                labels.classes[q]: ResampledValue(float(found.ap[k]), drawn.ap[:, k])
                for k, q in enumerate(at)
                if not small[q]
            },
        )

    def intervals(self, score: Score) -> dict[str, list[float] | None]:
        """Intervals of a score, between 0 and 1."""
        found = {"mAP_interval": score.ap, "AUROC_interval": score.auroc}
        return {key: score_interval(v.drawn, self.level, v.value) for key, v in found.items()}

    def shown(self, score: Score) -> Results:
        """A score and its intervals."""
        return {"mAP": score.ap.value, "AUROC": score.auroc.value, **self.intervals(score)}

    def difference(self, score: Score) -> Results:
        """A difference of scores and its intervals."""
        return {
            "mAP": score.ap.value,
            "AUROC": score.auroc.value,
            "mAP_interval": score.ap.interval(self.level),
            "AUROC_interval": score.auroc.interval(self.level),
        }
