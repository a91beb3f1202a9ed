"""Probabilities of studies from image classifiers alone: the mean over the images of a study."""

from collections.abc import Mapping, Sequence

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
