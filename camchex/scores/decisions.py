"""Yes and no: thresholds, what they decide on test studies, and what a decision is worth.

All probabilities here are calibrated ones. Test studies of a class fall into four cells: positive
or negative, called yes or no. Where one cell is small, everything that would tell it is hidden.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.metrics import precision_recall_curve, roc_curve

from camchex.aggregates.csv_files import Row
from camchex.aggregates.small_cells import has_enough_of_both, is_small, is_small_class
from camchex.scores.calibration_file import RULES, TINY, Calibration, Rule
from camchex.scores.labelled_split import Bools, Split
from camchex.scores.metrics import Floats

SPECIFICITY = 0.9
SHARES = ("sensitivity", "specificity", "PPV", "NPV")
DECISIONS = (
    *("class", "rule", "threshold"),
    *(f"{share}{end}" for share in SHARES for end in ("", "_low", "_high")),
    "F1",
)
NET_BENEFIT = ("class", "threshold", "net_benefit", "call_all")
THRESHOLDS: Floats = np.linspace(0.02, 0.5, 25).round(2)
MEAN = "macro"
HIDDEN = (None, None, None)


def best_f1_threshold(labels: Floats, probabilities: Floats) -> float:
    """The strictest threshold with the largest F1, of known labels with a positive, (N,)."""
    precision, recall, thresholds = precision_recall_curve(labels, probabilities)
    total = precision[:-1] + recall[:-1]
    twice = 2 * precision[:-1] * recall[:-1]
    f1 = np.divide(twice, total, out=np.zeros_like(total), where=total > 0)
    return float(thresholds[np.flatnonzero(f1 >= f1.max() - TINY)[-1]])


def specificity_threshold(labels: Floats, probabilities: Floats) -> float | None:
    """The loosest threshold with a specificity of at least 0.9, of known labels of both sides.

    It is None if every threshold that a study reaches calls too many of the negatives positive.
    """
    false, _, thresholds = roc_curve(labels, probabilities, drop_intermediate=False)
    reached = np.flatnonzero(false <= 1 - SPECIFICITY + TINY)
    found = float(thresholds[reached[-1]])
    return found if np.isfinite(found) else None


def fit_thresholds(
    labels: Floats, calibrated: Floats, classes: Sequence[str], min_cell: int
) -> dict[str, dict[Rule, float | None]]:
    """Fit every rule's threshold of each class to the development studies.

    Labels, (N, Q), are 1, 0, or NaN where unknown. A threshold is fitted to at least ``min_cell``
    positives and as many negatives.
    """
    thresholds: dict[str, dict[Rule, float | None]] = {}
    for name, truth, guess in zip(classes, labels.T, calibrated.T, strict=True):
        known = truth[~np.isnan(truth)], guess[~np.isnan(truth)]
        positives = int(known[0].sum())
        enough = has_enough_of_both(positives, len(known[0]) - positives, min_cell)
        thresholds[name] = {
            "max_f1": best_f1_threshold(*known) if enough else None,
            "specificity_90": specificity_threshold(*known) if enough else None,
        }
    return thresholds


def share_interval(
    hit: Bools, patients: NDArray[np.intp], level: float
) -> tuple[float | None, float | None, float | None]:
    """A share with its interval; None thrice without a study.

    It is Wilson's score interval. Where patients have several studies, their number is divided by
    the design effect: the variance of the share between patients over that of single studies.

    Args:
        hit: Which of the studies count, (N,).
        patients: Number of the patient of each study, (N,).
        level: How often an interval is to hold the truth.

    Returns:
        Share, low and high end.

    Source: Wilson 1927; Cochran 1977, Sampling Techniques, section 3.12 (shares in clusters).
    """
    total = len(hit)
    if not total:
        return HIDDEN
    share = float(hit.mean())
    residual, clusters = np.bincount(patients, hit - share), len(np.unique(patients))
    alone = share * (1 - share)
    between = float((residual**2).sum()) / total * (1 - 1 / total) / (1 - 1 / max(clusters, 2))
    size = total / max(between / alone, 1) if alone else float(clusters)
    z = float(norm.ppf((1 + level) / 2))
    middle = (share + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z / (1 + z**2 / size) * np.sqrt(alone / size + z**2 / (4 * size**2))
    return share, max(float(middle - half), 0.0), min(float(middle + half), 1.0)


def decision_rows(
    test: Split, calibrated: Floats, calibration: Calibration, level: float, min_cell: int
) -> Iterator[Row]:
    """What the fitted thresholds decide on the test studies, as rows below ``DECISIONS``.

    Only classes that may be shown (``min_cell`` positives and negatives) and have a threshold get
    a row. Sensitivity is hidden where few positives are on one side; specificity, where few
    negatives are; the others need all four cells. The PPV of a threshold that no study reaches is
    None. Probabilities, (N, Q), are those of the test studies; the level is that of the intervals.
    """
    patient = np.unique(test.patients, return_inverse=True)[1]
    for name, at, truth, guess in _shown_classes(test, calibrated, min_cell):
        for rule in RULES:
            if (threshold := calibration.thresholds[name][rule]) is None:
                continue
            yes = guess >= threshold
            positive = truth == 1
            hits, missed, false, right = _cells(positive, yes)
            of_positives = not is_small_class(hits, missed, min_cell)
            of_negatives = not is_small_class(false, right, min_cell)
            every = of_positives and of_negatives
            parts = (  # of whom, who counts, whether it may be shown
                (positive, yes, of_positives),
                (~positive, ~yes, of_negatives),
                (yes, positive, every),
                (~yes, ~positive, every),
            )
            shares = [
                share_interval(hit[rows], patient[at][rows], level) if may else HIDDEN
                for rows, hit, may in parts
            ]
            f1 = 2 * hits / (2 * hits + missed + false) if every else None
            yield name, rule, threshold, *(end for share in shares for end in share), f1


def net_benefit_rows(test: Split, calibrated: Floats, min_cell: int) -> Iterator[Row]:
    """Decision curves: the net benefit of calling yes from each threshold on.

    It is the share of true positives less the share of false ones times t / (1 - t): who calls yes
    at a probability of t takes a false positive to be as bad as t / (1 - t) true ones are good.
    Calling nobody has 0; ``call_all`` is that of calling everybody. The rows of ``MEAN`` average
    the classes that may be shown. A point with a small cell is hidden, and the mean where it would
    tell a single such point.

    Source: Vickers and Elkin 2006, Decision Curve Analysis.
    """
    points, small = [], []
    for name, _, truth, guess in _shown_classes(test, calibrated, min_cell):
        positive = truth == 1
        for threshold in THRESHOLDS.tolist():
            hits, missed, false, right = _cells(positive, guess >= threshold)
            total, odds = len(truth), threshold / (1 - threshold)
            all_called = (hits + missed - (false + right) * odds) / total
            points.append((name, threshold, (hits - false * odds) / total, all_called))
            small.append(any(is_small(n, min_cell) for n in (hits, missed, false, right)))
    yield from (point for point, few in zip(points, small, strict=True) if not few)
    for threshold in THRESHOLDS.tolist():
        at = [i for i, point in enumerate(points) if point[1] == threshold]
        if at and sum(small[i] for i in at) != 1:
            means = np.mean([points[i][2:] for i in at], axis=0).tolist()
            yield MEAN, threshold, *means


def _shown_classes(
    test: Split, calibrated: Floats, min_cell: int
) -> Iterator[tuple[str, Bools, Floats, Floats]]:
    """Name, rows with a known label, labels and probabilities of each class that may be shown."""
    for name, truth, guess in zip(test.classes, test.labels.T, calibrated.T, strict=True):
        at = ~np.isnan(truth)
        positives = int((truth == 1).sum())
        if has_enough_of_both(positives, int(at.sum()) - positives, min_cell):
            yield name, at, truth[at], guess[at]


def _cells(positive: Bools, yes: Bools) -> tuple[int, int, int, int]:
    """True positives, false negatives, false positives and true negatives."""
    of_yes, of_no = (int((positive & yes).sum()), int((positive & ~yes).sum()))
    return of_yes, of_no, int((~positive & yes).sum()), int((~positive & ~yes).sum())
