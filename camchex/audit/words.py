"""Scores of the model where the indication names a finding, asks for it, or is silent on it."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import has_enough_of_both, shown_count, shown_share
from camchex.audit.mentions import Mention
from camchex.audit.scorer import Scorer
from camchex.scores.labelled_split import Bools, LabelSet
from camchex.scores.metrics import Floats, MacroScore
from camchex.scores.seeds import mean_sd

NAMING, NAMING_NONE = "naming_a_finding", "naming_none"
Seeds = Mapping[int, Floats]


def by_indication(labels: LabelSet, seeds: Seeds, names_any: Bools, scorer: Scorer) -> Results:
    """Score the model where the indication names any finding, and where it names none.

    Both scores are means over the classes with ``min_cell`` positives and negatives on both sides,
    so that they are of the same classes.

    Args:
        labels: Labels to score against.
        seeds: Probabilities by seed, (N, Q).
        names_any: Whether the indication names a finding, (N,).
        scorer: Draws, and the smallest cell that is shown.
    """
    named = np.broadcast_to(names_any[:, None], labels.labels.shape)
    return _compared(labels, seeds, {NAMING: named, NAMING_NONE: ~named}, scorer)


def by_mention(
    labels: LabelSet, seeds: Seeds, mentioned: NDArray[np.int8], scorer: Scorer
) -> Results:
    """Score the model where the indication asks for the very finding, states it, or is silent.

    A cell is a study and a class. Every class is scored among the studies that speak of it in the
    same way, and beside them among those silent on it, both averaged over the classes that have
    ``min_cell`` positives and negatives in both.

    Args:
        labels: Labels to score against.
        seeds: Probabilities by seed, (N, Q).
        mentioned: A :class:`Mention` of each class by each study, (N, Q).
        scorer: Draws, and the smallest cell that is shown.
    """
    how = mentioned[:, list(labels.columns)]
    silent = how == Mention.SILENT
    return {
        name: _cells(labels, how == kind, scorer.min_cell)
        | _compared(labels, seeds, {name: how == kind, "silent": silent}, scorer)
        for name, kind in (("asked", Mention.ASKED), ("stated", Mention.STATED))
    }


def _cells(labels: LabelSet, cells: Bools, min_cell: int) -> dict[str, object]:
    """Cells whose label is known, and the share of them that is positive."""
    truth = labels.labels[cells & ~np.isnan(labels.labels)]
    return {
        "cells": shown_count(len(truth), min_cell),
        "positive": shown_share(int(truth.sum()), len(truth), min_cell),
    }


def _compared(
    labels: LabelSet, seeds: Seeds, sides: Mapping[str, Bools], scorer: Scorer
) -> dict[str, object]:
    """Scores of each side over the classes that both can score, and the first less the second."""
    counts = [
        [((labels.labels == v) & side).sum(axis=0) for v in (1, 0)] for side in sides.values()
    ]
    kept = [
        name
        for q, name in enumerate(labels.classes)
        if all(has_enough_of_both(yes[q], no[q], scorer.min_cell) for yes, no in counts)
    ]
    at = [labels.classes.index(name) for name in kept]
    shared = labels.only(kept)
    given = list(seeds.values())
    scores = {key: scorer.score(shared, given, side[:, at]) for key, side in sides.items()}
    first, second = scores.values()
    return {
        "classes_scored": len(kept),
        **{
            key: {
                "mean_prevalence": shared.mean_prevalence(sides[key][:, at]),
                **mean_scores([shared.macro(p, sides[key][:, at]) for p in given]),
                **scorer.intervals(score),
            }
            for key, score in scores.items()
        },
        "difference": scorer.difference(first.minus(second)),
    }


def mean_scores(scores: Sequence[MacroScore]) -> dict[str, dict[str, float | None]]:
    """Mean and standard deviation over seeds of both metrics."""
    return {"mAP": mean_sd([s.ap for s in scores]), "AUROC": mean_sd([s.auroc for s in scores])}
