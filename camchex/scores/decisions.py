"""How the thresholds that were fitted on the development studies do on the test studies."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from camchex.aggregates.csv_files import Row
from camchex.aggregates.small_cells import has_enough_of_both
from camchex.scores.calibration import RULES, Calibration
from camchex.scores.metrics import Floats
from camchex.scores.scored import Split

Bools = NDArray[np.bool_]
HEADER = ("class", "rule", "threshold", "sensitivity", "specificity", "precision", "F1")


def decision_rows(
    test: Split, probabilities: Floats, calibration: Calibration, min_cell: int
) -> Iterator[Row]:
    """Rows below ``HEADER``, of the classes that may be shown and have a threshold.

    Args:
        test: The test studies.
        probabilities: Theirs, (N, Q).
        calibration: Of the same model.
        min_cell: Smallest number of positives, or negatives, of a class that is shown.
    """
    for name, truth, guess in zip(test.classes, test.labels.T, probabilities.T, strict=True):
        known = ~np.isnan(truth)
        positive = truth[known] == 1
        if not has_enough_of_both(positive.sum(), (~positive).sum(), min_cell):
            continue
        for rule in RULES:
            threshold = calibration.thresholds[name][rule]
            if threshold is not None:
                yield name, rule, threshold, *_scores(positive, guess[known] >= threshold)


def _scores(positive: Bools, yes: Bools) -> tuple[float | None, ...]:
    """Sensitivity, specificity, precision (None without a yes) and F1, of booleans (N,)."""
    hits, called, there = int((positive & yes).sum()), int(yes.sum()), int(positive.sum())
    precision = hits / called if called else None
    return (
        hits / there,
        float((~yes[~positive]).mean()),
        precision,
        2 * hits / (called + there),
    )
