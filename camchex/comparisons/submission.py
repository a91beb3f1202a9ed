"""Predictions in the format of CXR-LT's challenges: one row per image, one column per finding."""

import csv
from collections.abc import Sequence
from pathlib import Path

from camchex.errors import DataError
from camchex.scores.labelled_split import Split
from camchex.scores.metrics import Floats

ID = "dicom_id"
SAME = {"Normal": "No Finding", "No Finding": "Normal"}
"""The output of the one stands in for the other, which is not the same label (method, 4.2)."""


def write_submission(test: Split, probabilities: Floats, sample: Path, out: Path) -> int:
    """Write the images and findings that a sample submission has, in its order.

    Args:
        test: The test studies.
        probabilities: Theirs, (N, Q); every image has those of its study.
        sample: ``test_sample_submission.csv`` or the like: dicom_id and the findings.
        out: The CSV file to hand in.

    Returns:
        The number of images.

    Raises:
        DataError: If the sample is none, or has images or findings that were not predicted.

    Source: the sample submissions of CXR-LT 2023 and 2024.
    """
    images, findings = _read(sample)
    columns = [_column(name, test.classes, sample) for name in findings]
    row_of = {
        image: row for row, ids in enumerate(test.table["image_ids"].to_pylist()) for image in ids
    }
    missing = [image for image in images if image not in row_of]
    if missing:
        raise DataError(
            f"{sample}: {len(missing)} of its {len(images)} images have no prediction: they are "
            "not of the test split of this cohort, or could not be read. The challenge takes no "
            "file without them."
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([ID, *findings])
        for image in images:
            table.writerow([image, *(f"{v:.8g}" for v in probabilities[row_of[image], columns])])
    return len(images)


def _read(sample: Path) -> tuple[list[str], list[str]]:
    try:
        with sample.open(newline="") as file:
            rows = list(csv.reader(file))
    except FileNotFoundError as error:
        raise DataError(f"{sample}: no such file. It comes with the labels of CXR-LT.") from error
    if not rows or rows[0][:1] != [ID] or len(rows[0]) == 1:
        raise DataError(f"{sample}: expected {ID} and the findings as its header")
    return [row[0] for row in rows[1:] if row], rows[0][1:]


def _column(name: str, classes: Sequence[str], sample: Path) -> int:
    for candidate in (name, SAME.get(name, name)):
        if candidate in classes:
            return list(classes).index(candidate)
    raise DataError(f"{sample}: the model has no output for {name}")
