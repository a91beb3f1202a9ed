"""The intervals of one model's scores: how far they would move with other patients.

The standard error is that of drawing the patients again endlessly often, found without drawing:
from how fast a score changes as a patient counts more. That is too little where few patients have a
finding: the positives of a class with one have no spread, and an AUROC of 1 stays 1 without anyone.
There the spread is from a formula that needs the score, and how many patients have the finding and
how many have not. How often the intervals hold the truth is measured by benchmarks/coverage.py, and
shown in docs/evaluation.md.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from camchex.aggregates.csv_files import Row
from camchex.scores.labelled_split import Split
from camchex.scores.metrics import ClassScore, Floats, MacroScore, macro, score_ranking
from camchex.scores.ranking import Orders, Places, rank

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

    product, more = m * n, (m + n) / 2 - 1

    def inside(theta: Floats) -> NDArray[np.bool_]:
        spread = (1 - theta) / (2 - theta) + theta / (1 + theta)
        variance = theta * (1 - theta) / product * (1 + more * spread)
        within: NDArray[np.bool_] = (found - theta) ** 2 <= z**2 * variance
        return within

    inner = np.stack([found, found])  # of both ends at once
    outer = np.stack([np.zeros_like(found), np.ones_like(found)])
    for _ in range(STEPS):
        middle = (outer + inner) / 2
        held = inside(middle)
        inner, outer = np.where(held, middle, inner), np.where(held, outer, middle)
    low, high = inner
    return low, high


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

    @property
    def z(self) -> float:
        """Standard errors to either side of an interval."""
        return float(norm.ppf((1 + self.level) / 2))

    def _of_one(self, q: int, score: ClassScore, influence: Floats) -> list[Ends]:
        ap, corrected, auroc = _numbers([score])[:, 0]
        fewer, z = int(self.patients[q].min()), self.z
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
        patients, z = self.patients[at], self.z
        ap, corrected, auroc = numbers = _numbers(scores)
        halves = _halves(influence, formula_variance(numbers, patients, z), patients, z)
        middles = np.array([corrected.mean(), auroc.mean()])
        score = ap.mean(), auroc.mean()
        return [
            _around(*three) for three in zip(middles - halves, middles + halves, score, strict=True)
        ]


def formula_variance(numbers: Floats, patients: Counts, z: float) -> Floats:
    """Variance of average precision and AUROC of each class, (2, Q), from formulas.

    ``numbers``, (3, Q), are of :func:`_numbers`; ``patients``, (Q, 2), have the finding or not.
    """
    _, corrected, auroc = numbers
    fewer = patients.min(axis=1)
    guess = (corrected * fewer + 0.5) / (fewer + 1)  # never 0 or 1, which have no variance
    low, high = newcombe(auroc, patients[:, 0], patients[:, 1], z)
    return np.array([guess * (1 - guess) / fewer, ((high - low) / (2 * z)) ** 2])


def _halves(influence: Floats, formula: Floats, patients: Counts, z: float) -> Floats:
    """Half of the widths of the intervals of both means, (2,), over Q classes.

    What the patients tell, and what the formulas, (2, Q), add for classes with few of them.
    """
    few = patients.min(axis=1) < FEW
    lacking = np.where(few, np.maximum(formula - variance(influence), 0), 0).sum(axis=1)
    found: Floats = z * np.sqrt(variance(influence.mean(axis=2)) + lacking / len(few) ** 2)
    return found


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


Scored = tuple[dict[str, ClassScore], Intervals]
"""Scores of some classes, and what their intervals are made of."""


def joined(parts: Sequence[Scored]) -> Scored:
    """What :func:`scored` would find of the classes of all parts at once, of the same patients."""
    scores = {f"{n} {name}": one for n, (part, _) in enumerate(parts) for name, one in part.items()}
    influence = [bounds.influence for _, bounds in parts if bounds.influence is not None]
    patients = np.concatenate([bounds.patients for _, bounds in parts])
    every = np.concatenate(influence, axis=2)
    return scores, Intervals(every, tuple(scores), parts[0][1].level, patients)


def of_classes(part: Scored, names: Sequence[str]) -> Scored:
    """The same of some classes."""
    scores, bounds = part
    at = [bounds.classes.index(name) for name in names]
    influence = None if bounds.influence is None else bounds.influence[:, :, at]
    kept = replace(bounds, influence=influence, classes=tuple(names), patients=bounds.patients[at])
    return {name: scores[name] for name in names}, kept


def intervals_of(
    labels: Floats,
    probabilities: Floats,
    classes: Sequence[str],
    patient: Places,
    level: float,
    times: Counts | None = None,
) -> Intervals:
    """What the intervals of some classes are made of; arguments are those of :func:`scored`."""
    return scored(labels, probabilities, classes, patient, level, times)[1]


def scored(  # noqa: PLR0913 - what is scored, how often it counts, and how it is ranked
    labels: Floats,
    probabilities: Floats,
    classes: Sequence[str],
    patient: Places,
    level: float,
    times: Counts | None = None,
    *,
    workers: int = 1,
    orders: Orders | None = None,
) -> Scored:
    """Score some classes, with what their intervals are made of.

    Args:
        labels: 1, 0, or NaN where unknown, (N, Q).
        probabilities: Numbers that rank, (N, Q).
        classes: The Q names.
        patient: The number of the patient of each row, (N,).
        level: Share of test sets whose interval should hold the truth.
        times: How often a row counts, (N,): its images, for the score per image; None: once.
        workers: Threads, which change no number.
        orders: Orders of probabilities that are ranked more than once; None: they are not kept.
    """
    present, patient = np.unique(patient, return_inverse=True)
    influence = np.zeros((2, len(present), len(classes)))
    counts = np.zeros((len(classes), 2), np.int64)
    once = np.ones(len(present), np.int64)

    def score(q: int) -> ClassScore:
        truth, guess = labels[:, q], probabilities[:, q]
        order = None if orders is None else orders.of(guess)
        ranking = rank(truth, guess, patient, times, order)
        counts[q] = [np.count_nonzero(np.bincount(patient[truth == side])) for side in (1, 0)]
        if counts[q].all():
            influence[:, :, q] = ranking.influence()
        own = np.ones(len(ranking.positive)) if times is None else times[ranking.positive]
        return score_ranking(ranking, once, own)

    with ThreadPoolExecutor(max(workers, 1)) as pool:
        scores = dict(zip(classes, pool.map(score, range(len(classes))), strict=True))
    return scores, Intervals(influence, tuple(classes), level, counts)


def macro_row(
    labels: Floats,
    probabilities: Floats,
    patient: Places,
    level: float,
    times: Counts | None = None,
) -> tuple[list[ClassScore], Row]:
    """Score every class, and their means with bounds: mAP, low, high, AUROC, low, high.

    Arguments are those of :func:`scored`.
    """
    names = [str(q) for q in range(labels.shape[1])]
    scores, bounds = scored(labels, probabilities, names, patient, level, times)
    return list(scores.values()), mean_row(scores, bounds)


def seed_intervals(
    labels: Floats, seeds: Sequence[Floats], patient: Places, level: float
) -> dict[str, Ends]:
    """The intervals of :func:`means_of`, of each seed's probabilities, (N, Q).

    Other arguments are those of :func:`scored`.
    """
    names = [str(q) for q in range(labels.shape[1])]
    return means_of([scored(labels, one, names, patient, level) for one in seeds])[1]


def means_of(seeds: Sequence[Scored]) -> tuple[list[MacroScore], dict[str, Ends]]:
    """Means over the classes of each seed (:func:`scored`), and intervals of means over seeds.

    The intervals are ``mAP_interval`` and ``AUROC_interval``. Their ends are the means of the
    seeds' ends: other patients are the same for all seeds.
    """
    found: dict[str, list[Floats]] = {"mAP_interval": [], "AUROC_interval": []}
    means = [macro(scores.values()) for scores, _ in seeds]
    for scores, bounds in seeds:
        ends = bounds.of_mean(scores)
        for key, kept in found.items():
            if (one := ends.get(key)) is not None:
                kept.append(np.array(one))
    return means, {
        key: np.mean(kept, axis=0).tolist() if kept and len(kept) == len(seeds) else None
        for key, kept in found.items()
    }


def difference(first: Sequence[Scored], second: Sequence[Scored]) -> dict[str, Ends]:
    """Intervals of the means over classes and seeds, first less second.

    Each side holds what :func:`scored` found for each of its seeds, of the same classes and of
    studies of the same patients. The patients tell how both sides move together. Where few have a
    finding, the formulas stand for each side, and all classes tell the correlation of the two.

    Returns:
        ``mAP_interval`` and ``AUROC_interval``, which hold the difference itself; None for fewer
        than five patients, or for a single class of which fewer have the finding, or have it not.
    """
    sides = []
    for side in (first, second):
        influence = np.mean([np.asarray(bounds.influence) for _, bounds in side], axis=0)
        sides.append((influence, np.mean([_numbers([*s.values()]) for s, _ in side], axis=0)))
    (one, own), (other, others) = sides
    held = [side[0][1].patients for side in (first, second)]
    patients, z = np.minimum(*held), first[0][1].z
    classes = len(patients)
    if not classes or one.shape[1] < FEWEST or (classes == 1 and patients.min() < FEWEST):
        return dict.fromkeys(("mAP_interval", "AUROC_interval"))
    alone = [variance(part) for part in (one, other)]
    common = (sum(alone) - variance(one - other)).sum(axis=1) / 2
    spreads = np.sqrt(np.prod([part.sum(axis=1) for part in alone], axis=0))
    related = np.divide(common, spreads, out=np.zeros(2), where=spreads > 0).clip(0, 1)
    ours, theirs = map(formula_variance, (own, others), held, (z, z))
    formula = ours + theirs - 2 * related[:, None] * np.sqrt(ours * theirs)
    halves = _halves(one - other, formula, patients, z)
    ap, corrected, auroc = (own - others).mean(axis=1).tolist()
    return {
        f"{name}_interval": [min(middle - half, value), max(middle + half, value)]
        for name, middle, half, value in (
            ("mAP", corrected, float(halves[0]), ap),
            ("AUROC", auroc, float(halves[1]), auroc),
        )
    }


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
