"""Macro scores with the intervals of other patients, their differences, and shares of a gain.

Scores and differences have the intervals of :mod:`camchex.scores.intervals`. Shares are ratios of
numbers: a number is an array (1 + R,), first that of the studies themselves, then that of each
resample of the patients; NaN where it cannot be told. Numbers of the same draws are combined as
arrays are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import is_small_class, tells_one_small
from camchex.scores.bootstrap import Draws, interval, mean_over, seed_means
from camchex.scores.intervals import Ends, Scored, difference, means_of, of_classes, scored
from camchex.scores.labelled_split import Bools, LabelSet
from camchex.scores.metrics import Floats, macro
from camchex.scores.ranking import Orders, digest
from camchex.scores.seeds import mean_sd

METRICS = {"mAP": "ap", "AUROC": "auroc"}


def auroc_of(seeds: Sequence[Scored]) -> tuple[float | None, Ends]:
    """Mean over classes and seeds of AUROC, with its interval; no resample is needed."""
    means, ends = means_of(seeds)
    found = [mean.auroc for mean in means]
    value = None if None in found else float(np.mean(np.array(found, np.float64)))
    return value, ends["AUROC_interval"] if value is not None else None


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
    """Predictions scored: means over seeds and classes, each of the same weight.

    There is no class where the means would tell the score of a small one; a mean is None, then.
    """

    scorer: "Scorer"
    labels: Floats  # of the classes, (N, K)
    seeds: Sequence[Floats]  # probabilities, (N, K)
    classes: Sequence[str]  # names, (K,)
    alone: Sequence[str]  # those of them that may be shown alone

    @cached_property
    def scored(self) -> list[Scored]:
        """Each seed's scores, and what intervals are made of."""
        return self.scorer.scored(self.labels, self.seeds, self.classes)

    @cached_property
    def ap(self) -> Floats:
        """Mean average precision, as a number."""
        return mean_over(self.scorer.drawn(self.labels, self.seeds)[:, :, 0])

    @cached_property
    def auroc(self) -> Floats:
        """Mean AUROC, as a number."""
        return mean_over(self.scorer.drawn(self.labels, self.seeds, ap=False)[:, :, 1])

    def by_seed(self) -> Results:
        """Mean and deviation over the seeds of both metrics, and their intervals."""
        means, ends = means_of(self.scored)
        values = {"mAP": [one.ap for one in means], "AUROC": [one.auroc for one in means]}
        return {name: mean_sd(each) for name, each in values.items()} | ends

    def shown(self) -> Results:
        """Both means, and their intervals."""
        return {k: v["mean"] if k in METRICS else v for k, v in self.by_seed().items()}

    def mean_of(self, name: str) -> float | None:
        """Mean over seeds of the average precision of one class."""
        return mean_sd([scores[name].ap for scores, _ in self.scored])["mean"]

    def less(self, other: "Score", name: str | None = None) -> Results:
        """The difference to another score of the same classes, with its intervals.

        ``name`` is that of the only class that counts; None: all do.
        """
        names = self.classes if name is None else [name]
        pair = [[of_classes(one, names) for one in side.scored] for side in (self, other)]
        own, others = ([macro(scores.values()) for scores, _ in side] for side in pair)
        found: dict[str, object] = {}
        for key, metric in METRICS.items():
            one, two = (
                mean_sd([getattr(m, metric) for m in side])["mean"] for side in (own, others)
            )
            found[key] = None if one is None or two is None else one - two
        return found | difference(*pair)


@dataclass(frozen=True)
class Scorer:
    """How predictions are scored, and what of them is shown.

    Many scores of an audit share labels and probabilities, so orders of studies and resampled
    scores of a class are kept: equal columns are ranked, and drawn, once.
    """

    draws: Draws  # of the patients of the test studies: the same for every score
    level: float  # share of test sets, or of the resamples, within an interval
    min_cell: int  # smallest number of positives, or negatives, of a class that is shown alone
    workers: int = 1  # threads
    orders: Orders = field(default_factory=Orders)
    kept: dict[bytes, Floats] = field(default_factory=dict)  # AP, AUROC of a class, (1 + R, 2)

    def score(self, labels: LabelSet, seeds: Sequence[Floats], cells: Bools | None = None) -> Score:
        """Score each seed's probabilities, (N, Q).

        Only the given cells count, (N, K) booleans; None: all.
        """
        known = labels.known(cells)
        counts = np.stack([(known == side).sum(axis=0) for side in (1, 0)], axis=1).tolist()
        at = [q for q, both in enumerate(counts) if all(both)]
        small = [is_small_class(yes, no, self.min_cell) for yes, no in counts]
        if tells_one_small([small[q] for q in at]):
            at = []
        guesses = [given[:, [labels.columns[q] for q in at]] for given in seeds]
        names = [labels.classes[q] for q in at]
        alone = [labels.classes[q] for q in at if not small[q]]
        return Score(self, known[:, at], guesses, names, alone)

    def scored(
        self, labels: Floats, seeds: Sequence[Floats], classes: Sequence[str]
    ) -> list[Scored]:
        """Score K classes by each seed; labels and probabilities are (N, K)."""
        options: dict[str, Any] = {"workers": self.workers, "orders": self.orders}
        given = self.draws.patient, self.level
        return [scored(labels, one, classes, *given, **options) for one in seeds]

    def drawn(self, labels: Floats, seeds: Sequence[Floats], *, ap: bool = True) -> Floats:
        """Mean over seeds of each class's average precision and AUROC, (1 + R, K, 2).

        First that of the studies themselves, then those of each resample of the patients. Average
        precision may be NaN unless ``ap``.
        """
        keys = [
            b"".join(map(digest, (truth, *guesses)))
            for truth, *guesses in zip(labels.T, *(one.T for one in seeds), strict=True)
        ]
        kept = {key for key, of in self.kept.items() if not (ap and np.isnan(of[0, 0]))}
        new = [q for q, key in enumerate(keys) if key not in kept]
        given = labels[:, new], [one[:, new] for one in seeds]
        found = seed_means(*given, self.draws, self.workers, self.orders, ap=ap)
        each = zip(new, found.ap.T, found.auroc.T, strict=True)
        self.kept.update({keys[q]: np.stack(both, axis=1) for q, *both in each})
        nothing = np.empty((1 + len(self.draws.counts), 0, 2))
        return np.stack([self.kept[key] for key in keys], axis=1) if keys else nothing
