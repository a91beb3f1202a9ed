"""How well pseudo-labels rank what is really there: known for invented patients only."""

from collections.abc import Mapping, Sequence
from statistics import mean

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from camchex.scores.metrics import score_class

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
        labels: The published labels of these sets; only their unknown cells are scored.
        truth: ``schemas.labels`` with a value in every cell.
        classes: The label space.

    Returns:
        Macro AUROC over classes, per set and over all, and the classes that it averages.
    """
    by_set = {key: _auroc(pseudo[key], labels[key], truth, classes) for key in pseudo}
    return {
        "AUROC": mean(v for scores in by_set.values() for v in scores.values()),
        "by_set": {
            key: {
                "AUROC": mean(scores.values()),
                "classes": len(scores),
                "lowest": dict(sorted(scores.items(), key=lambda item: item[1])[:3]),
            }
            for key, scores in by_set.items()
        },
    }


def _auroc(
    pseudo: pa.Table, labels: pa.Table, truth: pa.Table, classes: Sequence[str]
) -> dict[str, float]:
    """AUROC per class over the cells whose published label is unknown, to six decimals."""
    real = truth.take(pc.index_in(pseudo["image_id"], truth["image_id"]))
    published = labels.take(pc.index_in(pseudo["image_id"], labels["image_id"]))
    scores = {}
    for name in classes:
        known = published[name].is_valid().to_numpy()
        hidden = np.where(known, np.nan, real[name].to_numpy().astype(np.float64))
        score = score_class(hidden, pseudo[name].to_numpy())
        if score.auroc is not None and min(score.positives, score.negatives) >= MIN_CASES:
            scores[name] = round(score.auroc, 6)
    return scores
