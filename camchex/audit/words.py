"""Scores of the model where the indication names a finding, asks for it, or is silent on it."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import has_enough_of_both, shown_count, shown_share
from camchex.audit.mentions import Mention
from camchex.audit.scorer import Scorer
from camchex.scores.labelled_split import Bools, LabelSet
from camchex.scores.metrics import Floats

NAMING, NAMING_NONE = "naming_a_finding", "naming_none"
Seeds = Mapping[int, Floats]


def by_indication(labels: LabelSet, seeds: Seeds, names_any: Bools, scorer: Scorer) -> Results:
    """Score the model where the indication names any finding, and where it names none.

    Both scores are means over the classes with ``min_cell`` positives and negatives on both sides,
    so that they are of the same classes. Probabilities stand by seed, (N, Q); ``names_any``, (N,),
    says whether the indication names a finding.
    """
    named = np.broadcast_to(names_any[:, None], labels.labels.shape)
    return _compared(labels, seeds, {NAMING: named, NAMING_NONE: ~named}, scorer)


def by_mention(
    labels: LabelSet, seeds: Seeds, mentioned: NDArray[np.int8], scorer: Scorer
) -> Results:
    """Score the model where the indication asks for the very finding, states it, or is silent.

    A cell is a study and a class. Every class is scored among the studies that speak of it in the
    same way, and beside them among those silent on it, both averaged over the classes that have
    ``min_cell`` positives and negatives in both. Probabilities stand by seed, (N, Q);
    ``mentioned`` is a :class:`Mention` of each class by each study, (N, Q).
    """
    how, found = mentioned[:, list(labels.columns)], {}
    for name, kind in (("asked", Mention.ASKED), ("stated", Mention.STATED)):
        cells = how == kind
        truth = labels.labels[cells & ~np.isnan(labels.labels)]
        sides = {name: cells, "silent": how == Mention.SILENT}
        found[name] = {
            "cells": shown_count(len(truth), scorer.min_cell),
            "positive": shown_share(int(truth.sum()), len(truth), scorer.min_cell),
            **_compared(labels, seeds, sides, scorer),
        }
    return found


def _compared(
    labels: LabelSet, seeds: Seeds, sides: Mapping[str, Bools], scorer: Scorer
) -> dict[str, object]:
    """Scores of each side over the classes that both can score, and the first less the second."""
    counts = [
        [((labels.labels == v) & side).sum(axis=0) for v in (1, 0)] for side in sides.values()
    ]
    at = [
        q
        for q in range(len(labels.classes))
        if all(has_enough_of_both(yes[q], no[q], scorer.min_cell) for yes, no in counts)
    ]
    shared = labels.only([labels.classes[q] for q in at])
    given = list(seeds.values())
    scores = {key: scorer.score(shared, given, side[:, at]) for key, side in sides.items()}
    first, second = scores.values()
    return {
        "classes_scored": len(at),
        **{
            key: {
                "mean_prevalence": shared.mean_prevalence(sides[key][:, at]),
                **score.by_seed(),
            }
            for key, score in scores.items()
        },
        "difference": first.less(second),
    }
