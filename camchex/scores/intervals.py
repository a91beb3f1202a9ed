"""The intervals of one model's scores: how far they would move with other patients.

The standard error is that of drawing the patients again endlessly often, found without drawing:
from how fast a score changes as a patient counts more. That is too little where few patients have a
finding: the positives of a class with one have no spread, and an AUROC of 1 stays 1 without anyone.
There the spread is from a formula that needs the score, and how many patients have the finding and
how many have not. How often the intervals hold the truth is measured by benchmarks/coverage.py, and
shown in docs/evaluation.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from camchex.aggregates.csv_files import Row
from camchex.scores.labelled_split import Split
from camchex.scores.metrics import ClassScore, Floats, macro, score_classes
from camchex.scores.ranking import Places, rank

Counts = NDArray[np.int64]
Ends = list[float] | None
NONE = (None, None)
FEWEST = 5  # patients with the finding, or without: fewer say little about others
FEW = 250  # patients with the finding, or without: with fewer, its interval is from a formula
STEPS = 50  # of bisection: more than a float resolves


def newcombe(
    auroc: ArrayLike, positives: ArrayLike, negatives: ArrayLike, z: float
) -> tuple[Floats, Floats]:
    """Low and high ends of the intervals of AUROCs, each argument (Q,) or a number.

    They are the AUROCs whose own standard error, times ``z``, is their distance from the one that
    was found. ``positives`` and ``negatives`` are how many there are: patients, here, so that the
    studies of one patient count as one.

    Source: Newcombe 2006, Statistics in Medicine 25:559, method 5.
    """
    found, m, n = (np.asarray(value, np.float64) for value in (auroc, positives, negatives))

    def inside(theta: Floats) -> NDArray[np.bool_]:
        spread = (1 - theta) / (2 - theta) + theta / (1 + theta)
        variance = theta * (1 - theta) / (m * n) * (1 + ((m + n) / 2 - 1) * spread)
        within: NDArray[np.bool_] = (found - theta) ** 2 <= z**2 * variance
        return within

    ends = []
    for start in (np.zeros_like(found), np.ones_like(found)):
        inner, outer = found, start
        for _ in range(STEPS):
            middle = (outer + inner) / 2
            held = inside(middle)
            inner, outer = np.where(held, middle, inner), np.where(held, outer, middle)
        ends.append(inner)
    return ends[0], ends[1]


def wilson(share: float, count: float, z: float) -> tuple[float, float]:
    """Low and high end of the interval of a share of ``count``, of which it may be any part.

    Average precision is a mean over positives of numbers from 0 to 1, which varies at most as much
    as a share of positives does.

    Source: Wilson 1927; Boyd, Eng and Page 2013 (binomial intervals of average precision).
    """
    scale = 1 + z**2 / count
    middle = (share + z**2 / (2 * count)) / scale
    half = z / scale * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return float(middle - half), float(middle + half)


@dataclass(frozen=True)
class Intervals:
    """Intervals of the scores of one level, per study or per image.

    Attributes:
        influence: How fast average precision and AUROC of each class change with the weight of each
            of U patients, (2, U, Q); None: there are no intervals.
        classes: Names of the columns, (Q,).
        level: Share of test sets whose interval should hold the truth.
        patients: How many patients have each finding, and how many have a study without it, (Q, 2).
    """

    influence: Floats | None = None
    classes: tuple[str, ...] = ()
    level: float = 0.0
    patients: Counts = field(default_factory=lambda: np.empty((0, 2), np.int64))

    def of_class(self, name: str, score: ClassScore, min_cell: int) -> dict[str, Ends]:
        """Bounds of one class; None where it is suppressed, or of fewer than five patients."""
        shown = {} if score.is_small(min_cell) or score.ap is None else {name: score}
        return self._named(shown, "AP")

    def of_mean(self, scores: Mapping[str, ClassScore], *, hidden: bool = False) -> dict[str, Ends]:
        """Bounds of the mean over the classes that can be scored; None where it is hidden."""
        scored = {name: score for name, score in scores.items() if score.ap is not None}
        return self._named({} if hidden else scored, "mAP")

    def _named(self, scores: Mapping[str, ClassScore], ap: str) -> dict[str, Ends]:
        if self.influence is None:
            return {}
        ends: Sequence[Ends] = NONE
        at = [self.classes.index(name) for name in scores]
        if len(at) > 1 and self.influence.shape[1] >= FEWEST:
            ends = self._of_many(at, [*scores.values()], self.influence[:, :, at])
        elif len(at) == 1 and self.patients[at[0]].min() >= FEWEST:
            ends = self._of_one(at[0], next(iter(scores.values())), self.influence[:, :, at[0]])
        return dict(zip((f"{ap}_interval", "AUROC_interval"), ends, strict=True))

    def _z(self) -> float:
        return float(norm.ppf((1 + self.level) / 2))

    def _of_one(self, q: int, score: ClassScore, influence: Floats) -> list[Ends]:
        ap, corrected, auroc = _numbers([score])[:, 0]
        fewer, z = int(self.patients[q].min()), self._z()
        if fewer >= FEW:
            halves = z * np.sqrt(variance(influence))
            middles = np.array([corrected, auroc])
            low, high = middles - halves, middles + halves
        else:
            given = newcombe(auroc, self.patients[q, 0], self.patients[q, 1], z)
            low, high = np.transpose([wilson(corrected, fewer, z), given])
        return [_around(*three) for three in zip(low, high, (ap, auroc), strict=True)]

    def _of_many(
        self, at: Sequence[int], scores: Sequence[ClassScore], influence: Floats
    ) -> list[Ends]:
        """What the patients tell, and what the formulas add for classes with few of them."""
        positives, negatives = self.patients[at].T
        fewer, z = np.minimum(positives, negatives), self._z()
        ap, corrected, auroc = _numbers(scores)
        guess = (corrected * fewer + 0.5) / (fewer + 1)  # never 0 or 1, which have no variance
        low, high = newcombe(auroc, positives, negatives, z)
        formula = np.array([guess * (1 - guess) / fewer, ((high - low) / (2 * z)) ** 2])
        lacking = np.where(fewer < FEW, np.maximum(formula - variance(influence), 0), 0)
        halves = z * np.sqrt(variance(influence.mean(axis=2)) + lacking.sum(axis=1) / len(at) ** 2)
        middles = np.array([corrected.mean(), auroc.mean()])
        score = ap.mean(), auroc.mean()
        return [
            _around(*three) for three in zip(middles - halves, middles + halves, score, strict=True)
        ]


def variance(influence: Floats) -> Floats:
    """Variance of scores over other patients, (2, ...), from the influence of each, (2, U, ...)."""
    patients = influence.shape[1]
    total: Floats = (influence**2).sum(axis=1) * patients / max(patients - 1, 1)
    return total


def _numbers(scores: Sequence[ClassScore]) -> Floats:
    """Average precision, the corrected one, and AUROC of classes that have them, (3, Q)."""
    return np.array([(s.ap, s.corrected_ap, s.auroc) for s in scores], np.float64).T


def _around(low: float, high: float, score: float) -> list[float]:
    """Ends between 0 and 1 that hold the score itself."""
    return [max(float(min(low, score)), 0.0), min(float(max(high, score)), 1.0)]


def intervals_of(
    labels: Floats,
    probabilities: Floats,
    classes: Sequence[str],
    patient: Places,
    level: float,
    times: Counts | None = None,
) -> Intervals:
    """What the intervals of some classes are made of.

    Args:
        labels: 1, 0, or NaN where unknown, (N, Q).
        probabilities: Numbers that rank, (N, Q).
        classes: The Q names.
        patient: The number of the patient of each row, (N,).
        level: Share of test sets whose interval should hold the truth.
        times: How often a row counts, (N,): its images, for the score per image; None: once.
    """
    present, patient = np.unique(patient, return_inverse=True)
    influence = np.zeros((2, len(present), len(classes)))
    counts = np.zeros((len(classes), 2), np.int64)
    for q, (truth, guess) in enumerate(zip(labels.T, probabilities.T, strict=True)):
        counts[q] = [len(np.unique(patient[truth == side])) for side in (1, 0)]
        if counts[q].all():
            influence[:, :, q] = rank(truth, guess, patient, times).influence()
    return Intervals(influence, tuple(classes), level, counts)


def macro_row(
    labels: Floats,
    probabilities: Floats,
    patient: Places,
    level: float,
    times: Counts | None = None,
) -> tuple[list[ClassScore], Row]:
    """Score every class, and their means with bounds: mAP, low, high, AUROC, low, high.

    Arguments are those of :func:`intervals_of`.
    """
    names = [str(q) for q in range(labels.shape[1])]
    scores = score_classes(labels, probabilities, names, times)
    bounds = intervals_of(labels, probabilities, names, patient, level, times)
    return list(scores.values()), mean_row(scores, bounds)


def mean_row(scores: Mapping[str, ClassScore], bounds: Intervals) -> Row:
    """Means of classes with their bounds: mAP, low, high, AUROC, low, high."""
    mean, ends = macro(scores.values()), bounds.of_mean(scores)
    return (
        *(mean.ap, *(ends.get("mAP_interval") or NONE)),
        *(mean.auroc, *(ends.get("AUROC_interval") or NONE)),
    )


ByLevel = Mapping[str, Intervals]
"""Intervals of both levels, ``study`` and ``image``."""
NO_INTERVALS: ByLevel = MappingProxyType({"study": Intervals(), "image": Intervals()})


def intervals(test: Split, probabilities: Floats, level: float) -> ByLevel:
    """Intervals of the scores of the test studies, per study and per image.

    Probabilities, (N, Q), are those of the test studies; the level is the share of test sets whose
    interval should hold the truth.
    """
    times = {"study": None, "image": test.images}  # a study counts once for each of its images
    return {
        unit: intervals_of(test.labels, probabilities, test.classes, test.patient, level, count)
        for unit, count in times.items()
    }
