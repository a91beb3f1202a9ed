"""Pseudo-labels: known labels of an external set, completed by a teacher's probabilities."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from camchex.aggregates.csv_files import write_csv
from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import FEWEST
from camchex.contract import rules, schemas, tables
from camchex.contract.image_store import ImageStore
from camchex.errors import DataError
from camchex.networks.batches import Floats, check_size
from camchex.networks.image_classifier import ImageClassifier
from camchex.networks.inference import predict
from camchex.networks.samples import ImageDataset, ImageSamples, label_matrix
from camchex.runs.devices import first_device
from camchex.runs.runtime import RuntimeParams
from camchex.sources.params import ExternalSets

QUANTILES = ("mean", "q05", "q50", "q95")


def pseudo_label(
    teacher: ImageClassifier,
    labels: Path,
    stores: Path,
    sets: ExternalSets,
    runtime: RuntimeParams,
    out: Path,
) -> dict[str, Results]:
    """Label every prepared image of each external set: known labels stay, others are predicted.

    For each set of section ``external``, published labels ``labels/<key>/labels.parquet``, null
    where unknown, and the image store ``stores/<key>`` are read, and ``out/<key>.parquet`` of
    ``schemas.pseudo_labels`` is written.

    Returns:
        Counts of images, and quantiles of predicted labels by class, for each set.

    Raises:
        DataError: If labels or images are missing, or labels are of other classes.
        ModelError: If the images do not fit the teacher.

    Source: paper section 3.1; docs/method.md, section 5 (unknown cells only, merged classes).
    """
    results, classes = dict[str, Results](), teacher.classes
    for key, published in read_published(labels, sets, classes).items():
        store = ImageStore(stores / key)
        prepared = pa.array([image_id in store for image_id in published["image_id"].to_pylist()])
        kept = published.filter(prepared).sort_by("image_id")
        ids = kept["image_id"].to_pylist()
        if len(ids) < rules.LEAST_SHARE * min(published.num_rows, len(store.image_ids)):
            raise DataError(
                f"{stores / key}: {len(ids):,} of {published.num_rows:,} images with labels in "
                f"{labels / key} are prepared. Are both of the same images? `dvc repro` makes them."
            )
        known = label_matrix(kept, classes)
        images = ImageDataset([ImageSamples(store, store.rows(ids), known)])
        check_size(images, teacher.image_size)
        filled = fill(known, predict(teacher, images, runtime), classes, sets[key].merged)
        predicted = {n: filled[np.isnan(known[:, i]), i] for i, n in enumerate(classes)}
        results[key] = {
            "images": len(ids),
            "images_not_prepared": len(published) - len(ids),
            "classes": {name: predicted_quantiles(values) for name, values in predicted.items()},
        }
        if first_device():
            schema = schemas.pseudo_labels(classes)
            columns = [pa.array(ids, pa.string()), *map(pa.array, filled.T)]
            table = pa.table(columns, names=schema.names).cast(schema)
            tables.write(table, out / f"{key}.parquet", schema)
    return results


def read_published(labels: Path, sets: ExternalSets, classes: Sequence[str]) -> dict[str, pa.Table]:
    """Read the published labels of each set, in the order of the keys.

    Raises:
        DataError: If a table is missing, of other classes or of another set, or sets of one source
            share an image.
    """
    schema = schemas.labels(classes)
    found = {key: tables.read(labels / key / "labels.parquet", schema) for key in sorted(sets)}
    for key, table in found.items():
        for problem in rules.wrong(table, "dataset", pc.equal(table["dataset"], key), key):
            raise DataError(f"{labels / key / 'labels.parquet'}: {problem}.")
    for source in sorted({one.source for one in sets.values()}):
        images = {key: t["image_id"] for key, t in found.items() if sets[key].source == source}
        tables.require_distinct_images(images, source)
    return found


def fill(
    known: Floats, probabilities: Floats, classes: Sequence[str], merged: tuple[str, str] | None
) -> Floats:
    """Complete known labels (N, Q), NaN where unknown, by a teacher's probabilities (N, Q).

    Of two positive ``merged`` classes, which the source annotates as one, the one that the teacher
    thinks less likely (the first if equal) becomes its probability.

    Source: docs/method.md, section 5 (the rule of CheXFusion for Nodule/Mass).
    """
    filled = np.where(np.isnan(known), probabilities, known)
    if merged is None or not set(merged) <= set(classes):
        return filled
    first, second = (list(classes).index(name) for name in merged)
    both = (known[:, first] == 1) & (known[:, second] == 1)
    less_likely = np.where(probabilities[:, first] <= probabilities[:, second], first, second)
    rows, columns = np.flatnonzero(both), less_likely[both]
    filled[rows, columns] = probabilities[rows, columns]
    return filled


def predicted_quantiles(predicted: Floats) -> Results:
    """Count predicted labels (N,), with mean and 5, 50 and 95 % quantiles unless they are few."""
    if len(predicted) < FEWEST:
        return {"predicted": len(predicted)}
    values = predicted.astype(np.float64)
    found = (values.mean(), *np.quantile(values, [0.05, 0.5, 0.95]))
    rounded = (round(float(value), 6) for value in found)
    return {"predicted": len(values), **dict(zip(QUANTILES, rounded, strict=True))}


def write_quantiles(sets: Mapping[str, Results], generation: int, path: Path) -> None:
    """Write results of :func:`pseudo_label` as CSV: a row per set and class, blank where hidden."""
    columns = ["predicted", *QUANTILES]
    rows = (
        [key, name, generation, *map(values.get, columns)]
        for key, found in sets.items()
        for name, values in found["classes"].items()
    )
    write_csv(["set", "class", "generation", *columns], rows, path)
