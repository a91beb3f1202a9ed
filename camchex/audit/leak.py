"""Whether labels are positive because the indication names them.

MIMIC-CXR-JPG's labels are mined from findings and impression only, so they cannot see what the
requester wrote. Where they say that a finding is not there, the labels under audit should not say
otherwise more often just because the indication names it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import shown_count, shown_share
from camchex.contract.labels import MIMIC_14
from camchex.scores.labelled_split import matrix, mimic14_matrix
from camchex.scores.metrics import Floats
from camchex.scores.params import AuditParams
from camchex.scores.seeds import mean_sd
from camchex.texts.keywords import Bools, mentions

Counted = NDArray[np.int64]
BLANK = {"ruled_out": np.nan, "not_seen": 0.0}
"""Label of a blank in MIMIC-CXR-JPG, by which findings count as absent."""


@dataclass(frozen=True)
class Excess:
    """Counts of studies whose independent label is 0, by class and whether they name it, (2, Q)."""

    studies: Counted  # first those that do not name the class, then those that name it
    positive: Counted  # those of them that are labelled positive

    @property
    def share(self) -> float:
        """Share labelled positive of all named pairs of study and class."""
        return float(self.positive[1].sum() / max(self.studies[1].sum(), 1))

    @property
    def expected(self) -> float:
        """Share expected if each class had the rate that it has where it is not named."""
        rates = self.positive[0] / np.maximum(self.studies[0], 1)
        return float(self.studies[1] @ rates / max(self.studies[1].sum(), 1))

    @property
    def pooled(self) -> float:
        """How much more often a named finding is labelled positive: 0 if naming changes nothing."""
        return self.share - self.expected


def excess(labels: Floats, independent: Floats, named: Bools) -> Excess:
    """Count labels where independent ones, which do not see the indication, say "absent".

    Both are 1, 0, or NaN where unknown, (N, Q); ``named``, (N, Q), says whether the indication
    names the class.
    """
    absent = (independent == 0) & ~np.isnan(labels)
    sides = np.stack([absent & ~named, absent & named])
    return Excess(sides.sum(axis=1), (sides & (labels == 1)).sum(axis=1))


@dataclass(frozen=True)
class Leak:
    """The excess, beside what chance makes of it."""

    excess: Excess
    shuffled: Sequence[float]  # pooled excess with indications dealt out to other studies

    @property
    def found(self) -> bool:
        """Whether the excess is larger than in every shuffle, and by more than 3 deviations."""
        mean, sd = float(np.mean(self.shuffled)), float(np.std(self.shuffled, ddof=1))
        return self.excess.pooled > max(*self.shuffled, mean + 3 * sd)


def find_leak(labels: Floats, independent: Floats, named: Bools, params: AuditParams) -> Leak:
    """Measure the excess, and what it would be if indications knew nothing of their study.

    Arguments besides ``params`` (shuffles and their seed) are those of :func:`excess`.
    """
    draw = np.random.default_rng(params.seed)
    shuffled = (named[draw.permutation(len(named))] for _ in range(params.shuffles))
    pooled = [excess(labels, independent, other).pooled for other in shuffled]
    return Leak(excess(labels, independent, named), pooled)


def leak_results(
    cohort: pa.Table, classes: Sequence[str], params: AuditParams, min_cell: int
) -> Results:
    """Look for labels that are positive because the indication names them, in all splits.

    Returns:
        ``found``, and the excess over the findings that MIMIC-CXR-JPG has as ``ruled_out`` (0) and
        as ``not_seen`` (0 or blank). Only the first decides: a blank may hide a finding that its
        labeler missed, and those that are there are named more often. ``found`` is None where
        fewer than ``min_cell`` findings that are ruled out are named.
    """
    shared = [name for name in classes if name in MIMIC_14]
    labels = matrix(cohort, shared)
    named = mentions(cohort["indication"].to_pylist(), shared)
    leaks = {
        kind: find_leak(labels, mimic14_matrix(cohort, shared, blank), named, params)
        for kind, blank in BLANK.items()
    }
    decisive = leaks["ruled_out"]
    enough = int(decisive.excess.studies[1].sum()) >= min_cell
    results: dict[str, object] = {"found": decisive.found if enough else None}
    for kind, leak in leaks.items():
        found = leak.excess
        results[kind] = {
            "excess": found.pooled,
            "share_positive": found.share,
            "share_expected": found.expected,
            "excess_shuffled": {**mean_sd(leak.shuffled), "max": max(leak.shuffled)},
            "per_class": {
                name: {
                    "named": shown_count(studies[1], min_cell),
                    "rate_named": shown_share(positive[1], studies[1], min_cell),
                    "rate_unnamed": shown_share(positive[0], studies[0], min_cell),
                }
                for name, studies, positive in zip(
                    shared, found.studies.T.tolist(), found.positive.T.tolist(), strict=True
                )
            },
        }
    return results
