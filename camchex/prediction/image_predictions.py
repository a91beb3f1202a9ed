"""Probabilities of studies from image classifiers alone: each image by itself, then their mean."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from camchex.contract import schemas
from camchex.errors import DataError, ModelError
from camchex.fusion.study_samples import StudySamples
from camchex.networks.batches import Floats, Rows, check_size
from camchex.networks.image_classifier import ImageClassifier
from camchex.networks.inference import predict
from camchex.networks.samples import ImageDataset, ImageSamples
from camchex.runs.runtime import RuntimeParams

VIEWS = ("frontal", "lateral")


def predict_by_image(
    models: Mapping[str, ImageClassifier], samples: StudySamples, runtime: RuntimeParams
) -> pa.Table:
    """Probabilities of studies (``schemas.predictions``), in their order.

    Args:
        models: The classifier of each view; may be one and the same.
        samples: Studies, each with an image.
        runtime: On what the models run.

    Raises:
        DataError: If a study has no image.
        ModelError: If the images do not fit a model, or the models know other classes.

    Source: paper Table 3, Single-View; docs/method.md, section 7 (ablation rows).
    """
    classes = models["frontal"].classes
    if models["lateral"].classes != classes:
        raise ModelError("the frontal and the lateral classifier differ in classes")
    lateral = np.concatenate([np.empty(0, np.bool_), *samples.lateral])
    rows = np.concatenate([np.empty(0, np.int64), *samples.rows])
    by_image = np.empty((len(rows), len(classes)), np.float32)
    for view, of_view in zip(VIEWS, (~lateral, lateral), strict=True):
        unknown = np.full((int(of_view.sum()), len(classes)), np.nan, np.float32)
        images = ImageDataset([ImageSamples(samples.store, rows[of_view], unknown)])
        check_size(images, models[view].image_size)
        by_image[of_view] = predict(models[view], images, runtime)
    probabilities = study_means(by_image, np.array([len(of_study) for of_study in samples.rows]))
    columns = {"study_id": samples.study_ids, "split": samples.splits}
    columns |= {name: pa.array(probabilities[:, i]) for i, name in enumerate(classes)}
    return pa.table(columns, schema=schemas.predictions(classes))


def study_means(by_image: Floats, counts: Rows) -> Floats:
    """Mean over the images of each study.

    Args:
        by_image: Probabilities of all images, study after study, (M, Q).
        counts: Images of each study, (S,).

    Returns:
        Probabilities, (S, Q).

    Raises:
        DataError: If a study has no image.
    """
    if not counts.all():
        raise DataError("a study has no image: an image model says nothing of it. `dvc repro`.")
    if not len(counts):
        return by_image
    sums = np.add.reduceat(by_image.astype(np.float64), np.cumsum(counts) - counts)
    return (sums / counts[:, None]).astype(np.float32)
