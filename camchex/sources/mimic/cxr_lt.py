"""CXR-LT: images of each split and their labels, read by column name in any order."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from camchex.contract.labels import CXR_LT_2023, CXR_LT_2024_TASK3, CXR_LT_2024_UNSEEN
from camchex.contract.tables import require_disjoint_patients
from camchex.sources.csv.lookup import require_known_columns, require_one_value_per_study
from camchex.sources.csv.raw_table import RawTable, read_csv, read_header
from camchex.sources.mimic.mimic_ids import mimic_ids

IDS = ("dicom_id", "subject_id", "study_id")
NOT_LABELS = (*IDS, "ViewPosition", "ViewCodeSequence_CodeMeaning", "path", "fpath")


def read_labels(path: Path, classes: Sequence[str]) -> pa.Table:
    """Read one split's file, of the release of 2023 or of any task of 2024.

    Returns:
        image_id, patient_id, study_id and one float32 column per class, in the file's order; null
        for a class of task 3 that the file lacks, as the training file does.

    Raises:
        DataError: If the file lacks a class, has a column that may be a further one, or a label
            other than 1 and 0.

    Source: docs/method.md, section 4. No Finding (2023) and Normal (2024) are different classes;
    neither is ever read as the other.
    """
    header = read_header(path)
    known = dict.fromkeys((*NOT_LABELS, *CXR_LT_2023, *CXR_LT_2024_TASK3, *classes))
    require_known_columns(header, known, str(path))
    absent = [name for name in CXR_LT_2024_UNSEEN if name in classes and name not in header]
    raw = read_csv(path, [*IDS, *(name for name in classes if name not in absent)])
    unknown = pa.nulls(raw.table.num_rows, pa.float32())
    labels = {n: unknown if n in absent else raw.labels(n, (1, 0)) for n in classes}
    return pa.table({**_ids(raw), **labels})


def read_ids(path: Path) -> pa.Table:
    """Read image_id, patient_id and study_id of any file of CXR-LT, with or without labels."""
    return pa.table(_ids(read_csv(path, IDS)))


def read_splits(files: Mapping[str, Path], classes: Sequence[str]) -> pa.Table:
    """Read the file of every split into one table of :func:`read_labels` and the column split.

    Raises:
        DataError: If an image is in two files, if two images of a study have different labels, and
            as :func:`read_labels`.
    """
    parts = {split: read_labels(path, classes) for split, path in files.items()}
    images = pa.concat_tables(
        [t.append_column("split", pa.repeat(split, t.num_rows)) for split, t in parts.items()]
    )
    origin = {split: str(path) for split, path in files.items()}
    require_disjoint_patients(images, origin, "image_id")
    require_one_value_per_study(images, classes, "CXR-LT", origin)
    return images


def _ids(raw: RawTable) -> dict[str, pa.Array]:
    return {"image_id": raw.unique_ids("dicom_id"), **mimic_ids(raw, "patient_id", "study_id")}
