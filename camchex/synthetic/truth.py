"""How well pseudo-labels rank what is really there: known for invented patients only."""

from collections.abc import Mapping, Sequence
from statistics import mean

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from camchex.errors import DataError
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
        Macro AUROC over classes, per set and over all, and the classes that it averages; None where
        no class has ``MIN_CASES`` positives and negatives.

    Raises:
        DataError: If an image with pseudo-labels is missing from its labels or from the truth.
    """
    by_set = {key: _auroc(pseudo[key], labels[key], truth, classes) for key in pseudo}
    return {
        "AUROC": _mean([v for scores in by_set.values() for v in scores.values()]),
        "by_set": {
            key: {
                "AUROC": _mean([*scores.values()]),
                "classes": len(scores),
                "lowest": dict(sorted(scores.items(), key=lambda item: item[1])[:3]),
            }
            for key, scores in by_set.items()
        },
    }


def _mean(scores: Sequence[float]) -> float | None:
    return mean(scores) if scores else None


def _auroc(
    pseudo: pa.Table, labels: pa.Table, truth: pa.Table, classes: Sequence[str]
) -> dict[str, float]:
    """AUROC per class over the cells whose published label is unknown, to six decimals."""
    real = _rows_of(pseudo["image_id"], truth, "the hidden truth")
    published = _rows_of(pseudo["image_id"], labels, "the published labels")
    scores = {}
    for name in classes:
        known = published[name].is_valid().to_numpy()
        hidden = np.where(known, np.nan, real[name].to_numpy().astype(np.float64))
        score = score_class(hidden, pseudo[name].to_numpy())
        if score.auroc is not None and min(score.positives, score.negatives) >= MIN_CASES:
            scores[name] = round(score.auroc, 6)
    return scores


def _rows_of(image_ids: pa.ChunkedArray, table: pa.Table, what: str) -> pa.Table:
    """The rows of a table for some images, in their order; DataError if one is missing."""
    rows = pc.index_in(image_ids, table["image_id"])
    if rows.null_count:
        lost = image_ids.filter(pc.is_null(rows))
        raise DataError(
            f"{what}: lacks {len(lost)} of the {len(rows)} images with pseudo-labels, first "
            f"{lost[0].as_py()}. `dvc repro` makes both from the same raw files."
        )
    return table.take(rows)
