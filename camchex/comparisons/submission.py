"""Predictions in the format of CXR-LT's challenges: one row per image, one column per finding."""

from collections.abc import Sequence
from pathlib import Path

from camchex.aggregates.csv_files import write_csv
from camchex.errors import DataError
from camchex.scores.labelled_split import Split
from camchex.scores.metrics import Floats
from camchex.sources.csv.raw_table import read_csv, read_header

ID = "dicom_id"
STAND_IN = {"Normal": "No Finding", "No Finding": "Normal"}
"""Class whose output stands in for another class, which is not the same label.

Source: docs/method.md, section 4.2.
"""


def rows_of_images(test: Split) -> dict[str, int]:
    """The row of the study of every image."""
    studies = enumerate(test.table["image_ids"].to_pylist())
    return {image: row for row, images in studies for image in images}


def output_for(finding: str, classes: Sequence[str]) -> int | None:
    """Column of the output for a finding, or for the one that stands in; None without either."""
    names = (finding, STAND_IN.get(finding, finding))
    return next((list(classes).index(name) for name in names if name in classes), None)


def write_submission(test: Split, probabilities: Floats, sample: Path, out: Path) -> int:
    """Write the images and findings that a sample submission has, in its order.

    Args:
        test: The test studies.
        probabilities: Probabilities of the test studies, (N, Q); an image has those of its study.
        sample: ``test_sample_submission.csv`` or the like: dicom_id and the findings.
        out: The CSV file to hand in.

    Returns:
        The number of images.

    Raises:
        DataError: If the sample is none, names an image twice (the second line), or has images or
            findings that were not predicted.

    Source: the sample submissions of CXR-LT 2023 and 2024.
    """
    images, findings = _read(sample)
    outputs = [output_for(name, test.classes) for name in findings]
    columns = [column for column in outputs if column is not None]
    if len(columns) < len(findings):
        lacking = findings[outputs.index(None)]
        raise DataError(f"{sample}: the model has no output for {lacking}")
    row_of = rows_of_images(test)
    missing = [image for image in images if image not in row_of]
    if missing:
        raise DataError(
            f"{sample}: {len(missing)} of its {len(images)} images have no prediction: they are "
            "not of the test split of this cohort, or could not be read. The challenge takes no "
            "file without them."
        )
    rows = (
        [image, *(f"{v:.8g}" for v in probabilities[row_of[image], columns])] for image in images
    )
    write_csv([ID, *findings], rows, out)
    return len(images)


def _read(sample: Path) -> tuple[list[str], list[str]]:
    """Images and findings of a sample submission; a challenge takes every image once."""
    header = read_header(sample)
    if header[:1] != [ID] or len(header) == 1:
        raise DataError(f"{sample}: expected {ID} and the findings as its header")
    return read_csv(sample, [ID]).unique_ids(ID).to_pylist(), header[1:]
