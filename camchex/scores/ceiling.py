"""Scores on synthetic studies as a share of the best possible ones.

The share is (ours - chance) / (ceiling - chance), of an average precision or of its mean over
classes with the prevalence (or its mean) as chance, and of an AUROC with 0.5.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from camchex.aggregates.results import Results
from camchex.scores.evaluate import class_row
from camchex.scores.labelled_split import Split
from camchex.scores.metrics import Floats, macro, score_classes

SHARE = "(ours - chance) / (ceiling - chance); chance: prevalence of AP and mAP, 0.5 of AUROC"
Values = Mapping[str, Any]
CHANCE = 0.5  # AUROC
FAR_BELOW = 0.5  # a share, of a finding
ROOM = 0.1  # AP above the prevalence, below which a ceiling leaves nothing to be far below


@dataclass(frozen=True)
class Compared:
    """One set of modalities.

    Attributes:
        ceiling: Probabilities of the best observer, (N, Q).
        bound: Whether the ceiling is an upper bound rather than the best there is.
        ours: Probabilities of a trained model by seed, (N, Q); empty where none was trained.
    """

    ceiling: Floats
    bound: bool
    ours: Mapping[int, Floats]


def compare_with_ceiling(split: Split, compared: Mapping[str, Compared], min_cell: int) -> Results:
    """Score the ceilings of each set of modalities, and ours beside them.

    A class with few positives (or negatives) counts in the means, but is not shown on its own.

    Args:
        split: The studies.
        compared: Ceiling and ours by set of modalities.
        min_cell: Smallest number of positives, or negatives, of a class that is shown.

    Returns:
        Per set: ``ceiling`` and ``ours`` (mAP and AUROC, ours as the mean over seeds), ``share``
        of both, ``far_below``: findings whose share of the AP is below ``FAR_BELOW``, lowest
        first; and ``per_class`` the same of each class.
    """
    return {
        "studies": len(split.labels),
        "sets": {name: _set(split, one, min_cell) for name, one in compared.items()},
    }


def share_of_ceiling(
    ours: float | None, ceiling: float | None, chance: float | None
) -> float | None:
    """The formula ``SHARE``; None where a value is missing or the ceiling is not above chance."""
    if ours is None or ceiling is None or chance is None or ceiling <= chance:
        return None
    return (ours - chance) / (ceiling - chance)


def _set(split: Split, one: Compared, min_cell: int) -> Results:
    best = score_classes(split.labels, one.ceiling, split.classes)
    seeds = [score_classes(split.labels, p, split.classes) for p in one.ours.values()]
    prevalence = [score.prevalence for score in best.values() if score.ap is not None]
    mean, means = macro(best.values()), [macro(scores.values()) for scores in seeds]
    per_class = {}
    for name, score in best.items():
        shown, *rows = (class_row(s, min_cell) for s in (score, *(seed[name] for seed in seeds)))
        per_class[name] = {
            "positives": shown["positives"],
            **_sides(
                {"AP": shown["prevalence"], "AUROC": CHANCE},
                {"AP": shown["AP"], "AUROC": shown["AUROC"]},
                rows,
            ),
        }
    return {
        "bound": one.bound,
        "seeds": len(seeds),
        **_sides(
            {"mAP": float(np.mean(prevalence)) if prevalence else None, "AUROC": CHANCE},
            {"mAP": mean.ap, "AUROC": mean.auroc},
            [{"mAP": ours.ap, "AUROC": ours.auroc} for ours in means],
        ),
        "far_below": _far_below(per_class),
        "per_class": per_class,
    }


def _sides(chance: Values, ceiling: Values, seeds: Sequence[Values]) -> Results:
    """Chance, ceiling, the mean of ours over seeds, and our share, of each score of the ceiling."""
    ours: dict[str, float | None] = {}
    for name in ceiling:
        known = [scores[name] for scores in seeds if scores[name] is not None]
        ours[name] = float(np.mean(known)) if known else None
    share = {name: share_of_ceiling(ours[name], ceiling[name], chance[name]) for name in ceiling}
    return {
        "chance": chance,
        "ceiling": ceiling,
        "ours": ours if seeds else None,
        "share": share if seeds else None,
    }


def _far_below(per_class: Mapping[str, Results]) -> list[str]:
    """Findings that a ceiling leaves room for and of which we reach little, lowest first."""
    shares = {
        name: row["share"]["AP"]
        for name, row in per_class.items()
        if row["share"]
        and row["share"]["AP"] is not None
        and row["ceiling"]["AP"] - row["chance"]["AP"] >= ROOM
    }
    return sorted((n for n, share in shares.items() if share < FAR_BELOW), key=lambda n: shares[n])
