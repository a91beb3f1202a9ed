"""Is an explanation of a finding better than every baseline, and clearly so?"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from camchex.aggregates.results import Results
from camchex.errors import DataError

Floats = NDArray[np.float64]
LEAST = 8  # studies of a finding from which something is said of it
RESAMPLES = 1000  # draws of studies
LEVEL = 0.95  # of the one-sided interval
SEED = 0


class Measured(NamedTuple):
    """Scores of one explanation, and of its baselines, where it should have hit.

    Attributes:
        study: Number of the study.
        finding: The finding.
        view: frontal or lateral; empty for texts.
        scores: By name of the method or baseline, and by name of the score.
    """

    study: int
    finding: str
    view: str
    scores: Mapping[str, Mapping[str, float]]


def means(rows: Sequence[Measured]) -> dict[str, dict[str, float]]:
    """Mean of every score, by method or baseline.

    Raises:
        DataError: If there is nothing to average.
    """
    if not rows:
        raise DataError(
            "synthetic.studies: too few studies to measure explanations: none of those drawn has "
            "anything that an explanation should hit. Raise their number."
        )
    first = rows[0].scores
    return {
        name: {score: _column(rows, name, score).mean().item() for score in first[name]}
        for name in first
    }


def verdict(rows: Sequence[Measured], method: str, decisive: str) -> Results:
    """Judge an explanation of one finding.

    It is ``shown`` if each of its mean scores is higher than that of every baseline, the lead in
    the ``decisive`` score over every baseline is above 0 with confidence ``LEVEL`` (studies are
    drawn again), and there are at least ``LEAST`` studies.

    Args:
        rows: The scores for one finding.
        method: The explanation; everything else in ``scores`` is a baseline.
        decisive: The score whose lead has to be clear.

    Returns:
        ``shown``; numbers of ``studies`` and of ``places``; its ``scores``; the ``baseline`` that
        is not beaten, or else comes nearest in the decisive score; its ``baseline_scores``, and
        ``lead_at_least`` over it.
    """
    studies = len({row.study for row in rows})
    mean = means(rows)
    others = [name for name in mean if name != method]
    leads = {
        name: _lower_end(rows, _column(rows, method, decisive) - _column(rows, name, decisive))
        for name in others
    }
    unbeaten = [
        name
        for name in others
        if leads[name] <= 0 or any(mean[name][s] >= mean[method][s] for s in mean[method])
    ]
    nearest = min(unbeaten or others, key=lambda name: (leads[name], name))
    return {
        "shown": not unbeaten and studies >= LEAST,
        "studies": studies,
        "places": len(rows),
        "scores": mean[method],
        "baseline": nearest,
        "baseline_scores": mean[nearest],
        "lead_at_least": leads[nearest],
    }


def judged(rows: Sequence[Measured], method: str, decisive: str) -> Results:
    """Judge an explanation over all findings, by view, and of every finding by itself."""
    by_finding: dict[str, list[Measured]] = {}
    for row in rows:
        by_finding.setdefault(row.finding, []).append(row)
    views = sorted({row.view for row in rows} - {""})
    return {
        "method": method,
        "all": {**verdict(rows, method, decisive), "means": means(rows)},
        "by_view": {view: means([row for row in rows if row.view == view]) for view in views},
        "findings": {
            name: verdict(by_finding[name], method, decisive) for name in sorted(by_finding)
        },
    }


def _column(rows: Sequence[Measured], name: str, score: str) -> Floats:
    return np.array([row.scores[name][score] for row in rows])


def _lower_end(rows: Sequence[Measured], values: Floats) -> float:
    """Lower end of the interval of a mean over places, studies being drawn again."""
    _, owner = np.unique([row.study for row in rows], return_inverse=True)
    count = int(owner.max()) + 1
    sums, sizes = np.bincount(owner, values), np.bincount(owner)
    draws = np.random.default_rng(SEED).integers(count, size=(RESAMPLES, count))
    drawn = sums[draws].sum(1) / sizes[draws].sum(1)
    return float(np.quantile(drawn, 1 - LEVEL))
