"""The intervals of one model's scores, from resamples of the patients."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from camchex.aggregates.csv_files import Row
from camchex.scores.bootstrap import Draws, Resampled, bootstrap, mean_over, score_interval
from camchex.scores.labelled_split import Split
from camchex.scores.metrics import ClassScore, Floats, MacroScore, macro, score_class

NONE = (None, None)


@dataclass(frozen=True)
class Intervals:
    """Intervals of the scores of one level, per study or per image."""

    resampled: Resampled | None = None  # None: there are no intervals
    classes: tuple[str, ...] = ()  # in the order of the columns
    level: float = 0.0  # share of the resamples within an interval

    def of_class(
        self, name: str, score: ClassScore, min_cell: int
    ) -> dict[str, list[float] | None]:
        """Bounds of one class; None where the class is suppressed."""
        shown = macro([] if score.is_small(min_cell) else [score])
        return self._of_mean([name], shown, "AP")

    def of_mean(
        self, scores: Mapping[str, ClassScore], *, hidden: bool = False
    ) -> dict[str, list[float] | None]:
        """Bounds of the mean over the classes that can be scored; None where it is hidden."""
        scored = [name for name, score in scores.items() if score.ap is not None]
        return self._of_mean(scored, macro([] if hidden else scores.values()), "mAP")

    def _of_mean(
        self, names: Sequence[str], mean: MacroScore, ap: str
    ) -> dict[str, list[float] | None]:
        if self.resampled is None:
            return {}
        at = [self.classes.index(name) for name in names]
        given = ((ap, self.resampled.ap, mean.ap), ("AUROC", self.resampled.auroc, mean.auroc))
        return {
            f"{key}_interval": score_interval(mean_over(values, at), self.level, score)
            for key, values, score in given
        }


def macro_row(
    labels: Floats,
    probabilities: Floats,
    draws: Draws,
    level: float,
    times: NDArray[np.int64] | None = None,
) -> tuple[list[ClassScore], Row]:
    """Score every class, and their means with bounds: mAP, low, high, AUROC, low, high.

    Arguments are those of :func:`camchex.scores.bootstrap.bootstrap`, and the share of the
    resamples within an interval.
    """
    scores = [score_class(y, p, times) for y, p in zip(labels.T, probabilities.T, strict=True)]
    scored, mean = [q for q, score in enumerate(scores) if score.ap is not None], macro(scores)
    resampled = bootstrap(labels[:, scored], probabilities[:, scored], draws, times)
    row: list[float | None] = []
    for values, score in ((resampled.ap, mean.ap), (resampled.auroc, mean.auroc)):
        row += score, *(score_interval(mean_over(values), level, score) or NONE)
    return scores, row


ByLevel = Mapping[str, Intervals]
"""Intervals of both levels, ``study`` and ``image``."""
NO_INTERVALS: ByLevel = MappingProxyType({"study": Intervals(), "image": Intervals()})


def intervals(
    test: Split, probabilities: Floats, draws: Draws, level: float, workers: int = 1
) -> ByLevel:
    """Score the test studies again in every resample, per study and per image.

    Probabilities, (N, Q), and draws are those of the test studies; the level is the share of the
    resamples within an interval.
    """
    times = {"study": None, "image": test.images}  # a study counts once for each of its images
    found: dict[str, Intervals] = {}
    for unit, count in times.items():
        resampled = bootstrap(test.labels, probabilities, draws, count, workers)
        found[unit] = Intervals(resampled, tuple(test.classes), level)
    return found
