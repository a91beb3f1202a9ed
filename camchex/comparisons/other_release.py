"""The labels of another release of CXR-LT (2024, task 2) on images that this model never saw."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from camchex.aggregates.results import Results
from camchex.comparisons.submission import output_for, rows_of_images
from camchex.errors import DataError
from camchex.scores.intervals import intervals_of
from camchex.scores.labelled_split import Split, matrix, numbered
from camchex.scores.metrics import Floats, macro, not_scored, optimism, score_classes
from camchex.scores.params import BootstrapParams


def score_other_release(
    labels: pa.Table,
    classes: list[str],
    cohort: pa.Table,
    test: Split,
    probabilities: Floats,
    params: BootstrapParams,
) -> Results:
    """Score the images of another release, leaving out patients that the model learnt from.

    Args:
        labels: image_id (each once), patient_id and a column for each class, as
            :func:`camchex.sources.mimic.cxr_lt.read_labels` returns them.
        classes: Classes of the labels; Normal is scored by the output for No Finding, if the model
            has no output for Normal.
        cohort: ``schemas.cohort``, of every split.
        test: The test studies.
        probabilities: Probabilities of the test studies, (N, Q); an image has those of its study.
        params: How intervals are found.

    Returns:
        Scores per image (``mAP_optimism``: how far the mAP may lie above that of endlessly many
        such images), and how many images of the release are scored, are of a patient in
        training or development, or are not in the test split.

    Raises:
        DataError: If nothing is left to score.
    """
    learnt = set(cohort.filter(pc.not_equal(cohort["split"], "test"))["patient_id"].to_pylist())
    row_of = rows_of_images(test)
    images, patients = labels["image_id"].to_pylist(), labels["patient_id"].to_pylist()
    overlap = np.array([patient in learnt for patient in patients], bool)
    predicted = np.array([image in row_of for image in images], bool)
    kept = np.flatnonzero(predicted & ~overlap)
    if not len(kept):
        raise DataError(
            f"none of the {len(images)} images can be scored: {int(overlap.sum())} are of patients "
            "in training or development, the others are not in the test split of the cohort."
        )
    outputs = {name: output_for(name, test.classes) for name in classes}
    columns = {name: column for name, column in outputs.items() if column is not None}
    known = list(columns)
    truth = matrix(labels.take(kept), known)
    guess = probabilities[[row_of[images[i]] for i in kept]][:, list(columns.values())]
    scores = score_classes(truth, guess, known)
    mean = macro(scores.values())
    patient = numbered([patients[i] for i in kept])
    return {
        "images": len(images),
        "images_scored": len(kept),
        "left_out": {
            "patient in training or development": int(overlap.sum()),
            "not in the test split": int((~predicted & ~overlap).sum()),
        },
        "mAP": mean.ap,
        "AUROC": mean.auroc,
        **intervals_of(truth, guess, known, patient, params.level).of_mean(scores),
        "mAP_optimism": optimism(scores.values()),
        "classes_scored": mean.classes,
        "classes_not_scored": not_scored(scores),
    }
