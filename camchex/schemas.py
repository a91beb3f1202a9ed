"""The schema of every table that crosses a stage boundary: the data dictionary as code.

Every table is sorted by its primary key. Ids are text, as published. An unknown label is null.
"""

from collections.abc import Iterable

import pyarrow as pa


def _required(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


IMAGES = pa.schema(
    [
        _required("dataset", pa.string()),  # mimic, or the key of the set in params.yaml
        _required("image_id", pa.string()),  # primary key within a dataset
        _required("patient_id", pa.string()),
        _required("study_id", pa.string()),  # a set without studies: one per image
        pa.field("view_position", pa.string()),  # as published (AP, PA, LL, ...)
        _required("view", pa.string()),  # frontal or lateral: which encoder reads it
        _required("view_source", pa.string()),  # which rule decided it
        _required("path", pa.string()),  # below data.root
        pa.field("rows", pa.int32()),  # pixels, as published
        pa.field("columns", pa.int32()),
    ]
)
STUDIES = pa.schema(
    [
        _required("study_id", pa.string()),  # primary key
        _required("patient_id", pa.string()),
        _required("study_time", pa.timestamp("ms")),  # whole seconds; Parquet has no coarser unit
        pa.field("split", pa.string()),  # train, development, test; null: in none of them
    ]
)
INDICATIONS = pa.schema(
    [
        _required("study_id", pa.string()),  # primary key
        pa.field("indication_raw", pa.string()),  # sections as written; null: none
        pa.field("indication", pa.string()),  # cleaned; null: none
        pa.field("source_section", pa.string()),  # indication, history, both; null: none
        _required("findings_suspected", pa.bool_()),  # reads like findings, not like a request
    ]
)
VITAL_SIGNS = {
    "temperature_f": "temperature",  # degrees Fahrenheit
    "heart_rate_bpm": "heartrate",  # beats per minute
    "respiratory_rate_bpm": "resprate",  # breaths per minute
    "o2_saturation_pct": "o2sat",  # per cent
    "systolic_bp_mmhg": "sbp",
    "diastolic_bp_mmhg": "dbp",
}
"""Canonical column (unit in its name) and its column in MIMIC-IV-ED."""
VITALS = pa.schema(
    [
        _required("study_id", pa.string()),  # primary key
        pa.field("stay_id", pa.string()),  # null: the study was taken outside any ED stay
        pa.field("minutes_since_arrival", pa.float64()),  # study_time - intime
        *(pa.field(name, pa.float64()) for name in VITAL_SIGNS),
        pa.field("gender", pa.string()),  # F or M, from edstays
        *(pa.field(f"{name}_source", pa.string()) for name in VITAL_SIGNS),  # triage, vitalsign
        _required("vitals_text", pa.string()),  # as Table A1 prints it
    ]
)
QUARANTINE = pa.schema(
    [
        _required("dataset", pa.string()),
        _required("image_id", pa.string()),
        _required("path", pa.string()),
        _required("reason", pa.string()),
    ]
)
IMAGE_INDEX = pa.schema(
    [
        _required("image_id", pa.string()),  # primary key
        _required("shard", pa.int32()),  # position in shards.json
        _required("row", pa.int32()),  # within the shard
    ]
)


def labels(classes: Iterable[str]) -> pa.Schema:
    """Labels per image: 1, 0, or null where the source does not say."""
    return pa.schema(
        [
            _required("dataset", pa.string()),
            _required("image_id", pa.string()),
            *(pa.field(name, pa.float32()) for name in classes),
        ]
    )


def study_labels(classes: Iterable[str]) -> pa.Schema:
    """Labels per study as published: 1, 0, -1 (uncertain), null (not mentioned)."""
    return pa.schema(
        [_required("study_id", pa.string()), *(pa.field(name, pa.int8()) for name in classes)]
    )


def cohort(classes: Iterable[str], published: Iterable[str]) -> pa.Schema:
    """One row per study.

    Args:
        classes: The label space; null where unknown.
        published: The MIMIC-CXR-JPG classes; columns ``mimic14.<name>``, values as published.
    """
    return pa.schema(
        [
            _required("study_id", pa.string()),  # primary key
            _required("patient_id", pa.string()),
            _required("split", pa.string()),  # train, development, test
            _required("image_ids", pa.list_(pa.string())),  # frontal first, then by id
            _required("views", pa.list_(pa.string())),
            pa.field("indication", pa.string()),
            _required("vitals_text", pa.string()),
            *(pa.field(name, pa.float32()) for name in classes),
            *(pa.field(f"mimic14.{name}", pa.int8()) for name in published),
        ]
    )


def pseudo_labels(classes: Iterable[str]) -> pa.Schema:
    """Labels per image with every unknown filled by a teacher's probability: no nulls."""
    return pa.schema(
        [
            _required("image_id", pa.string()),
            *(_required(name, pa.float32()) for name in classes),
        ]
    )


def predictions(classes: Iterable[str]) -> pa.Schema:
    """Probabilities per study."""
    return pa.schema(
        [
            _required("study_id", pa.string()),
            _required("split", pa.string()),
            *(_required(name, pa.float32()) for name in classes),
        ]
    )
