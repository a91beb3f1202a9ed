"""Scores on synthetic studies as a share of the best possible ones.

The share is (ours - chance) / (ceiling - chance), of an average precision or of its mean over
classes with the prevalence (or its mean) as chance, and of an AUROC with 0.5.

The best observer gives many studies the same probability. No order among them is better than
another, so the ceiling's average precision is the mean over all orders. Scored in one step at their
end, as that of a model is, it would be lower, and a model that orders them by anything exceeds it.

Joint reading is compared with separate reading: what one model of each input says, put together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import logit

from camchex.aggregates.results import Results
from camchex.scores.calibration_file import log_odds
from camchex.scores.evaluate import class_row
from camchex.scores.labelled_split import Split
from camchex.scores.metrics import ClassScore, Floats, macro, score_class, score_classes
from camchex.scores.seeds import mean_sd

SHARE = "(ours - chance) / (ceiling - chance); chance: prevalence of AP and mAP, 0.5 of AUROC"
Pair = tuple[float | None, float | None]
Score = Callable[[Split, Floats], Mapping[str, ClassScore]]
CHANCE = 0.5  # AUROC
FAR_BELOW = 0.5  # a share, of a finding
REDRAWN = 1_000  # times that labels are drawn again
ROOM = 0.1  # AP above the prevalence, below which a ceiling leaves nothing to be far below


@dataclass(frozen=True)
class Compared:
    """Probabilities from one set of modalities, (N, Q)."""

    ceiling: Floats  # of the best observer
    bound: bool  # whether the ceiling is an upper bound rather than the best there is
    ours: Mapping[int, Floats]  # of a trained model by seed; empty where none was trained


def compare_with_ceiling(split: Split, compared: Mapping[str, Compared], min_cell: int) -> Results:
    """Score the ceilings of each set of modalities, and ours beside them.

    A class with fewer than ``min_cell`` positives (or negatives) counts in the means, but is not
    shown on its own.

    Returns:
        Per set: ``ceiling`` and ``ours`` (mAP and AUROC, ours as the mean over seeds), ``share``
        of both, ``far_below``: findings whose share of the AP is below ``FAR_BELOW``, lowest
        first; and ``per_class`` the same of each class.
    """
    return {
        "studies": len(split.labels),
        "sets": {name: _set(split, one, min_cell) for name, one in compared.items()},
    }


def expected_ap(labels: Floats, scores: Floats) -> Floats:
    """Average precision, mean over all orders of the rows that have the same score.

    Args:
        labels: 1 or 0, R sets of labels of the same rows, (R, N).
        scores: Numbers that rank, (N,).

    Returns:
        (R,); NaN where no label is positive.

    Source: McSherry and Najork 2008, Computing Information Retrieval Performance Measures
    Efficiently in the Presence of Tied Scores.
    """
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.nan) != 0)
    rank = np.arange(1, len(order) + 1)
    tied = np.diff(starts, append=len(order))
    within = rank - 1 - np.repeat(starts, tied)
    places, later = np.add.reduceat([1 / rank, within / rank], starts, axis=1)
    found = np.add.reduceat(labels[:, order], starts, axis=1)
    before = np.cumsum(found, axis=1) - found
    # A place among n tied rows with r positives holds one with r / n; of the rows of the group
    # above it, (r - 1) / (n - 1) are then positive.
    precision = (before + 1) * places + (found - 1) / np.maximum(tied - 1, 1) * later
    total = found.sum(axis=1)
    hits = (found / tied * precision).sum(axis=1)
    ap: Floats = np.full(len(labels), np.nan)
    return np.asarray(np.divide(hits, total, out=ap, where=total > 0))


def score_model(split: Split, probabilities: Floats) -> dict[str, ClassScore]:
    """Score a model, (N, Q), as everywhere: tied studies are called in one step."""
    return score_classes(split.labels, probabilities, split.classes)


def score_ceiling(split: Split, probabilities: Floats) -> dict[str, ClassScore]:
    """Score the best observer, (N, Q), with the mean over all orders of what it cannot order."""
    found = {}
    for name, truth, guess in zip(split.classes, split.labels.T, probabilities.T, strict=True):
        score, known = score_class(truth, guess), ~np.isnan(truth)
        ap = None if score.ap is None else float(expected_ap(truth[None, known], guess[known])[0])
        found[name] = replace(score, ap=ap)
    return found


def above_by_chance(split: Split, one: Compared, min_cell: int) -> dict[str, float]:
    """Findings in which ours scores above the ceiling, with how often chance alone would do that.

    A ceiling is the best that can be expected, and 400 studies may be kind to a model. Labels are
    drawn again from the ceiling's probabilities, which ours then knows nothing about beyond what
    the ceiling knows.

    Returns:
        By finding the share of the draws in which the AP of ours (mean over seeds) is above the
        ceiling's by as much as it is. If the ceiling holds, all shares from 0 to 1 are as likely,
        but for findings that are not listed.
    """
    random, found = np.random.default_rng(0), {}
    for q, (name, score) in enumerate(score_ceiling(split, one.ceiling).items()):
        known = ~np.isnan(split.labels[:, q])
        chance = one.ceiling[known, q]
        drawn = random.random((REDRAWN, len(chance))) < chance
        if not one.ours or not score.may_be_shown(min_cell):
            continue
        labels = np.vstack([split.labels[known, q], drawn]).astype(np.float64)
        ours = np.mean([expected_ap(labels, p[known, q]) for p in one.ours.values()], axis=0)
        gap, *gaps = ours - expected_ap(labels, chance)
        if gap > 0:
            found[name] = float(np.nanmean(np.asarray(gaps) >= gap))
    return found


def sum_of_log_odds(members: Sequence[Floats], prior: Floats) -> Floats:
    """Add up the log-odds of separate models, with the prior's counted once.

    These are the log-odds of a joint reading, if the inputs are independent given each label.

    Args:
        members: Probabilities from each input, (N, Q).
        prior: Probability of each label without any input, (Q,).

    Returns:
        Log-odds, (N, Q).
    """
    return np.asarray(log_odds(np.stack(members)).sum(0) - (len(members) - 1) * logit(prior))


def read_separately(members: Sequence[Compared], prior: Floats) -> dict[str, Compared]:
    """Put models of separate inputs together: ceilings with ceilings, and ours of each seed.

    Args:
        members: One for each input.
        prior: Probability of each label without any input, (Q,).

    Returns:
        Numbers that rank, by way of putting together: ``sum_of_log_odds`` and ``mean``.
    """
    seeds = [seed for seed in members[0].ours if all(seed in one.ours for one in members)]
    together: dict[str, Callable[[Sequence[Floats]], Floats]] = {
        "sum_of_log_odds": lambda all_of: sum_of_log_odds(all_of, prior),
        "mean": lambda all_of: np.asarray(np.mean(all_of, axis=0)),
    }
    return {
        name: Compared(
            join([one.ceiling for one in members]),
            any(one.bound for one in members),
            {seed: join([one.ours[seed] for one in members]) for seed in seeds},
        )
        for name, join in together.items()
    }


def gain(split: Split, joint: Compared, separate: Compared) -> Results:
    """Gain of joint over separate reading: the ceilings', ours of the same seed, and our share.

    Returns:
        ``mAP`` and ``AUROC``, each with ``ceiling`` (a difference), ``ours`` (mean and standard
        deviation over seeds) and ``share`` (mean of ours over the ceilings'; None where it is not
        known).
    """

    def differences(one: Floats, other: Floats, score: Score) -> list[float | None]:
        better, worse = (macro(score(split, p).values()) for p in (one, other))
        pairs = (better.ap, worse.ap), (better.auroc, worse.auroc)
        return [None if a is None or b is None else a - b for a, b in pairs]

    known = differences(joint.ceiling, separate.ceiling, score_ceiling)
    common = [seed for seed in joint.ours if seed in separate.ours]
    ours = [differences(joint.ours[seed], separate.ours[seed], score_model) for seed in common]
    found: dict[str, Any] = {}
    for i, name in enumerate(("mAP", "AUROC")):
        spread, best = mean_sd([one[i] for one in ours]), known[i]
        share = share_of_ceiling(spread["mean"], best, 0.0)
        found[name] = {"ceiling": best, "ours": spread, "share": share}
    return found


def share_of_ceiling(
    ours: float | None, ceiling: float | None, chance: float | None
) -> float | None:
    """The formula ``SHARE``; None where a value is missing or the ceiling is not above chance."""
    if ours is None or ceiling is None or chance is None or ceiling <= chance:
        return None
    return (ours - chance) / (ceiling - chance)


def _set(split: Split, one: Compared, min_cell: int) -> Results:
    best = score_ceiling(split, one.ceiling)
    seeds = [score_model(split, p) for p in one.ours.values()]
    prevalence = [score.prevalence for score in best.values() if score.ap is not None]
    chance = float(np.mean(prevalence)) if prevalence else None
    means = [macro(scores.values()) for scores in (best, *seeds)]
    per_class: dict[str, Any] = {}
    for name in best:
        rows = [class_row(scores[name], min_cell) for scores in (best, *seeds)]
        values = [(row["AP"], row["AUROC"]) for row in rows]
        sides = _sides("AP", rows[0]["prevalence"], values)
        per_class[name] = {"positives": rows[0]["positives"], **sides}
    shares = {  # of the findings that the ceiling leaves room for
        name: row["share"]["AP"]
        for name, row in per_class.items()
        if row["share"]
        and row["share"]["AP"] is not None
        and row["ceiling"]["AP"] - row["chance"]["AP"] >= ROOM
    }
    return {
        "bound": one.bound,
        "seeds": len(seeds),
        **_sides("mAP", chance, [(mean.ap, mean.auroc) for mean in means]),
        "far_below": sorted((n for n in shares if shares[n] < FAR_BELOW), key=lambda n: shares[n]),
        "per_class": per_class,
    }


def _sides(ap: str, prevalence: float | None, scores: Sequence[Pair]) -> Results:
    """Chance, ceiling, the mean of ours over seeds, and our share, of ``ap`` and of the AUROC.

    The scores are those of the ceiling, and then ours of each seed.
    """
    rows: dict[str, Any] = {"chance": {}, "ceiling": {}, "ours": {}, "share": {}}
    for name, chance, (best, *seeds) in zip(
        (ap, "AUROC"), (prevalence, CHANCE), zip(*scores, strict=True), strict=True
    ):
        known = [score for score in seeds if score is not None]
        ours = float(np.mean(known)) if known else None
        values = chance, best, ours, share_of_ceiling(ours, best, chance)
        for side, value in zip(rows.values(), values, strict=True):
            side[name] = value
    return rows if len(scores) > 1 else {**rows, "ours": None, "share": None}
