"""The leak indicator over the whole cohort, as aggregates that may be published."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import shown_count, shown_share
from camchex.audit.leak import Leak, find_leak
from camchex.contract.labels import MIMIC_14
from camchex.scores.labelled_split import matrix, mimic14_matrix
from camchex.scores.params import AuditParams
from camchex.scores.seeds import mean_sd
from camchex.texts.keywords import mentions

BLANK = {"ruled_out": np.nan, "not_seen": 0.0}
"""What a blank is in MIMIC-CXR-JPG's labels, by which findings count as absent."""


def leak_results(
    cohort: pa.Table, classes: Sequence[str], params: AuditParams, min_cell: int
) -> Results:
    """Look for labels that are positive because the indication names them, in all splits.

    Args:
        cohort: ``schemas.cohort``.
        classes: The label space.
        params: Shuffles, and their seed.
        min_cell: Smallest number of studies that is shown.

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
        kind: find_leak(
            labels, mimic14_matrix(cohort, shared, blank), named, params.shuffles, params.seed
        )
        for kind, blank in BLANK.items()
    }
    decisive = leaks["ruled_out"]
    enough = int(decisive.excess.named.sum()) >= min_cell
    shown = {kind: _shown(leak, shared, min_cell) for kind, leak in leaks.items()}
    return {"found": decisive.found if enough else None, **shown}


def _shown(leak: Leak, classes: Sequence[str], min_cell: int) -> Results:
    return {
        "excess": leak.excess.pooled,
        "share_positive": leak.excess.share,
        "share_expected": leak.excess.expected,
        "excess_shuffled": {**mean_sd(leak.shuffled), "max": max(leak.shuffled)},
        "per_class": _per_class(leak, classes, min_cell),
    }


def _per_class(leak: Leak, classes: Sequence[str], min_cell: int) -> Results:
    found = leak.excess
    rows = {}
    for i, name in enumerate(classes):
        count = int(found.named[i])
        rows[name] = {
            "named": shown_count(count, min_cell),
            "rate_named": shown_share(int(found.named_positive[i]), count, min_cell),
            "rate_unnamed": shown_share(
                int(found.unnamed_positive[i]), int(found.unnamed[i]), min_cell
            ),
        }
    return rows
