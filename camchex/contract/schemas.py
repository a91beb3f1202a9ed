"""The schema of every table that crosses a stage boundary: the data dictionary as code.

Every table is sorted by its primary key. Ids are text, as published. An unknown label is null.
Each field carries the meaning of its column, which every Parquet file repeats; ``docs/tables.md``
is made of these meanings.
"""

from collections.abc import Iterable

import pyarrow as pa

from camchex.contract.labels import MIMIC_14


def _column(name: str, kind: pa.DataType, meaning: str) -> pa.Field:
    """Describe a column that may hold nulls."""
    return pa.field(name, kind, metadata={"meaning": meaning})


def _required(name: str, kind: pa.DataType, meaning: str) -> pa.Field:
    """Describe a column without nulls."""
    return _column(name, kind, meaning).with_nullable(False)  # noqa: FBT003 - Arrow's signature


def meaning(field: pa.Field) -> str:
    """Meaning of a column of one of these schemas."""
    return str((field.metadata or {}).get(b"meaning", b""), "utf-8")


MIMIC = "mimic"
"""Value of the column ``dataset`` for the cohort."""
STUDY_ID = _required("study_id", pa.string(), "Study; primary key.")
SPLITS = ("train", "development", "test")
SPLIT = "train, development or test"
IMAGES = pa.schema(
    [
        _required("dataset", pa.string(), "mimic, or the key of the set in params.yaml."),
        _required("image_id", pa.string(), "Image; primary key within a data set."),
        _required("patient_id", pa.string(), "Patient; a set without patients: the image."),
        _required("study_id", pa.string(), "Study; a set without studies: the image."),
        _column("view_position", pa.string(), "As published (AP, PA, LL, ...)."),
        _required("view", pa.string(), "frontal or lateral: which encoder reads it."),
        _required("view_source", pa.string(), "Which rule decided the view."),
        _required("path", pa.string(), "The file, below data.root."),
        _column("rows", pa.int32(), "Height in pixels, as published."),
        _column("columns", pa.int32(), "Width in pixels, as published."),
    ]
)
STUDIES = pa.schema(
    [
        STUDY_ID,
        _required("patient_id", pa.string(), "Patient."),
        # Parquet has no coarser unit than the millisecond.
        _required("study_time", pa.timestamp("ms"), "When it was taken, in whole seconds."),
        _column("split", pa.string(), f"{SPLIT}; null: in none of them."),
    ]
)
INDICATIONS = pa.schema(
    [
        STUDY_ID,
        _column("indication_raw", pa.string(), "Sections as written; null: none."),
        _column("indication", pa.string(), "Cleaned, what a model reads; null: none."),
        _column("source_section", pa.string(), "indication, history or both; null: none."),
        _required(
            "findings_suspected", pa.bool_(), "Whether it reads like findings, not like a request."
        ),
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
UNITS = {
    "temperature_f": "Body temperature, degrees Fahrenheit.",
    "heart_rate_bpm": "Heart rate, beats per minute.",
    "respiratory_rate_bpm": "Respiratory rate, breaths per minute.",
    "o2_saturation_pct": "Oxygen saturation, per cent.",
    "systolic_bp_mmhg": "Systolic blood pressure, mmHg.",
    "diastolic_bp_mmhg": "Diastolic blood pressure, mmHg.",
}
VITALS = pa.schema(
    [
        STUDY_ID,
        _column("stay_id", pa.string(), "ED stay; null: taken outside any."),
        _column("minutes_since_arrival", pa.float64(), "study_time less intime of the stay."),
        *(_column(name, pa.float64(), UNITS[name]) for name in VITAL_SIGNS),
        _column("gender", pa.string(), "F or M, as the stay records it."),
        *(
            _column(f"{name}_source", pa.string(), "triage or vitalsign; null: there is no value.")
            for name in VITAL_SIGNS
        ),
        _required("vitals_text", pa.string(), "What a model reads, as Table A1 prints it."),
    ]
)
QUARANTINE = pa.schema(
    [
        _required("dataset", pa.string(), "mimic, or the key of the set."),
        _required("image_id", pa.string(), "Image; primary key within a data set."),
        _required("path", pa.string(), "The file, below data.root."),
        _required("reason", pa.string(), "Why it could not be read."),
    ]
)
IMAGE_INDEX = pa.schema(
    [
        _required("image_id", pa.string(), "Image; primary key."),
        _required("shard", pa.int32(), "Position of its shard in shards.json."),
        _required("row", pa.int32(), "Row within the shard."),
    ]
)


def labels(classes: Iterable[str]) -> pa.Schema:
    """Schema of labels per image: 1, 0, or null where the source does not say."""
    return pa.schema(
        [
            _required("dataset", pa.string(), "mimic, or the key of the set."),
            _required("image_id", pa.string(), "Image; primary key within a data set."),
            *(
                _column(name, pa.float32(), "1, 0; null: the source does not say.")
                for name in classes
            ),
        ]
    )


def study_labels(classes: Iterable[str]) -> pa.Schema:
    """Schema of labels per study as published: 1, 0, -1 (uncertain), null (not mentioned)."""
    return pa.schema(
        [
            STUDY_ID,
            *(_column(n, pa.int8(), "1, 0, -1 (uncertain); null: not mentioned.") for n in classes),
        ]
    )


COHORT_STUDY = pa.schema(
    [
        STUDY_ID,
        _required("patient_id", pa.string(), "Patient; in one split only."),
        _required("split", pa.string(), f"{SPLIT}."),
        _required("image_ids", pa.list_(pa.string()), "Frontal first, then by id."),
        _required("views", pa.list_(pa.string()), "frontal or lateral, of each image."),
        _column("indication", pa.string(), "Cleaned; null: none."),
        _required("vitals_text", pa.string(), "What a model reads, as Table A1 prints it."),
    ]
)
"""Columns of a cohort besides its labels."""


def cohort(classes: Iterable[str]) -> pa.Schema:
    """Schema of one row per study: ``COHORT_STUDY``, its labels, and MIMIC-CXR-JPG's as published.

    Args:
        classes: The label space; its labels are null where unknown. Columns ``mimic14.<name>`` hold
            the published labels.
    """
    return pa.schema(
        [
            *COHORT_STUDY,
            *(_column(n, pa.float32(), "1, 0; null: unknown.") for n in classes),
            *(
                _column(f"mimic14.{n}", pa.int8(), "As published: 1, 0, -1; null: not mentioned.")
                for n in MIMIC_14
            ),
        ]
    )


def pseudo_labels(classes: Iterable[str]) -> pa.Schema:
    """Schema of labels per image, the unknown ones filled by a teacher's probability: no nulls."""
    return pa.schema(
        [
            _required("image_id", pa.string(), "Image; primary key."),
            *(_required(n, pa.float32(), "Label, or the teacher's probability.") for n in classes),
        ]
    )


def predictions(classes: Iterable[str]) -> pa.Schema:
    """Schema of probabilities per study."""
    return pa.schema(
        [
            STUDY_ID,
            _required("split", pa.string(), f"{SPLIT}."),
            *(_required(n, pa.float32(), "Probability.") for n in classes),
        ]
    )
