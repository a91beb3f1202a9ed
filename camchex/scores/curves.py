"""Scores as DVC plots them: small CSV files without a value of a single patient."""

from collections.abc import Mapping
from itertools import chain

import numpy as np
from sklearn.metrics import precision_recall_curve

from camchex.aggregates.csv_files import Row, Table
from camchex.aggregates.small_cells import is_small_class
from camchex.scores.fit_calibration import KINDS, reliability
from camchex.scores.intervals import NONE, Intervals
from camchex.scores.labelled_split import Split
from camchex.scores.metrics import Floats, score_classes

RECALLS: Floats = np.linspace(0, 1, 21).round(2)
MACRO = "macro"
PER_CLASS = (
    *("class", "AP", "AUROC", "prevalence", "positives"),
    *("AP_low", "AP_high", "AUROC_low", "AUROC_high"),
)
RELIABILITY = ("probability", "mean_probability", "share_positive")


def score_curves(
    test: Split, probabilities: Floats, min_cell: int, intervals: Intervals
) -> dict[str, Table]:
    """Scores and precision-recall curves of the classes that may be shown, as tables by file name.

    Probabilities, (N, Q), and intervals (without them the bounds are empty) are those of the test
    studies. A class with fewer than ``min_cell`` positives, or negatives, is hidden.

    Returns:
        ``per_class``; ``precision_recall``, whose class ``macro`` is the mean curve; and
        ``precision_recall_macro``, the mean curve alone, as one line of a plot.
    """
    scores = score_classes(test.labels, probabilities, test.classes)
    shown = {name: score for name, score in scores.items() if score.may_be_shown(min_cell)}
    per_class: list[Row] = []
    for name, score in shown.items():
        ends = intervals.of_class(name, score, min_cell)
        low_high = (ends.get(f"{key}_interval") or NONE for key in ("AP", "AUROC"))
        numbers = score.ap, score.auroc, score.prevalence, score.positives
        per_class.append((name, *numbers, *chain.from_iterable(low_high)))
    curves = {
        name: precision_at(labels, guesses, RECALLS)
        for name, labels, guesses in zip(test.classes, test.labels.T, probabilities.T, strict=True)
        if name in shown
    }
    if curves:
        curves[MACRO] = np.mean(list(curves.values()), axis=0)
    points = [
        (name, float(recall), float(precision))
        for name, curve in curves.items()
        for recall, precision in zip(RECALLS, curve, strict=True)
    ]
    mean = [point[1:] for point in points if point[0] == MACRO]
    return {
        "per_class": (PER_CLASS, per_class),
        "precision_recall": (("class", "recall", "precision"), points),
        "precision_recall_macro": (("recall", "precision"), mean),
    }


def reliability_curves(
    test: Split, compared: Mapping[str, Floats], min_cell: int
) -> dict[str, Table]:
    """How sure the model was and how often it was right, as tables by file name.

    The probabilities are those of :func:`camchex.scores.fit_calibration.compared`. A bin with
    fewer than ``min_cell`` positives, or negatives, is hidden.

    Returns:
        ``reliability``, by class and bin; and ``reliability_all`` of all labels together, where
        few bins are too small.
    """
    each: list[Row] = []
    pooled: list[Row] = []
    for end, guesses in compared.items():
        kind = KINDS[end]
        columns = [*zip(test.classes, test.labels.T, guesses.T, strict=True)]
        for name, truth, guess in (*columns, (None, test.labels.ravel(), guesses.ravel())):
            for mean, share, count in reliability(truth, guess):
                if is_small_class(round(share * count), round((1 - share) * count), min_cell):
                    continue
                row = (kind, mean, share, int(count))
                pooled.append(row) if name is None else each.append((name, *row))
    return {
        "reliability": (("class", *RELIABILITY, "studies"), each),
        "reliability_all": ((*RELIABILITY, "labels"), pooled),
    }


def precision_at(labels: Floats, probabilities: Floats, recalls: Floats) -> Floats:
    """Precision at the strictest threshold that reaches each recall, not interpolated.

    Its mean over every reachable recall is the average precision. Labels, (N,), are 1 at least
    once, 0, or NaN where unknown; recalls, (R,), lie from 0 to 1.
    """
    known = ~np.isnan(labels)
    precision, recall, _ = precision_recall_curve(labels[known], probabilities[known])
    # scikit-learn goes from the loosest threshold to a made-up point at recall 0.
    rising, reached = precision[-2::-1], recall[-2::-1]
    at = np.searchsorted(reached, recalls - 1e-9)  # 1e-9: 0.15 is not always 3/20 in floats
    found: Floats = rising[at]
    return found
