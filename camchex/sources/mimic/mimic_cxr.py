"""MIMIC-CXR-JPG 2: images and studies, the official split, labels of the CheXpert labeler."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract.labels import MIMIC_14
from camchex.contract.schemas import IMAGES, MIMIC, STUDIES, study_labels
from camchex.sources.csv.lookup import (
    require_known_columns,
    require_one_value_per_study,
    values_of,
)
from camchex.sources.csv.raw_table import RawTable, read_csv, read_header
from camchex.sources.mimic.mimic_ids import PUBLISHED, mimic_ids
from camchex.sources.mimic.mimic_views import (
    VIEW_COLUMNS,
    count_contradicted,
    count_unknown_positions,
    decide_views,
)

METADATA = ("dicom_id", "subject_id", "study_id", "Rows", "Columns", "StudyDate", "StudyTime")
DATE = r"^\d{8}$"  # YYYYMMDD, shifted into the future
CLOCK = r"^\d{1,6}(\.\d*)?$"  # HHMMSS.fff without its leading zeros
DAY = pa.scalar(timedelta(days=1), pa.duration("s"))
A_DATE, A_CLOCK = "a date, YYYYMMDD", "a time, HHMMSS, with or without fraction"
OFFICIAL_SPLITS = {"train": "train", "validate": "development", "test": "test"}
"""Our name of each official split."""


def read_metadata(
    path: Path, folder: str, notes: Counter[str] | None = None
) -> tuple[pa.Table, pa.Table]:
    """Read ``mimic-cxr-2.0.0-metadata.csv.gz``: the images, and the studies that they make up.

    Args:
        path: The file.
        folder: Folder of the images.
        notes: How many images, and studies by the times of their images, contradict themselves is
            added here, if given.

    Returns:
        ``schemas.IMAGES``, and ``schemas.STUDIES`` with every split null. The time of a study is
        that of its earliest image; the path of an image starts with ``folder``.

    Raises:
        DataError: At an image listed twice, an unreadable date or number, a study of two patients.

    Source: docs/method.md, section 2.
    """
    raw = read_csv(path, [*METADATA, *VIEW_COLUMNS])
    ids = {
        "image_id": raw.unique_ids("dicom_id"),
        **mimic_ids(raw, "patient_id", "study_id"),
    }
    image, patient, study = ids.values()
    group = pc.utf8_slice_codeunits(patient, 0, 2)  # files/p10/p10000032/s50414267/<image_id>.jpg
    parts = [f"{folder}/files/p", group, "/p", patient, "/s", study, "/", image, ".jpg"]
    headers = {name: raw.text(name) for name in VIEW_COLUMNS}
    views, rules = decide_views(headers, study)
    if notes is not None:
        notes["view_position_against_view_code"] += count_contradicted(headers)
        notes["view_position_unknown"] += count_unknown_positions(headers)
    images = pa.table(
        {
            "dataset": pa.repeat(MIMIC, len(views)),
            **ids,
            "view_position": raw.text("ViewPosition"),
            "view": views,
            "view_source": rules,
            "path": pc.binary_join_element_wise(*parts, ""),
            "rows": raw.sizes("Rows"),
            "columns": raw.sizes("Columns"),
        }
    )
    require_one_value_per_study(images, ["patient_id"], str(path))
    timed = images.select(["study_id", "patient_id"]).append_column("study_time", study_times(raw))
    found = [("patient_id", "min"), ("study_time", "min"), ("study_time", "max")]
    studies = timed.group_by("study_id").aggregate(found)
    long = pc.subtract(studies["study_time_max"], studies["study_time_min"])
    if notes is not None:
        notes["studies_of_over_a_day"] += pc.sum(pc.greater(long, DAY)).as_py() or 0
    studies = studies.drop_columns("study_time_max")
    studies = studies.rename_columns(["study_id", "patient_id", "study_time"])
    studies = studies.append_column("split", pa.nulls(studies.num_rows, pa.string()))
    images, studies = images.cast(IMAGES), studies.cast(STUDIES)
    return images.sort_by("image_id"), studies.sort_by("study_id")


def study_times(raw: RawTable) -> pa.Array:
    """Return the time at which each image was taken, to the second.

    ``StudyTime`` was published as a float: 12 minutes 34 seconds after midnight reads ``1234.0``.
    Fractions of a second are cut off.

    Raises:
        DataError: At a blank cell, or one that is no date or time.
    """
    date, clock = raw.text("StudyDate"), raw.text("StudyTime")
    for column, values, form, expected in (
        ("StudyDate", date, DATE, A_DATE),
        ("StudyTime", clock, CLOCK, A_CLOCK),
    ):
        good = pc.fill_null(pc.match_substring_regex(values, form), fill_value=False)
        raw.refuse(pc.invert(good), column, expected)
    clock = pc.utf8_lpad(pc.replace_substring_regex(clock, r"\..*$", ""), 6, "0")

    def parsed(column: str, time: pa.Array | pa.Scalar, expected: str) -> pa.Array:
        stamps = pc.binary_join_element_wise(date, time, "")
        return raw.stamps(column, stamps, "%Y%m%d%H%M%S", expected)

    parsed("StudyDate", pa.scalar("000000"), A_DATE)
    return parsed("StudyTime", clock, A_CLOCK)


def require_same_ids(paths: Iterable[Path], images: pa.Table) -> None:
    """Check that tables say of their images, or studies, what the metadata say of them.

    Args:
        paths: Tables with ``dicom_id`` or ``study_id``, whose other ids, if any, are compared.
        images: ``schemas.IMAGES``, or a cohort; what is none of them is passed over.

    Raises:
        DataError: At the first image or study that is of another study or patient.
    """
    for path in paths:
        header = read_header(path)
        there = [name for name in ("study_id", "patient_id") if PUBLISHED[name][0] in header]
        image = ["dicom_id"] if "dicom_id" in header else []
        raw = read_csv(path, [*image, *(PUBLISHED[name][0] for name in there)])
        ids = dict(zip(["image_id"], map(raw.ids, image), strict=False)) | mimic_ids(raw, *there)
        key, *others = ids
        for name in others:
            known = values_of(ids[key], images, key, name)
            other = pc.fill_null(pc.not_equal(known, ids[name]), fill_value=False)
            whose = f"the {name[:-3]} of this {key[:-3]} in the metadata"
            raw.refuse(other, PUBLISHED[name][0], whose)


def read_official_split(path: Path) -> pa.Table:
    """Read ``mimic-cxr-2.0.0-split.csv.gz`` as image_id and split (train, development, test).

    Raises:
        DataError: At an image listed twice, or a split that is not one of ``OFFICIAL_SPLITS``.
    """
    raw = read_csv(path, ["dicom_id", "split"])
    split = raw.choices("split", OFFICIAL_SPLITS)
    named = pa.array([OFFICIAL_SPLITS[name] for name in split.to_pylist()], pa.string())
    return pa.table({"image_id": raw.unique_ids("dicom_id"), "split": named})


def read_mimic14(path: Path) -> pa.Table:
    """Read ``mimic-cxr-2.0.0-chexpert.csv.gz`` as ``schemas.study_labels``, values as published.

    Raises:
        DataError: At a study listed twice, a label other than 1, 0, -1 and blank, or a column that
            may be a new label.
    """
    require_known_columns(read_header(path), ("subject_id", "study_id", *MIMIC_14), str(path))
    raw = read_csv(path, ["study_id", *MIMIC_14])
    labels = {name: raw.labels(name, (1, 0, -1, None)) for name in MIMIC_14}
    study = raw.unique(mimic_ids(raw, "study_id")["study_id"], "study_id")
    table = pa.table({"study_id": study, **labels})
    return table.cast(study_labels(MIMIC_14)).sort_by("study_id")
