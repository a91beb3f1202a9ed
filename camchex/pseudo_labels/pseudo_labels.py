"""A teacher's probabilities where an external set does not say."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from camchex.aggregates.small_cells import FEWEST
from camchex.contract import schemas
from camchex.contract.image_store import ImageStore
from camchex.networks.batches import Floats, check_size
from camchex.networks.image_classifier import ImageClassifier
from camchex.networks.inference import predict
from camchex.networks.samples import ImageDataset, ImageSamples, label_matrix
from camchex.runs.runtime import RuntimeParams


def pseudo_label(
    teacher: ImageClassifier,
    labels: pa.Table,
    store: ImageStore,
    merged: tuple[str, str] | None,
    runtime: RuntimeParams,
) -> tuple[pa.Table, dict[str, object]]:
    """Label every prepared image of an external set: what is known stays, the rest is predicted.

    Args:
        teacher: Of the last generation.
        labels: ``schemas.labels``, null where unknown.
        store: The prepared images of the set.
        merged: Two classes that the set annotates as one, between which the teacher decides.
        runtime: On what the teacher runs.

    Returns:
        ``schemas.pseudo_labels``, and how the predicted labels spread, by class.

    Raises:
        ModelError: If the images do not fit the teacher.

    Source: paper section 3.1; docs/method.md, section 5 (unknown cells only, merged classes).
    """
    prepared = pa.array([image_id in store for image_id in labels["image_id"].to_pylist()])
    kept = labels.filter(prepared).sort_by("image_id")
    ids = kept["image_id"].to_pylist()
    known = label_matrix(kept, teacher.classes)
    samples = ImageSamples(store=store, rows=store.rows(ids), targets=known)
    images = ImageDataset([samples])
    check_size(images, teacher.image_size)
    probabilities = predict(teacher, images, runtime)
    filled = fill(known, probabilities, teacher.classes, merged)
    columns = {"image_id": pa.array(ids, pa.string())}
    columns |= {n: pa.array(filled[:, i]) for i, n in enumerate(teacher.classes)}
    table = pa.table(columns).cast(schemas.pseudo_labels(teacher.classes))
    return table, {
        "images": len(ids),
        "images_not_prepared": len(labels) - len(ids),
        "classes": {
            name: spread(filled[np.isnan(known[:, i]), i]) for i, name in enumerate(teacher.classes)
        },
    }


def fill(
    known: Floats,
    probabilities: Floats,
    classes: Sequence[str],
    merged: tuple[str, str] | None,
) -> Floats:
    """Known labels, completed by a teacher.

    Where both of two merged classes are positive, only one of them need be: the one that the
    teacher thinks less likely becomes its probability (the first of the two if equal).

    Args:
        known: 1, 0, or NaN where unknown, (N, Q).
        probabilities: The teacher's, (N, Q).
        classes: The Q names.
        merged: Two classes that the source annotates as one.

    Source: docs/method.md, section 5 (the rule of CheXFusion for Nodule/Mass).
    """
    filled = np.where(np.isnan(known), probabilities, known)
    if merged is None or not set(merged) <= set(classes):
        return filled
    first, second = (list(classes).index(name) for name in merged)
    both = (known[:, first] == 1) & (known[:, second] == 1)
    first_is_lower = probabilities[:, first] <= probabilities[:, second]
    for column, lower in ((first, first_is_lower), (second, ~first_is_lower)):
        rows = both & lower
        filled[rows, column] = probabilities[rows, column]
    return filled


def spread(predicted: Floats) -> dict[str, object]:
    """How many labels were predicted, their mean and their 5, 50 and 95 % quantiles."""
    if len(predicted) < FEWEST:
        return {"predicted": len(predicted)}
    low, median, high = np.quantile(predicted.astype(np.float64), [0.05, 0.5, 0.95])
    return {
        "predicted": len(predicted),
        "mean": round(float(predicted.mean(dtype=np.float64)), 6),
        "q05": round(float(low), 6),
        "q50": round(float(median), 6),
        "q95": round(float(high), 6),
    }


def write_spreads(sets: Mapping[str, Mapping[str, Any]], generation: int, path: Path) -> None:
    """Write how one generation's labels spread: a row per external set and class, for DVC's plot.

    Args:
        sets: What :func:`pseudo_label` reports, by external set.
        generation: Of the teacher.
        path: A CSV; what is not shown is blank.
    """
    columns = ["predicted", "mean", "q05", "q50", "q95"]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, ["set", "class", "generation", *columns], lineterminator="\n")
        table.writeheader()
        for key, found in sets.items():
            for name, values in found["classes"].items():
                table.writerow({"set": key, "class": name, "generation": generation} | values)
