"""How well pseudo-labels rank what is really there: known for invented patients only."""

from collections.abc import Mapping, Sequence
from statistics import mean

import numpy as np
import pyarrow as pa
from sklearn.metrics import roc_auc_score

MIN_CASES = 10  # an AUROC over fewer positives or negatives says nothing


def score_pseudo_labels(
    pseudo: Mapping[str, pa.Table],
    labels: Mapping[str, pa.Table],
    truth: pa.Table,
    classes: Sequence[str],
) -> dict[str, object]:
    """Score the cells that a teacher filled in against the hidden truth.

    Args:
        pseudo: One generation's pseudo-labels per external set (``schemas.pseudo_labels``).
        labels: The published labels of the same sets; only their unknown cells are scored.
        truth: ``schemas.labels`` with a value in every cell.
        classes: The label space.

    Returns:
        Macro AUROC over classes, per set and over all, and the classes that it averages.
    """
    by_set = {key: _auroc(pseudo[key], labels[key], truth, classes) for key in pseudo}
    return {
        "AUROC": round(mean(v for scores in by_set.values() for v in scores.values()), 6),
        "by_set": {
            key: {
                "AUROC": round(mean(scores.values()), 6),
                "classes": len(scores),
                "lowest": dict(sorted(scores.items(), key=lambda item: item[1])[:3]),
            }
            for key, scores in by_set.items()
        },
    }


def _auroc(
    pseudo: pa.Table, labels: pa.Table, truth: pa.Table, classes: Sequence[str]
) -> dict[str, float]:
    """AUROC per class over the cells whose published label is unknown."""
    row = {image: i for i, image in enumerate(truth["image_id"].to_pylist())}
    rows = np.array([row[image] for image in pseudo["image_id"].to_pylist()])
    known = {image: i for i, image in enumerate(labels["image_id"].to_pylist())}
    published = np.array([known[image] for image in pseudo["image_id"].to_pylist()])
    scores = {}
    for name in classes:
        unknown = ~labels[name].is_valid().to_numpy()[published]
        real = truth[name].to_numpy()[rows][unknown]
        guess = pseudo[name].to_numpy()[unknown]
        if min(real.sum(), (1 - real).sum()) >= MIN_CASES:
            scores[name] = round(float(roc_auc_score(real, guess)), 6)
    return scores
