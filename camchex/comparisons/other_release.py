"""The labels of another release of CXR-LT (2024, task 2) on images that this model never saw."""

import numpy as np
import pyarrow as pa

from camchex.aggregates.results import Results
from camchex.comparisons.submission import SAME
from camchex.errors import DataError
from camchex.scores.bootstrap import bootstrap, draw_patients, mean_over, score_interval
from camchex.scores.labelled_split import Split, matrix
from camchex.scores.metrics import Floats, macro, not_scored, score_classes
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
        labels: image_id, patient_id and a column for each class, as
            :func:`camchex.sources.mimic.cxr_lt.read_labels` returns them.
        classes: Theirs; Normal is scored by the output for No Finding, if that is what there is.
        cohort: ``schemas.cohort``, of every split.
        test: Its test studies.
        probabilities: Theirs, (N, Q); an image has those of its study.
        params: How intervals are found.

    Returns:
        Scores per image, and how many of its images are scored, are of a patient in training or
        development, or are not in the cohort at all.

    Raises:
        DataError: If nothing is left to score.
    """
    learnt = {
        patient
        for patient, split in zip(
            cohort["patient_id"].to_pylist(), cohort["split"].to_pylist(), strict=True
        )
        if split != "test"
    }
    row_of = {
        image: row for row, ids in enumerate(test.table["image_ids"].to_pylist()) for image in ids
    }
    images, patients = labels["image_id"].to_pylist(), labels["patient_id"].to_pylist()
    overlap = np.array([patient in learnt for patient in patients], bool)
    predicted = np.array([image in row_of for image in images], bool)
    kept = np.flatnonzero(predicted & ~overlap)
    if not len(kept):
        raise DataError(
            f"none of the {len(images)} images can be scored: {int(overlap.sum())} are of patients "
            "in training or development, the others are not in the test split of the cohort."
        )
    known = [name for name in classes if name in test.classes or SAME.get(name) in test.classes]
    columns = [
        list(test.classes).index(name if name in test.classes else SAME[name]) for name in known
    ]
    truth = matrix(labels.take(kept), known)
    guess = probabilities[[row_of[images[i]] for i in kept]][:, columns]
    scores = score_classes(truth, guess, known)
    mean = macro(scores.values())
    draws = draw_patients([patients[i] for i in kept], params.resamples, params.seed)
    resampled = bootstrap(truth, guess, draws)
    scored = [q for q, score in enumerate(scores.values()) if score.ap is not None]
    return {
        "images": len(images),
        "images_scored": len(kept),
        "left_out": {
            "patient in training or development": int(overlap.sum()),
            "not in the test split": int((~predicted & ~overlap).sum()),
        },
        "mAP": mean.ap,
        "mAP_interval": score_interval(mean_over(resampled.ap, scored), params.level, mean.ap),
        "AUROC": mean.auroc,
        "AUROC_interval": score_interval(
            mean_over(resampled.auroc, scored), params.level, mean.auroc
        ),
        "classes_scored": mean.classes,
        "classes_not_scored": not_scored(scores),
    }
