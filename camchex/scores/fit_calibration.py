"""Calibration: whether probabilities are frequencies, and where yes and no are divided."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import expit, logit
from sklearn.metrics import precision_recall_curve, roc_curve

from camchex.aggregates.csv_files import Row
from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import has_enough_of_both
from camchex.scores.calibration_file import RULES, TINY, Calibration, Rule, rescale
from camchex.scores.labelled_split import Split
from camchex.scores.metrics import Floats

BINS = 15  # Guo et al. 2017
SPECIFICITY = 0.9
COLDEST, HOTTEST = 0.01, 100.0  # temperatures: beyond them every probability is 0, 1 or 0.5
STEPS = 60  # of bisection: more than a float resolves
DECISIONS = ("class", "rule", "threshold", "sensitivity", "specificity", "precision", "F1")


def brier(labels: Floats, probabilities: Floats) -> float | None:
    """Mean squared distance of the known labels, (N,), from theirs; None if no label is known."""
    known = ~np.isnan(labels)
    return float(np.mean((probabilities[known] - labels[known]) ** 2)) if known.any() else None


def reliability(labels: Floats, probabilities: Floats, bins: int = BINS) -> Floats:
    """Mean probability, share of positives and count of each bin with a known label, (bins, 3).

    Labels, (N,), are 1, 0, or NaN where unknown; the bins are of equal width, from 0 to 1.
    """
    known = ~np.isnan(labels)
    truth, guess = labels[known], probabilities[known]
    edges = np.linspace(0, 1, bins + 1)
    at = np.searchsorted(edges[1:-1], guess)
    count = np.bincount(at, minlength=bins)
    held = count > 0
    mean = np.bincount(at, guess, bins)[held] / count[held]
    share = np.bincount(at, truth, bins)[held] / count[held]
    return np.column_stack([mean, share, count[held]])


def expected_error(labels: Floats, probabilities: Floats, bins: int = BINS) -> float | None:
    """Expected calibration error of one class, (N,): distance of the reliability curve from y = x.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks.
    """
    mean, share, count = reliability(labels, probabilities, bins).T
    return float(np.average(np.abs(mean - share), weights=count)) if len(count) else None


def fit_temperature(labels: Floats, probabilities: Floats) -> float:
    """The one temperature of all classes with the smallest cross-entropy, from 0.01 to 100.

    Labels, (N, Q), are 1, 0, or NaN where unknown; the temperature is 1 if none is known.

    Source: Guo et al. 2017. The cross-entropy is convex in 1 / temperature, so its slope has one
    zero, which bisection finds.
    """
    known = ~np.isnan(labels)
    logits, truth = logit(np.clip(probabilities[known], TINY, 1 - TINY)), labels[known]
    if not len(truth):
        return 1.0
    low, high = np.log(1 / HOTTEST), np.log(1 / COLDEST)
    for _ in range(STEPS):
        middle = (low + high) / 2
        slope = float(np.mean((expit(np.exp(middle) * logits) - truth) * logits))
        low, high = (middle, high) if slope < 0 else (low, middle)
    return float(np.exp(-(low + high) / 2))


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


def fit_calibration(
    labels: Floats, probabilities: Floats, classes: Sequence[str], min_cell: int
) -> Calibration:
    """Fit temperature and thresholds to the development studies.

    Labels, (N, Q), are 1, 0, or NaN where unknown. A threshold is fitted to at least ``min_cell``
    positives and as many negatives.
    """
    thresholds: dict[str, dict[Rule, float | None]] = {}
    for name, truth, guess in zip(classes, labels.T, probabilities.T, strict=True):
        known = truth[~np.isnan(truth)], guess[~np.isnan(truth)]
        positives = int(known[0].sum())
        enough = has_enough_of_both(positives, len(known[0]) - positives, min_cell)
        thresholds[name] = {
            "max_f1": best_f1_threshold(*known) if enough else None,
            "specificity_90": specificity_threshold(*known) if enough else None,
        }
    return Calibration(temperature=fit_temperature(labels, probabilities), thresholds=thresholds)


def calibration_scores(labels: Floats, probabilities: Floats, temperature: float) -> Results:
    """Expected calibration error and Brier score, as predicted and after scaling.

    Both are means over the classes with a known label. Labels, (N, Q), are 1, 0, or NaN where
    unknown; the temperature was fitted on other studies.
    """
    scaled = rescale(probabilities, temperature)
    scores: dict[str, float | None] = {}
    for name, score in (("ECE", expected_error), ("Brier", brier)):
        for key, guesses in ((name, probabilities), (f"{name}_scaled", scaled)):
            found = [score(y, p) for y, p in zip(labels.T, guesses.T, strict=True)]
            known = [value for value in found if value is not None]
            scores[key] = float(np.mean(known)) if known else None
    return {**scores, "temperature": temperature}


def decision_rows(
    test: Split, probabilities: Floats, calibration: Calibration, min_cell: int
) -> Iterator[Row]:
    """Scores of the fitted thresholds on the test studies, as rows below ``DECISIONS``.

    Only classes that may be shown (``min_cell`` positives and negatives) and have a threshold get
    a row. The precision of a threshold that no study reaches is None.
    """
    for name, truth, guess in zip(test.classes, test.labels.T, probabilities.T, strict=True):
        known = ~np.isnan(truth)
        positive = truth[known] == 1
        positives = int(positive.sum())
        if not has_enough_of_both(positives, len(positive) - positives, min_cell):
            continue
        for rule in RULES:
            if (threshold := calibration.thresholds[name][rule]) is None:
                continue
            yes = guess[known] >= threshold
            hits, called = int((positive & yes).sum()), int(yes.sum())
            yield (
                *(name, rule, threshold, hits / positives, float((~yes[~positive]).mean())),
                hits / called if called else None,
                2 * hits / (called + positives),
            )
