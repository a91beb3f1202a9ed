"""The intervals of one model's scores, from resamples of the patients."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from camchex.aggregates.csv_files import Row
from camchex.scores.bootstrap import Draws, Resampled, bootstrap, mean_over, score_interval
from camchex.scores.labelled_split import Split
from camchex.scores.metrics import ClassScore, Floats, macro, score_class

NONE = (None, None)


@dataclass(frozen=True)
class Intervals:
    """Intervals of the scores of one level, per study or per image.

    Attributes:
        resampled: Scores of every class and resample; None: there are no intervals.
        classes: Names of the classes, in the order of their columns.
        level: Share of the resamples within an interval.
    """

    resampled: Resampled | None = None
    classes: tuple[str, ...] = ()
    level: float = 0.0

    def of_class(
        self, name: str, score: ClassScore, min_cell: int
    ) -> dict[str, list[float] | None]:
        """Bounds of one class; None where the class is suppressed."""
        if self.resampled is None:
            return {}
        if score.is_small(min_cell):
            return {"AP_interval": None, "AUROC_interval": None}
        at = self.classes.index(name)
        ap, auroc = self.resampled.ap[:, at], self.resampled.auroc[:, at]
        return {
            "AP_interval": score_interval(ap, self.level, score.ap),
            "AUROC_interval": score_interval(auroc, self.level, score.auroc),
        }

    def of_mean(
        self, scores: Mapping[str, ClassScore], *, hidden: bool = False
    ) -> dict[str, list[float] | None]:
        """Bounds of the mean over the classes that can be scored; None where it is hidden."""
        if self.resampled is None:
            return {}
        at = [self.classes.index(name) for name, s in scores.items() if s.ap is not None]
        mean = macro([] if hidden else scores.values())
        ap, auroc = mean_over(self.resampled.ap, at), mean_over(self.resampled.auroc, at)
        return {
            "mAP_interval": score_interval(ap, self.level, mean.ap),
            "AUROC_interval": score_interval(auroc, self.level, mean.auroc),
        }


def macro_row(
    labels: Floats,
    probabilities: Floats,
    draws: Draws,
    level: float,
    times: NDArray[np.int64] | None = None,
) -> tuple[list[ClassScore], Row]:
    """Score every class, and their means with bounds: mAP, low, high, AUROC, low, high.

    Args:
        labels: 1, 0, or NaN where unknown, (N, Q).
        probabilities: Probabilities of the labels, (N, Q).
        draws: Draws of the patients of these rows.
        level: Share of the resamples within an interval.
        times: How often a row counts, (N,); None: once.
    """
    scores = [score_class(y, p, times) for y, p in zip(labels.T, probabilities.T, strict=True)]
    scored, mean = [q for q, score in enumerate(scores) if score.ap is not None], macro(scores)
    resampled = bootstrap(labels[:, scored], probabilities[:, scored], draws, times)
    return scores, (
        mean.ap,
        *(score_interval(mean_over(resampled.ap), level, mean.ap) or NONE),
        mean.auroc,
        *(score_interval(mean_over(resampled.auroc), level, mean.auroc) or NONE),
    )


ByLevel = Mapping[str, Intervals]
"""Intervals of both levels, ``study`` and ``image``."""
NO_INTERVALS: ByLevel = MappingProxyType({"study": Intervals(), "image": Intervals()})


def intervals(
    test: Split, probabilities: Floats, draws: Draws, level: float, workers: int = 1
) -> ByLevel:
    """Score the test studies again in every resample, per study and per image.

    Args:
        test: The test studies.
        probabilities: Probabilities of the test studies, (N, Q).
        draws: Draws of their patients: two models are scored on the same ones.
        level: Share of the resamples within an interval.
        workers: Threads.
    """
    times = {"study": None, "image": test.images}  # a study counts once for each of its images
    return {
        unit: Intervals(
            bootstrap(test.labels, probabilities, draws, count, workers), tuple(test.classes), level
        )
        for unit, count in times.items()
    }
