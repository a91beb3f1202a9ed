"""Pseudo-labels: known labels of an external set, completed by a teacher's probabilities."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from camchex.aggregates.csv_files import write_csv
from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import FEWEST
from camchex.contract import schemas
from camchex.contract.image_store import ImageStore
from camchex.networks.batches import Floats, check_size
from camchex.networks.image_classifier import ImageClassifier
from camchex.networks.inference import predict
from camchex.networks.samples import ImageDataset, ImageSamples, label_matrix
from camchex.runs.runtime import RuntimeParams

QUANTILES = ("mean", "q05", "q50", "q95")


def pseudo_label(
    teacher: ImageClassifier,
    labels: pa.Table,
    store: ImageStore,
    merged: tuple[str, str] | None,
    runtime: RuntimeParams,
) -> tuple[pa.Table, Results]:
    """Label every prepared image of an external set: known labels stay, the rest is predicted.

    Args:
        teacher: Classifier of the last generation.
        labels: Published labels, ``schemas.labels``, null where unknown.
        store: Prepared images of the set.
        merged: Two classes that the set annotates as one, between which the teacher decides.
        runtime: Devices and worker processes.

    Returns:
        Table of ``schemas.pseudo_labels``; counts of images, and quantiles of the predicted labels
        by class.

    Raises:
        ModelError: If the images do not fit the teacher.

    Source: paper section 3.1; docs/method.md, section 5 (unknown cells only, merged classes).
    """
    prepared = pa.array([image_id in store for image_id in labels["image_id"].to_pylist()])
    kept = labels.filter(prepared).sort_by("image_id")
    ids = kept["image_id"].to_pylist()
    known = label_matrix(kept, teacher.classes)
    images = ImageDataset([ImageSamples(store=store, rows=store.rows(ids), targets=known)])
    check_size(images, teacher.image_size)
    filled = fill(known, predict(teacher, images, runtime), teacher.classes, merged)
    columns = {"image_id": pa.array(ids, pa.string())}
    columns |= {n: pa.array(filled[:, i]) for i, n in enumerate(teacher.classes)}
    table = pa.table(columns).cast(schemas.pseudo_labels(teacher.classes))
    predicted = {n: filled[np.isnan(known[:, i]), i] for i, n in enumerate(teacher.classes)}
    return table, {
        "images": len(ids),
        "images_not_prepared": len(labels) - len(ids),
        "classes": {name: predicted_quantiles(values) for name, values in predicted.items()},
    }


def fill(
    known: Floats,
    probabilities: Floats,
    classes: Sequence[str],
    merged: tuple[str, str] | None,
) -> Floats:
    """Complete known labels by a teacher's probabilities.

    Where both of two merged classes are positive, only one of them need be: the one that the
    teacher thinks less likely (the first if equal) becomes its probability.

    Args:
        known: Labels 1, 0, or NaN where unknown, (N, Q).
        probabilities: Probabilities of the teacher, (N, Q).
        classes: Names of the Q classes.
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


def predicted_quantiles(predicted: Floats) -> Results:
    """Count predicted labels (N,), with mean and 5, 50 and 95 % quantiles unless they are few."""
    if len(predicted) < FEWEST:
        return {"predicted": len(predicted)}
    values = predicted.astype(np.float64)
    found = [values.mean(), *np.quantile(values, [0.05, 0.5, 0.95])]
    rounded = [round(float(value), 6) for value in found]
    return {"predicted": len(values)} | dict(zip(QUANTILES, rounded, strict=True))


def write_quantiles(sets: Mapping[str, Results], generation: int, path: Path) -> None:
    """Write the quantiles of one generation for ``dvc plots``: a row per external set and class.

    Args:
        sets: Second result of :func:`pseudo_label` by external set.
        generation: Generation of the teacher.
        path: CSV file; hidden values are blank.
    """
    columns = ["predicted", *QUANTILES]
    rows = (
        [key, name, generation, *map(values.get, columns)]
        for key, found in sets.items()
        for name, values in found["classes"].items()
    )
    write_csv(["set", "class", "generation", *columns], rows, path)
