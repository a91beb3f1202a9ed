"""Scores as DVC plots them: small CSV files without a value of a single patient."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from sklearn.metrics import precision_recall_curve

from camchex.aggregates.csv_files import Row, write_csv
from camchex.aggregates.small_cells import is_small_class
from camchex.scores.calibration import rescale
from camchex.scores.fit_calibration import reliability
from camchex.scores.intervals import NO_SPREAD, Spread
from camchex.scores.metrics import ClassScore, Floats, score_classes
from camchex.scores.scored import Split

RECALLS: Floats = np.linspace(0, 1, 21).round(2)
MACRO = "macro"
PER_CLASS = (
    *("class", "AP", "AUROC", "prevalence", "positives"),
    *("AP_low", "AP_high", "AUROC_low", "AUROC_high"),
)
NONE = (None, None)


def write_curves(
    test: Split,
    probabilities: Floats,
    folder: Path,
    min_cell: int,
    spread: Spread = NO_SPREAD,
) -> None:
    """Write ``per_class.csv`` and ``precision_recall.csv`` of the classes that may be shown.

    ``precision_recall_macro.csv`` is the mean curve alone, as one line of a plot.

    Args:
        test: The test studies.
        probabilities: Theirs, (N, Q).
        folder: Made if need be.
        min_cell: Smallest number of positives, or negatives, of a class that is shown.
        spread: For the bounds of each score; without it they are empty.
    """
    scores = score_classes(test.labels, probabilities, test.classes)
    shown = {n: s for n, s in scores.items() if s.may_be_shown(min_cell)}
    rows = _per_class(shown, spread, min_cell)
    write_csv(PER_CLASS, rows, folder / "per_class.csv")
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
    write_csv(["class", "recall", "precision"], points, folder / "precision_recall.csv")
    macro = [row[1:] for row in points if row[0] == MACRO]
    write_csv(["recall", "precision"], macro, folder / "precision_recall_macro.csv")


def write_calibration_curves(
    test: Split, probabilities: Floats, temperature: float, folder: Path, min_cell: int
) -> None:
    """Write ``reliability.csv``: of every class and bin, how sure and how often right.

    ``reliability_all.csv`` is the same of all labels together, where few bins are too small.

    Args:
        test: The test studies.
        probabilities: Theirs, (N, Q).
        temperature: Fitted on the development studies.
        folder: Made if need be.
        min_cell: Smallest number of studies, positives or negatives of a bin that is shown.
    """
    kinds = {"as predicted": probabilities, "scaled": rescale(probabilities, temperature)}
    rows = [
        (name, kind, *row)
        for kind, guesses in kinds.items()
        for name, truth, guess in zip(test.classes, test.labels.T, guesses.T, strict=True)
        for row in _shown_bins(truth, guess, min_cell)
    ]
    header = ["class", "probability", "mean_probability", "share_positive", "studies"]
    write_csv(header, rows, folder / "reliability.csv")
    together = [
        (kind, *row)
        for kind, guesses in kinds.items()
        for row in _shown_bins(test.labels.ravel(), guesses.ravel(), min_cell)
    ]
    header = ["probability", "mean_probability", "share_positive", "labels"]
    write_csv(header, together, folder / "reliability_all.csv")


def _shown_bins(truth: Floats, guess: Floats, min_cell: int) -> Iterator[tuple[float, float, int]]:
    """Bins with as many studies, and positives and negatives, as may be shown, or none of them."""
    for mean, share, count in reliability(truth, guess):
        if not is_small_class(round(share * count), round((1 - share) * count), min_cell):
            yield mean, share, int(count)


def precision_at(labels: Floats, probabilities: Floats, recalls: Floats) -> Floats:
    """Precision at the strictest threshold that reaches each recall, not interpolated.

    Its mean over every reachable recall is the average precision.

    Args:
        labels: 1, 0, or NaN where unknown, (N,), with at least one positive.
        probabilities: (N,).
        recalls: From 0 to 1, (R,).

    Returns:
        Precision, (R,).
    """
    known = ~np.isnan(labels)
    precision, recall, _ = precision_recall_curve(labels[known], probabilities[known])
    # scikit-learn goes from the loosest threshold to a made-up point at recall 0.
    rising, reached = precision[-2::-1], recall[-2::-1]
    at = np.searchsorted(reached, recalls - 1e-9)  # 1e-9: 0.15 is not always 3/20 in floats
    found: Floats = rising[at]
    return found


def _per_class(scores: Mapping[str, ClassScore], spread: Spread, min_cell: int) -> Iterator[Row]:
    for name, score in scores.items():
        bounds = spread.of_class(name, score, min_cell)
        low, high = bounds.get("AP_interval") or NONE
        from_, to = bounds.get("AUROC_interval") or NONE
        yield (
            *(name, score.ap, score.auroc, score.prevalence, score.positives),
            *(low, high, from_, to),
        )
