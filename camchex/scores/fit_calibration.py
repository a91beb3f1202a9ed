"""Calibration: whether probabilities are frequencies, and the lines that make them so.

Each class gets Platt's line over its log-odds. The lines of all classes are taken for draws from
one normal distribution, whose mean and covariance are estimated with them (empirical Bayes, by
expectation and maximisation). So a class with many positives keeps its own line, and one with few
is drawn towards the common one, by as much as its own studies leave open.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.special import expit

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import has_enough_of_both, is_small_class
from camchex.scores.calibration_file import Calibration, Platt, log_odds, rescale
from camchex.scores.decisions import fit_thresholds
from camchex.scores.metrics import Floats

BINS = 15  # Guo et al. 2017
COLDEST, HOTTEST = 0.01, 100.0  # temperatures: beyond them every probability is 0, 1 or 0.5
STEPS = 60  # of bisection, more than a float resolves; most of Newton, which takes about 5
HALVINGS = 30  # of a step of Newton that goes too far
CLOSE = 1e-10  # log-odds: a smaller step is none
UNCHANGED = np.array([0.0, 1.0])  # intercept and slope
WEAK = np.eye(2) / 10**2  # precision: keeps a line finite where a threshold divides all studies
SPREAD = np.diag([0.5**2, 0.25**2])  # of lines, before any is seen: counts as that of one class
ROUNDS = 30
LEAST_SLOPE = 0.01  # of a class that is ranked wrongly: nearly its prevalence, in the same order
DIGITS = 4  # of a line: log-odds, far below its error; the last bits differ between machines
KINDS = {"": "as predicted", "_calibrated": "calibrated", "_temperature": "one temperature"}
"""Names of the probabilities that are compared, by the end of a key of the scores."""


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
    logits, truth = log_odds(probabilities[known]), labels[known]
    if not len(truth):
        return 1.0
    low, high = np.log(1 / HOTTEST), np.log(1 / COLDEST)
    for _ in range(STEPS):
        middle = (low + high) / 2
        slope = float(np.mean((expit(np.exp(middle) * logits) - truth) * logits))
        low, high = (middle, high) if slope < 0 else (low, middle)
    return float(np.exp(-(low + high) / 2))


def fit_lines(labels: Floats, probabilities: Floats) -> tuple[Floats, Floats]:
    """Fit a line over the log-odds to each class, shrunk towards the common one.

    Args:
        labels: 1, 0, or NaN where unknown, (N, Q).
        probabilities: As the model gives them, (N, Q).

    Returns:
        Intercept and slope of each class, (Q, 2), and those that a further class would get, (2,);
        a slope is at least ``LEAST_SLOPE``. Without a known label nothing is changed.

    Source: empirical Bayes of a logistic model with random intercepts and slopes, each line's
    posterior taken for normal around its mode; Gelman and Hill 2007, chapter 14.
    """
    odds = log_odds(probabilities)
    pooled = fit_penalised(labels.reshape(-1, 1), odds.reshape(-1, 1), UNCHANGED[None], WEAK)[0][0]
    common, spread = pooled, SPREAD
    lines = np.tile(pooled, (labels.shape[1], 1))
    for _ in range(ROUNDS):
        precision, middle = np.linalg.inv(spread), np.tile(common, (len(lines), 1))
        lines, unsure = fit_penalised(labels, odds, middle, precision, lines, steps=1)
        # The common line and its spread before any class was seen count as one class more.
        common = np.vstack([lines, pooled]).mean(axis=0)
        apart = lines - common
        outer = apart[:, :, None] * apart[:, None, :] + unsure
        spread = np.concatenate([outer, SPREAD[None]]).mean(axis=0)
    middle = np.tile(common, (len(lines), 1))
    lines, _ = fit_penalised(labels, odds, middle, np.linalg.inv(spread), lines)
    flat = lines[:, 1] < LEAST_SLOPE
    if flat.any():  # the same, but with that slope
        middle = np.column_stack([np.full(flat.sum(), common[0]), np.full(flat.sum(), LEAST_SLOPE)])
        held = np.diag([1 / spread[0, 0], 1 / CLOSE])
        lines[flat] = fit_penalised(labels[:, flat], odds[:, flat], middle, held)[0]
    return _at_least(lines), _at_least(common)


def fit_penalised(
    labels: Floats,
    odds: Floats,
    middle: Floats,
    precision: Floats,
    start: Floats | None = None,
    steps: int = STEPS,
) -> tuple[Floats, Floats]:
    """Fit a line to each class on its own: the mode of its posterior, by Newton's method.

    Args:
        labels: 1, 0, or NaN where unknown, (N, Q).
        odds: Log-odds, (N, Q).
        middle: Mean of the normal prior of intercept and slope, (Q, 2).
        precision: Inverse of the prior's covariance, of all classes, (2, 2).
        start: Where the search begins, (Q, 2); None: at the middle.
        steps: Most steps of the search.

    Returns:
        Lines, (Q, 2), and the covariance of each, (Q, 2, 2).
    """
    known = ~np.isnan(labels)
    truth = np.where(known, labels, 0)

    def loss(lines: Floats) -> Floats:
        z, apart = lines[:, 0] + lines[:, 1] * odds, lines - middle
        entropy = np.where(known, np.logaddexp(0, z) - truth * z, 0).sum(axis=0)
        return np.asarray(entropy + np.einsum("qi,ij,qj->q", apart, precision, apart) / 2)

    lines = np.array(middle if start is None else start, np.float64)
    curvature = np.tile(precision, (len(lines), 1, 1))
    for _ in range(steps):
        chance = expit(lines[:, 0] + lines[:, 1] * odds)
        gap, weight = np.where(known, (chance - truth, chance * (1 - chance)), 0)
        gradient = np.stack([gap.sum(axis=0), (gap * odds).sum(axis=0)], axis=1)
        gradient += (lines - middle) @ precision
        sums = [(weight * odds**power).sum(axis=0) for power in range(3)]
        curvature = np.stack([sums[:2], sums[1:]]).transpose(2, 0, 1) + precision
        step = np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
        before = loss(lines)
        for _ in range(HALVINGS):
            worse = loss(lines - step) > before + CLOSE
            step[worse] /= 2
            if not worse.any():
                break
        lines = lines - step
        if np.abs(step).max(initial=0) < CLOSE:
            break
    return lines, np.asarray(np.linalg.inv(curvature), np.float64)


def fit_calibration(
    labels: Floats, probabilities: Floats, classes: Sequence[str], min_cell: int
) -> Calibration:
    """Fit lines, temperature and thresholds to the development studies.

    Labels, (N, Q), are 1, 0, or NaN where unknown. A class with fewer than ``min_cell`` positives,
    or negatives, gets the common line, since its own would tell of these few patients.
    """
    small = np.array([is_small_class(*counts, min_cell) for counts in _counts(labels)])
    own, common = fit_lines(labels[:, ~small], probabilities[:, ~small])
    lines = np.tile(common, (len(classes), 1))
    lines[~small] = own
    calibrated = rescale(probabilities, lines[:, 1], lines[:, 0])
    return Calibration(
        classes={
            name: Platt(intercept=line[0], slope=line[1])
            for name, line in zip(classes, lines.tolist(), strict=True)
        },
        thresholds=fit_thresholds(labels, calibrated, classes, min_cell),
        temperature=fit_temperature(labels, probabilities),
    )


def compared(
    probabilities: Floats, calibration: Calibration, classes: Sequence[str]
) -> dict[str, Floats]:
    """Probabilities of the test studies, (N, Q), by each of ``KINDS``."""
    return {
        "": probabilities,
        "_calibrated": calibration.calibrate(probabilities, classes),
        "_temperature": rescale(probabilities, 1 / calibration.temperature),
    }


def calibration_scores(
    labels: Floats, kinds: Mapping[str, Floats], development: Floats, min_cell: int
) -> Results:
    """Expected calibration error and Brier score of each of :func:`compared`.

    They are means over the classes with enough positives and negatives, on test and development,
    to be shown on their own; a mean with others would tell of their few studies.

    Args:
        labels: Of the test studies: 1, 0, or NaN where unknown, (N, Q).
        kinds: Their probabilities, (N, Q).
        development: Labels of the development studies, (M, Q).
        min_cell: Smallest count that is shown.

    Returns:
        ``ECE`` and ``Brier`` with the end of each kind; ``Brier_chance``, of one who says the
        share of positives in development of every study; and ``classes``, how many are averaged.
        None where no class is.
    """
    shown = [
        q
        for q, both in enumerate(zip(_counts(labels), _counts(development), strict=True))
        if all(has_enough_of_both(*counts, min_cell) for counts in both)
    ]
    chance = np.broadcast_to(np.nanmean(development[:, shown], axis=0), (len(labels), len(shown)))

    def mean(score: Callable[..., float | None], guesses: Floats) -> float | None:
        found = [score(y, p) for y, p in zip(labels[:, shown].T, guesses.T, strict=True)]
        return float(np.mean([one for one in found if one is not None])) if found else None

    return {
        **{f"ECE{end}": mean(expected_error, p[:, shown]) for end, p in kinds.items()},
        **{f"Brier{end}": mean(brier, p[:, shown]) for end, p in kinds.items()},
        "Brier_chance": mean(brier, chance),
        "classes": len(shown),
    }


def _counts(labels: Floats) -> list[tuple[int, int]]:
    """Positives and negatives of every class."""
    both = ((labels == value).sum(axis=0).tolist() for value in (1, 0))
    return [*zip(*both, strict=True)]


def _at_least(lines: Floats) -> Floats:
    rounded = np.round(lines, DIGITS)
    rounded[..., 1] = np.maximum(rounded[..., 1], LEAST_SLOPE)
    return np.asarray(rounded)
