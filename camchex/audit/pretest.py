"""Scores by pre-test probability: what a model tells beyond what the indication tells by itself.

The indication alone gives each study a probability of each finding, its pre-test probability. Among
studies of nearly equal pre-test probability the request is worth nothing, and the score is owed to
all else. A model that repeats the request is no better than chance there.

Source: arXiv 2509.19671 (test sets balanced by pre-test probability, from discharge notes); Austin
2011 (matching within 0.2 standard deviations of the log-odds).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import has_enough_of_both
from camchex.audit.scorer import Scorer, auroc_of
from camchex.scores.intervals import joined
from camchex.scores.labelled_split import Bools, LabelSet
from camchex.scores.metrics import Floats

STRATA = ("low", "middle", "high")
INDICATION = "indication"
WIDTH = 0.2  # standard deviations of the log-odds: studies further apart are not matched
LEAST = 1e-6  # probability: log-odds stay finite


def pretest_results(
    sets: Mapping[str, LabelSet],
    prior: Floats,
    inputs: Mapping[str, Sequence[Floats]],
    scorer: Scorer,
    seed: int,
) -> Results:
    """AUROC of every set of inputs among studies of nearly equal pre-test probability.

    Args:
        sets: Sets of labels.
        prior: Pre-test probabilities, (N, Q).
        inputs: Probabilities of each seed, (N, Q), by what the model was given.
        scorer: How scores are drawn.
        seed: Decides which of equally near studies are matched.

    Returns:
        By set of labels: ``classes_scored``, and for the prior itself (``indication``) and for
        every set of inputs the AUROC over ``all`` studies, in the ``low``, ``middle`` and ``high``
        third of the prior, ``within`` (the mean of the three), and ``matched``: with as many
        negatives as positives, pairwise of nearly the same prior. All are means over the same
        classes: those with enough positives and negatives in every part.
    """
    found = {}
    for key, labels in sets.items():
        own = prior[:, list(labels.columns)]
        parts = {**strata(own), "matched": matched(labels.labels, own, seed)}
        at = [q for q in range(len(labels.classes)) if _enough(labels, parts, q, scorer.min_cell)]
        shared = labels.only([labels.classes[q] for q in at])
        cells = {name: part[:, at] for name, part in parts.items()}
        given = {f"{INDICATION} alone": [prior], **inputs}
        rows = {name: _row(shared, seeds, cells, scorer) for name, seeds in given.items()}
        found[key] = {"classes_scored": len(at), "inputs": rows}
    return found


def strata(prior: Floats) -> dict[str, Bools]:
    """The thirds of each class's pre-test probabilities, (N, K) each; equal ones stay together."""
    lower, upper = np.quantile(prior, [1 / 3, 2 / 3], axis=0)
    low, high = prior <= lower, prior > upper
    return dict(zip(STRATA, (low, ~low & ~high, high), strict=True))


def matched(labels: Floats, prior: Floats, seed: int) -> Bools:
    """Choose for every class pairs of a positive and a negative of nearly equal prior, (N, K).

    In the order of the prior, each study is paired with the nearest one before it that has the
    other label and no partner, or is left without.

    Args:
        labels: 1, 0, or NaN where unknown, (N, K).
        prior: Pre-test probabilities, (N, K).
        seed: Decides the order of studies of equal prior.
    """
    draw, found = np.random.default_rng(seed), np.zeros(labels.shape, np.bool_)
    for column, (truth, given) in enumerate(zip(labels.T, prior.T, strict=True)):
        rows = draw.permutation(np.flatnonzero(~np.isnan(truth)))
        odds = logit(np.clip(given[rows], LEAST, 1 - LEAST))
        order = np.argsort(odds, kind="stable")
        pairs = _pairs(truth[rows[order]] == 1, odds[order], WIDTH * float(np.std(odds)))
        found[rows[order[pairs]], column] = True
    return found


def _pairs(positive: Bools, odds: Floats, width: float) -> NDArray[np.intp]:
    """Places, in the order of the odds, of the studies that have a partner."""
    alone: list[tuple[int, bool, float]] = []
    taken: list[int] = []
    for place, one in enumerate(zip(positive.tolist(), odds.tolist(), strict=True)):
        is_positive, value = one
        if alone and alone[-1][1] != is_positive and value - alone[-1][2] <= width:
            taken += alone.pop()[0], place
        else:
            alone.append((place, *one))
    return np.array(taken, np.intp)


def _enough(labels: LabelSet, parts: Mapping[str, Bools], column: int, min_cell: int) -> bool:
    """Whether every part has enough positives and negatives of a class."""
    truth = labels.labels[:, column]
    of_part = [truth[part[:, column]] for part in parts.values()]
    return all(
        has_enough_of_both(int((y == 1).sum()), int((y == 0).sum()), min_cell) for y in of_part
    )


def _row(
    labels: LabelSet, seeds: Sequence[Floats], cells: Mapping[str, Bools], scorer: Scorer
) -> Results:
    """AUROC of each part, and ``within``: the mean of the thirds, each class counting thrice."""
    known = {"all": labels.known(), **{name: labels.known(part) for name, part in cells.items()}}
    guesses = [given[:, list(labels.columns)] for given in seeds]
    scored = {name: scorer.scored(truth, guesses, labels.classes) for name, truth in known.items()}
    thirds = zip(*(scored[name] for name in STRATA), strict=True)
    scored["within"] = [joined(of_seed) for of_seed in thirds]
    row = dict[str, object]()
    for name, of_seeds in scored.items():
        value, ends = auroc_of(of_seeds)
        row |= {name: value, f"{name}_interval": ends}
    return row
