"""Whether labels are positive because the indication names them.

MIMIC-CXR-JPG's labels are mined from findings and impression only, so they cannot see what the
requester wrote. Where they say that a finding is not there, the labels under audit should not say
otherwise more often just because the indication names it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camchex.scores.metrics import Floats
from camchex.texts.keywords import Bools

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Excess:
    """Studies in which independent labels are 0, by whether the class was named; each (Q,).

    Attributes:
        named: Studies whose indication names the class.
        named_positive: Of these, labelled positive.
        unnamed: Studies whose indication does not.
        unnamed_positive: Of these, labelled positive.
    """

    named: Counts
    named_positive: Counts
    unnamed: Counts
    unnamed_positive: Counts

    @property
    def share(self) -> float:
        """Of all named pairs of study and class, the share labelled positive."""
        return float(self.named_positive.sum() / max(self.named.sum(), 1))

    @property
    def expected(self) -> float:
        """The same share, had each class the rate that it has where it is not named."""
        rates = self.unnamed_positive / np.maximum(self.unnamed, 1)
        return float(self.named @ rates / max(self.named.sum(), 1))

    @property
    def pooled(self) -> float:
        """How much more often a named finding is labelled positive: 0 if naming changes nothing."""
        return self.share - self.expected


@dataclass(frozen=True)
class Leak:
    """The excess, beside what chance makes of it.

    Attributes:
        excess: As found.
        shuffled: Pooled excess with indications dealt out to other studies, once per shuffle.
    """

    excess: Excess
    shuffled: Sequence[float]

    @property
    def found(self) -> bool:
        """Whether the excess is larger than in every shuffle, and by more than 3 deviations."""
        mean, sd = float(np.mean(self.shuffled)), float(np.std(self.shuffled, ddof=1))
        return self.excess.pooled > max(*self.shuffled, mean + 3 * sd)


def excess(labels: Floats, independent: Floats, named: Bools) -> Excess:
    """Count labels where independent ones say that the finding is absent.

    Args:
        labels: Under audit: 1, 0, or NaN where unknown, (N, Q).
        independent: Of the same classes: 1, 0, or NaN where they do not say, (N, Q).
        named: Which classes the indication names, (N, Q).
    """
    absent = (independent == 0) & ~np.isnan(labels)
    positive = labels == 1
    return Excess(
        named=(absent & named).sum(axis=0),
        named_positive=(absent & named & positive).sum(axis=0),
        unnamed=(absent & ~named).sum(axis=0),
        unnamed_positive=(absent & ~named & positive).sum(axis=0),
    )


def find_leak(labels: Floats, independent: Floats, named: Bools, shuffles: int, seed: int) -> Leak:
    """Measure the excess, and what it would be if indications knew nothing of their study.

    Args:
        labels: Under audit, (N, Q).
        independent: Labels that do not see the indication, (N, Q).
        named: Which classes the indication names, (N, Q).
        shuffles: Times that indications are dealt out to other studies.
        seed: Of the shuffles.
    """
    draw = np.random.default_rng(seed)
    return Leak(
        excess(labels, independent, named),
        [
            excess(labels, independent, named[draw.permutation(len(named))]).pooled
            for _ in range(shuffles)
        ],
    )
