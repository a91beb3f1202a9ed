"""The schema of every table that crosses a stage boundary: the data dictionary as code.

Every table is sorted by its primary key. Ids are text, as published. An unknown label is null.
Each field carries the meaning of its column, which every Parquet file repeats; ``docs/tables.md``
is made of these meanings.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Literal

import pyarrow as pa

from camchex.contract.labels import MIMIC_14

Choices = Sequence[str] | Sequence[int]


Bounds = tuple[float, float]


def _column(
    name: str, kind: pa.DataType, meaning: str, one_of: Choices = (), between: Bounds | None = None
) -> pa.Field:
    """Describe a column that may hold nulls, and any value, ``one_of`` a few, or numbers in bounds.

    Of a column of lists, this is so of each element.
    """
    limits = {"one_of": list(one_of), "between": between}
    held = {limit: json.dumps(values) for limit, values in limits.items() if values}
    return pa.field(name, kind, metadata={"meaning": meaning, **held})


def _required(
    name: str, kind: pa.DataType, meaning: str, one_of: Choices = (), between: Bounds | None = None
) -> pa.Field:
    """Describe a column without nulls."""
    column = _column(name, kind, meaning, one_of, between)
    return column.with_nullable(nullable=False)


def _key(name: str, meaning: str) -> pa.Field:
    """Describe the ids that tell the rows of a table apart, and by which it is sorted."""
    field = _required(name, pa.string(), meaning)
    return field.with_metadata({**field.metadata, "key": name})


def meaning(field: pa.Field) -> str:
    """Meaning of a column of one of these schemas."""
    return str((field.metadata or {}).get(b"meaning", b""), "utf-8")


def one_of(field: pa.Field) -> list[str] | list[int]:
    """Values that a column may hold beside null; empty: any."""
    return list(json.loads((field.metadata or {}).get(b"one_of", b"[]")))


def between(field: pa.Field) -> list[float] | None:
    """Least and largest number that a column may hold; None: any."""
    limits = (field.metadata or {}).get(b"between")
    return limits and list(json.loads(limits))


def key(schema: pa.Schema) -> str | None:
    """Column that tells the rows of a table apart; None: no single one does."""
    return next((field.name for field in schema if b"key" in (field.metadata or {})), None)


PROBABILITY = (0.0, 1.0)
PIXELS = (1, 2**31 - 1)
REPORTED = ("indication_raw", "indication")
"""Columns of text of a report, in which ``none`` is no missing value but what the report says."""
View = Literal["frontal", "lateral"]
VIEW_NAMES = ("frontal", "lateral")
UNKNOWN_VIEW = "default"
"""Value of the column ``view_source`` where nothing tells the view; such an image is frontal."""
MIMIC = "mimic"
"""Value of the column ``dataset`` for the cohort."""
STUDY_ID = _key("study_id", "Study; primary key.")
SPLITS = ("train", "development", "test")
SPLIT = "train, development or test"
IMAGES = pa.schema(
    [
        _required("dataset", pa.string(), "mimic, or the key of the set in params.yaml."),
        _key("image_id", "Image; primary key within a data set."),
        _required("patient_id", pa.string(), "Patient; a set without patients: the image."),
        _required("study_id", pa.string(), "Study; a set without studies: the image."),
        _column("view_position", pa.string(), "As published (AP, PA, LL, ...)."),
        _required("view", pa.string(), "frontal or lateral: which encoder reads it.", VIEW_NAMES),
        _required("view_source", pa.string(), "Which rule decided the view; default: none could."),
        _required("path", pa.string(), "The file, below data.root."),
        _column("rows", pa.int32(), "Height in pixels, as published.", between=PIXELS),
        _column("columns", pa.int32(), "Width in pixels, as published.", between=PIXELS),
    ]
)
STUDIES = pa.schema(
    [
        STUDY_ID,
        _required("patient_id", pa.string(), "Patient."),
        # Parquet has no coarser unit than the millisecond.
        _required("study_time", pa.timestamp("ms"), "When it was taken, in whole seconds."),
        _column("split", pa.string(), f"{SPLIT}; null: in none of them.", SPLITS),
    ]
)
INDICATIONS = pa.schema(
    [
        STUDY_ID,
        _column("indication_raw", pa.string(), "Sections as written; null: none."),
        _column("indication", pa.string(), "Cleaned, what a model reads; null: none."),
        _column(
            "source_section",
            pa.string(),
            "indication, history or both; null: none.",
            ("indication", "history", "both"),
        ),
        _required(
            "findings_suspected",
            pa.bool_(),
            "Whether it reads like findings, or holds a header of them.",
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
SOURCES = ("triage", "vitalsign")
TAKEN = ("during", "between", "after", "before")
ORIGIN = {
    "source": (pa.string(), "triage or vitalsign; null: there is no value."),
    "stay_id": (pa.string(), "Stay of the visit that it was measured in; null: no value."),
    "age_minutes": (
        pa.float64(),
        "study_time less the time of the value, of triage its stay's intime; null: no value.",
    ),
}
"""Where a vital sign comes from: type and meaning by the end of the column's name."""
VITALS = pa.schema(
    [
        STUDY_ID,
        _column("stay_id", pa.string(), "ED stay; null: taken outside any."),
        _column(
            "taken",
            pa.string(),
            "during, before or after that stay; between it and one of its visit; null: no stay.",
            TAKEN,
        ),
        _column("minutes_since_arrival", pa.float64(), "study_time less intime of the stay."),
        *(_column(name, pa.float64(), UNITS[name]) for name in VITAL_SIGNS),
        _column(
            "gender", pa.string(), "F or M, as the stay, or one of its visit, says.", ("F", "M")
        ),
        *(
            _column(f"{name}_{origin}", kind, meaning, SOURCES if origin == "source" else ())
            for origin, (kind, meaning) in ORIGIN.items()
            for name in VITAL_SIGNS
        ),
        _required("vitals_text", pa.string(), "What a model reads, as Table A1 prints it."),
    ]
)
QUARANTINE = pa.schema(
    [
        _required("dataset", pa.string(), "mimic, or the key of the set."),
        _key("image_id", "Image; primary key within a data set."),
        _required("path", pa.string(), "The file, below data.root."),
        _required("reason", pa.string(), "Why it could not be read."),
    ]
)
IMAGE_NOTES = pa.schema(
    [
        *list(QUARANTINE)[:-1],
        _required("notes", pa.string(), "How it contradicts itself, and what was decided."),
    ]
)
VIEWS = pa.schema(
    [
        _key("image_id", "Image of unknown view; primary key."),
        _column("view", pa.string(), "frontal or lateral; null: not sure enough.", VIEW_NAMES),
        _required(
            "confidence",
            pa.float32(),
            "Probability of the likelier view, 0.5 to 1.",
            between=(0.5, 1.0),
        ),
        _required(
            "inverted",
            pa.float32(),
            "Probability that the greys are inverted (bone dark).",
            between=PROBABILITY,
        ),
        _required(
            "upside_down",
            pa.float32(),
            "Probability that it stands on its head.",
            between=PROBABILITY,
        ),
    ]
)
DIGEST_BYTES, FINGERPRINT_BYTES = 16, 32
IMAGE_INDEX = pa.schema(
    [
        _key("image_id", "Image; primary key."),
        _required("digest", pa.binary(DIGEST_BYTES), "Digest of its JPEG: equal for equal pixels."),
        _required(
            "fingerprint",
            pa.binary(FINGERPRINT_BYTES),
            "Perceptual hash: of the same picture, in another brightness or size, few bits differ.",
        ),
    ]
)
DUPLICATES = pa.schema(
    [
        _required("group", pa.int32(), "Images that show the same picture, as far as can be told."),
        _required("dataset", pa.string(), "mimic, or the key of the set."),
        _required("image_id", pa.string(), "Image; primary key within a data set."),
        _required("patient_id", pa.string(), "Patient; a set without patients: the image."),
        _required("study_id", pa.string(), "Study; a set without studies: the image."),
        _column("split", pa.string(), f"{SPLIT}; null: in none of them.", SPLITS),
        _required("exact", pa.bool_(), "Whether another image has the same prepared pixels."),
    ]
)


def labels(classes: Iterable[str]) -> pa.Schema:
    """Schema of labels per image: 1, 0, or null where the source does not say."""
    return pa.schema(
        [
            _required("dataset", pa.string(), "mimic, or the key of the set."),
            _key("image_id", "Image; primary key within a data set."),
            *(
                _column(name, pa.float32(), "1, 0; null: the source does not say.", (0, 1))
                for name in classes
            ),
        ]
    )


def study_labels(classes: Iterable[str]) -> pa.Schema:
    """Schema of labels per study as published: 1, 0, -1 (uncertain), null (not mentioned)."""
    return pa.schema(
        [
            STUDY_ID,
            *(
                _column(n, pa.int8(), "1, 0, -1 (uncertain); null: not mentioned.", (-1, 0, 1))
                for n in classes
            ),
        ]
    )


COHORT_STUDY = pa.schema(
    [
        STUDY_ID,
        _required("patient_id", pa.string(), "Patient; in one split only."),
        _required("split", pa.string(), f"{SPLIT}.", SPLITS),
        _required("image_ids", pa.list_(pa.string()), "Frontal first, then by id."),
        _required("views", pa.list_(pa.string()), "frontal or lateral, of each image.", VIEW_NAMES),
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
            *(_column(n, pa.float32(), "1, 0; null: unknown.", (0, 1)) for n in classes),
            *(
                _column(
                    f"mimic14.{n}",
                    pa.int8(),
                    "As published: 1, 0, -1; null: not mentioned.",
                    (-1, 0, 1),
                )
                for n in MIMIC_14
            ),
        ]
    )


def pseudo_labels(classes: Iterable[str]) -> pa.Schema:
    """Schema of labels per image, the unknown ones filled by a teacher's probability: no nulls."""
    return pa.schema(
        [
            _key("image_id", "Image; primary key."),
            *(
                _required(
                    n, pa.float32(), "Label, or the teacher's probability.", between=PROBABILITY
                )
                for n in classes
            ),
        ]
    )


def predictions(classes: Iterable[str]) -> pa.Schema:
    """Schema of probabilities per study."""
    return pa.schema(
        [
            STUDY_ID,
            _required("split", pa.string(), f"{SPLIT}.", SPLITS),
            *(_required(n, pa.float32(), "Probability.", between=PROBABILITY) for n in classes),
        ]
    )
