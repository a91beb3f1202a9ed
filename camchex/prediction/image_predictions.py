"""Probabilities of studies from image classifiers alone: the mean over the images of a study."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract.tables import predictions_table
from camchex.errors import DataError, ModelError
from camchex.networks.batches import Floats, Rows, check_size
from camchex.networks.image_classifier import ImageClassifier
from camchex.networks.inference import predict
from camchex.networks.samples import Cohort, ImageDataset, ImageSamples
from camchex.runs.runtime import RuntimeParams

VIEWS = ("frontal", "lateral")


def predict_by_image(
    models: Mapping[str, ImageClassifier],
    cohort: Cohort,
    splits: Sequence[str],
    runtime: RuntimeParams,
) -> pa.Table:
    """Predict the studies of some splits: ``schemas.predictions`` in the order of the cohort.

    ``models`` holds the classifier of each of ``VIEWS``; both may be the same one.

    Raises:
        DataError: If a study has no image.
        ModelError: If the images do not fit a model, or the models know different classes.

    Source: paper Table 3, Single-View; docs/method.md, section 7 (ablation rows).
    """
    classes = models["frontal"].classes
    if models["lateral"].classes != classes:
        raise ModelError("the frontal and the lateral classifier differ in classes")
    part = cohort.table.filter(pc.field("split").isin(list(splits)))
    rows = cohort.store.rows(pc.list_flatten(part["image_ids"]).to_pylist())
    lateral = np.array(pc.list_flatten(part["views"]).to_pylist(), dtype=str) == "lateral"
    by_image = np.empty((len(rows), len(classes)), np.float32)
    for view, chosen in zip(VIEWS, (~lateral, lateral), strict=True):
        unknown = np.full((int(chosen.sum()), len(classes)), np.nan, np.float32)
        images = ImageDataset([ImageSamples(cohort.store, rows[chosen], unknown)])
        check_size(images, models[view].image_size)
        by_image[chosen] = predict(models[view], images, runtime)
    probabilities = study_means(by_image, pc.list_value_length(part["image_ids"]).to_numpy())
    return predictions_table(part["study_id"], part["split"], probabilities, classes)


def predict_views(
    models: Mapping[str, ImageClassifier],
    cohort: Cohort,
    splits: Sequence[str],
    runtime: RuntimeParams,
) -> Iterator[tuple[str, pa.Table]]:
    """Predict studies from the images of each view alone, by the classifier of that view.

    Args:
        models: The classifier of each of ``VIEWS``.
        cohort: The studies; those without an image of the view are left out.
        splits: Which splits are predicted.
        runtime: Section ``runtime``.

    Returns:
        The view, and its mean over such images of a study: ``schemas.predictions``.

    Raises:
        ModelError: If the images do not fit a model.
    """
    for view in VIEWS:
        part = replace(cohort, table=images_of(cohort.table, view))
        yield view, predict_by_image(models, part, splits, runtime)


def images_of(table: pa.Table, view: str) -> pa.Table:
    """Studies (``schemas.cohort``) with the images of one view; those without one are left out."""
    of_view = pc.equal(pc.list_flatten(table["views"]), view)
    parents = pc.list_parent_indices(table["views"]).filter(of_view).to_numpy()
    counts = np.bincount(parents, minlength=table.num_rows)
    offsets = pa.array(np.cumsum([0, *counts]), pa.int32())
    for name in ("image_ids", "views"):
        kept = pc.list_flatten(table[name]).filter(of_view).combine_chunks()
        column = table.schema.get_field_index(name)
        lists = pa.ListArray.from_arrays(offsets, kept).cast(table.schema.field(name).type)
        table = table.set_column(column, table.schema.field(name), lists)
    return table.filter(pa.array(counts > 0))


def study_means(by_image: Floats, counts: Rows) -> Floats:
    """Average the probabilities of all images (M, Q) over studies of ``counts`` images: (S, Q).

    Raises:
        DataError: If a study has no image.
    """
    if not counts.all():
        raise DataError("a study has no image: an image model says nothing of it. `dvc repro`.")
    if not len(counts):
        return by_image
    sums = np.add.reduceat(by_image.astype(np.float64), np.cumsum(counts) - counts)
    return (sums / counts[:, None]).astype(np.float32)
