"""Whether probabilities mean what they say, and where to draw the line between yes and no."""

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import has_enough_of_both
from camchex.scores.calibration import RULES, TINY, Calibration, Rule, rescale
from camchex.scores.metrics import Floats

BINS = 15  # Guo et al. 2017
SPECIFICITY = 0.9
COLDEST, HOTTEST = 0.01, 100.0  # temperatures: beyond them every probability is 0, 1 or 0.5
STEPS = 60  # of bisection: more than a float resolves


def brier(labels: Floats, probabilities: Floats) -> float | None:
    """Mean squared distance from the label of the known, (N,); None if none is known."""
    known = ~np.isnan(labels)
    return float(np.mean((probabilities[known] - labels[known]) ** 2)) if known.any() else None


def reliability(labels: Floats, probabilities: Floats, bins: int = BINS) -> list[list[float]]:
    """Mean probability, share of positives and count of each bin that holds a known label.

    Args:
        labels: 1, 0, or NaN where unknown, (N,).
        probabilities: (N,).
        bins: Of equal width, from 0 to 1.
    """
    known = ~np.isnan(labels)
    truth, guess = labels[known], probabilities[known]
    edges = np.linspace(0, 1, bins + 1)
    at = np.searchsorted(edges[1:-1], guess)
    count = np.bincount(at, minlength=bins)
    held = count > 0
    mean = np.bincount(at, guess, bins)[held] / count[held]
    share = np.bincount(at, truth, bins)[held] / count[held]
    rows: list[list[float]] = np.column_stack([mean, share, count[held]]).tolist()
    return rows


def expected_error(labels: Floats, probabilities: Floats, bins: int = BINS) -> float | None:
    """Expected calibration error of one class, (N,): distance of the reliability curve from y = x.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks.
    """
    rows = np.array(reliability(labels, probabilities, bins)).reshape(-1, 3)
    if not len(rows):
        return None
    return float(np.average(np.abs(rows[:, 0] - rows[:, 1]), weights=rows[:, 2]))


def fit_temperature(labels: Floats, probabilities: Floats) -> float:
    """The one temperature of all classes with the smallest cross-entropy.

    Args:
        labels: 1, 0, or NaN where unknown, (N, Q).
        probabilities: (N, Q).

    Returns:
        Between 0.01 and 100; 1 if no label is known.

    Source: Guo et al. 2017. The cross-entropy is convex in 1 / temperature, so its slope has one
    zero, which bisection finds.
    """
    known = ~np.isnan(labels)
    inside = np.clip(probabilities[known], TINY, 1 - TINY)
    logits, truth = np.log(inside) - np.log1p(-inside), labels[known]
    if not len(truth):
        return 1.0
    low, high = np.log(1 / HOTTEST), np.log(1 / COLDEST)
    for _ in range(STEPS):
        middle = (low + high) / 2
        guess = 1 / (1 + np.exp(-np.clip(np.exp(middle) * logits, -700, 700)))
        slope = float(np.mean((guess - truth) * logits))
        low, high = (middle, high) if slope < 0 else (low, middle)
    return float(np.exp(-(low + high) / 2))


def best_f1_threshold(labels: Floats, probabilities: Floats) -> float:
    """The strictest threshold with the largest F1, of known labels with a positive, (N,)."""
    precision, recall, thresholds = precision_recall_curve(labels, probabilities)
    total = precision[:-1] + recall[:-1]
    f1 = np.divide(
        2 * precision[:-1] * recall[:-1], total, out=np.zeros_like(total), where=total > 0
    )
    return float(thresholds[np.flatnonzero(f1 >= f1.max() - TINY)[-1]])


def specificity_threshold(labels: Floats, probabilities: Floats) -> float | None:
    """The loosest threshold with a specificity of at least 0.9, of known labels of both sides.

    Returns:
        None if every threshold that a study reaches calls too many of the negatives positive.
    """
    false, _, thresholds = roc_curve(labels, probabilities, drop_intermediate=False)
    reached = np.flatnonzero(false <= 1 - SPECIFICITY + TINY)
    found = float(thresholds[reached[-1]])
    return found if np.isfinite(found) else None


FITS: dict[Rule, Callable[[Floats, Floats], float | None]] = {
    "max_f1": best_f1_threshold,
    "specificity_90": specificity_threshold,
}


def fit(
    labels: Floats, probabilities: Floats, classes: Sequence[str], min_cell: int
) -> Calibration:
    """Fit temperature and thresholds to the development studies.

    Args:
        labels: 1, 0, or NaN where unknown, (N, Q).
        probabilities: (N, Q).
        classes: The Q names.
        min_cell: A class with fewer positives, or negatives, gets no threshold.
    """
    thresholds: dict[str, dict[Rule, float | None]] = {}
    for name, truth, guess in zip(classes, labels.T, probabilities.T, strict=True):
        known = ~np.isnan(truth)
        positives = int(truth[known].sum())
        enough = has_enough_of_both(positives, int(known.sum()) - positives, min_cell)
        thresholds[name] = {
            rule: FITS[rule](truth[known], guess[known]) if enough else None for rule in RULES
        }
    return Calibration(temperature=fit_temperature(labels, probabilities), thresholds=thresholds)


def calibration_scores(labels: Floats, probabilities: Floats, temperature: float) -> Results:
    """ECE and Brier score, means over the classes, as predicted and after scaling.

    Args:
        labels: 1, 0, or NaN where unknown, (N, Q).
        probabilities: (N, Q).
        temperature: Fitted on other studies.
    """
    scaled = rescale(probabilities, temperature)
    return {
        "ECE": _mean(expected_error, labels, probabilities),
        "ECE_scaled": _mean(expected_error, labels, scaled),
        "Brier": _mean(brier, labels, probabilities),
        "Brier_scaled": _mean(brier, labels, scaled),
        "temperature": temperature,
    }


def _mean(
    score: Callable[[Floats, Floats], float | None], labels: Floats, probabilities: Floats
) -> float | None:
    found = [score(y, p) for y, p in zip(labels.T, probabilities.T, strict=True)]
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if known else None
