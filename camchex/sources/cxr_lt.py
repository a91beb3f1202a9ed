"""CXR-LT: the images of a split and their labels, read by name so that releases may reorder."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from camchex.sources.raw_table import read_csv


def read_labels(path: Path, classes: Sequence[str]) -> pa.Table:
    """Read one split's file.

    Args:
        path: ``train.csv``, ``development.csv`` or ``test.csv``.
        classes: The label space.

    Returns:
        image_id, patient_id, study_id and one float32 column per class, in the file's order.

    Raises:
        DataError: If the file lacks a class, or at a label other than 1 and 0.

    Source: method, section 4. The 2024 release writes a study as ``s50414267``.
    """
    raw = read_csv(path, ["dicom_id", "subject_id", "study_id", *classes])
    return pa.table(
        {
            "image_id": raw.unique_ids("dicom_id"),
            "patient_id": raw.ids("subject_id"),
            "study_id": pc.replace_substring_regex(raw.ids("study_id"), "^s", ""),
            **{name: raw.labels(name, (1, 0)) for name in classes},
        }
    )


def read_splits(files: Mapping[str, Path], classes: Sequence[str]) -> pa.Table:
    """Read the file of every split into one table.

    Args:
        files: The file by split.
        classes: The label space.

    Returns:
        As :func:`read_labels`, with the column split.
    """
    parts = {split: read_labels(path, classes) for split, path in files.items()}
    return pa.concat_tables(
        [t.append_column("split", pa.repeat(split, t.num_rows)) for split, t in parts.items()]
    )
