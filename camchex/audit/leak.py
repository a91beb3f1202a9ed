"""Whether labels are positive because the indication names them.

MIMIC-CXR-JPG's labels are mined from findings and impression only, so they cannot see what the
requester wrote. Where they say that a finding is not there, the labels under audit should not say
otherwise more often just because the indication names it.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import shown_count, shown_share
from camchex.audit.mentions import told_once
from camchex.contract.labels import MIMIC_14
from camchex.scores.bootstrap import Draws, draw_patients, interval
from camchex.scores.labelled_split import matrix, mimic14_matrix
from camchex.scores.metrics import Floats
from camchex.scores.params import AuditParams, EvaluationParams
from camchex.scores.seeds import mean_sd
from camchex.texts.keywords import Bools, mentions

Counted = NDArray[np.int64]
AT_A_TIME = 50  # resamples whose weights are made into numbers with a fraction at once
BLANK = {"ruled_out": np.nan, "not_seen": 0.0}
"""Label of a blank in MIMIC-CXR-JPG, by which findings count as absent."""


@dataclass(frozen=True)
class Excess:
    """Counts of studies whose independent label is 0, by class and whether they name it.

    Arrays are (..., 2, Q): first those that do not name the class, then those that name it.
    """

    studies: Counted
    positive: Counted  # those of them that are labelled positive

    @property
    def share(self) -> Floats:
        """Share labelled positive of all named pairs of study and class."""
        found: Floats = self.positive[..., 1, :].sum(-1) / self._named
        return found

    @property
    def expected(self) -> Floats:
        """Share expected if each class had the rate that it has where it is not named."""
        rates = self.positive[..., 0, :] / np.maximum(self.studies[..., 0, :], 1)
        found: Floats = (self.studies[..., 1, :] * rates).sum(-1) / self._named
        return found

    @property
    def pooled(self) -> Floats:
        """How much more often a named finding is labelled positive: 0 if naming changes nothing."""
        return self.share - self.expected

    @property
    def _named(self) -> Counted:
        found: Counted = np.maximum(self.studies[..., 1, :].sum(-1), 1)
        return found


def excess(labels: Floats, independent: Floats, named: Bools, draws: Draws | None = None) -> Excess:
    """Count labels where independent ones, which do not see the indication, say "absent".

    Both are 1, 0, or NaN where unknown, (N, Q); ``named``, (N, Q), says whether the indication
    names the class. Given draws of the patients of these studies, there are counts of each of the R
    resamples, (R, 2, Q).
    """
    absent = (independent == 0) & ~np.isnan(labels)
    sides = np.stack([absent & ~named, absent & named])
    counted = np.stack([sides, sides & (labels == 1)])  # (2, 2, N, Q)
    if draws is None:
        return Excess(*np.einsum("abnq->abq", counted, dtype=np.int64))  # quicker than a sum
    patients, studies = draws.counts.shape[1], len(draws.patient)
    ones = np.ones(studies, np.float32)
    whose = csr_array((ones, (draws.patient, np.arange(studies))), shape=(patients, studies))
    by_patient = whose @ np.moveaxis(counted, 2, 0).reshape(studies, -1).astype(np.float32)
    blocks = np.array_split(draws.counts, max(len(draws.counts) // AT_A_TIME, 1))
    drawn = np.concatenate([block.astype(np.float32) @ by_patient for block in blocks])
    return Excess(*np.moveaxis(drawn.reshape(-1, 2, *counted.shape[1::2]), 1, 0).astype(np.int64))


def deal_out(patient: NDArray[np.intp], draw: np.random.Generator) -> NDArray[np.intp]:
    """Give each patient's studies the indications of another patient; the row given to each, (N,).

    A patient's indications repeat their words, and a patient's labels their errors, so that studies
    dealt out one by one would look more regular than chance is. Patients change among those with
    nearly as many studies (1, 2, 3 to 4, 5 to 8, ...); one with fewer gives some of them twice.
    """
    order = np.argsort(patient, kind="stable")
    sizes = np.bincount(patient)
    starts, donors = np.cumsum(sizes) - sizes, np.arange(len(sizes))
    group = np.ceil(np.log2(np.maximum(sizes, 1)))
    for one in np.unique(group):
        members = np.flatnonzero(group == one)
        donors[members] = draw.permutation(members)
    donor = np.repeat(donors, sizes)
    place = np.arange(len(patient)) - np.repeat(starts, sizes)
    given = np.empty(len(patient), np.intp)
    given[order] = order[starts[donor] + place % sizes[donor]]
    return given


@dataclass(frozen=True)
class Leak:
    """The excess, its interval, and what chance makes of it."""

    excess: Excess
    interval: Sequence[float] | None  # of the pooled excess, with other patients
    shuffled: Sequence[float]  # pooled excess with indications dealt out to other patients

    @property
    def found(self) -> bool:
        """Whether the excess is surely above 0, and out of reach of chance.

        Its interval lies above 0, and it is larger than in every shuffle, and by more than 3
        deviations.
        """
        mean, sd = float(np.mean(self.shuffled)), float(np.std(self.shuffled, ddof=1))
        above = self.interval is not None and self.interval[0] > 0
        return above and bool(self.excess.pooled > max(*self.shuffled, mean + 3 * sd))


def find_leak(
    labels: Floats,
    independent: Floats,
    named: Bools,
    draws: Draws,
    params: AuditParams,
    level: float,
) -> Leak:
    """Measure the excess, and what it would be if indications knew nothing of their patient.

    Args:
        labels: The labels under audit, as of :func:`excess`.
        independent: Labels that do not see the indication.
        named: Whether the indication names the class.
        draws: Of the patients of these studies.
        params: Shuffles and their seed.
        level: Share of the resamples within the interval.
    """
    draw = np.random.default_rng(params.seed)
    shuffled = (named[deal_out(draws.patient, draw)] for _ in range(params.shuffles))
    pooled = [float(excess(labels, independent, other).pooled) for other in shuffled]
    found = excess(labels, independent, named)
    drawn = excess(labels, independent, named, draws).pooled
    return Leak(found, interval(drawn, level, float(found.pooled)), pooled)


def named_shared(cohort: pa.Table, classes: Sequence[str]) -> Bools:
    """Whether each study's indication names each class that MIMIC-CXR-JPG has too, (N, K)."""
    shared = [name for name in classes if name in MIMIC_14]
    return told_once(cohort["indication"], partial(mentions, classes=shared))


def leak_results(
    cohort: pa.Table,
    classes: Sequence[str],
    named: Bools,
    params: AuditParams,
    evaluation: EvaluationParams,
    workers: int = 1,
) -> Results:
    """Look for labels that are positive because the indication names them, in all splits.

    The excess is the effect: how many more of a hundred named findings, that MIMIC-CXR-JPG rules
    out, are labelled positive than of the same findings where they are not named. ``named`` is that
    of :func:`named_shared`; ``workers`` threads change no number.

    Returns:
        ``found``, and the excess, with its interval, over the findings that MIMIC-CXR-JPG has as
        ``ruled_out`` (0) and as ``not_seen`` (0 or blank). Only the first decides: a blank may hide
        a finding that its labeler missed, and those that are there are named more often. ``found``
        is None where fewer than ``min_cell`` findings that are ruled out are named.
    """
    shared = [name for name in classes if name in MIMIC_14]
    labels = matrix(cohort, shared)
    given, min_cell = evaluation.bootstrap, evaluation.min_cell
    draws = draw_patients(cohort["patient_id"].to_pylist(), given.resamples, given.seed)

    def find(blank: float) -> Leak:
        independent = mimic14_matrix(cohort, shared, blank)
        return find_leak(labels, independent, named, draws, params, given.level)

    with ThreadPoolExecutor(max(workers, 1)) as pool:
        leaks = dict(zip(BLANK, pool.map(find, BLANK.values()), strict=True))
    decisive = leaks["ruled_out"]
    enough = int(decisive.excess.studies[1].sum()) >= min_cell
    results: dict[str, object] = {"found": decisive.found if enough else None}
    for kind, leak in leaks.items():
        found = leak.excess
        results[kind] = {
            "excess": float(found.pooled),
            "excess_interval": leak.interval,
            "share_positive": float(found.share),
            "share_expected": float(found.expected),
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
