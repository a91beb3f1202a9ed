"""CheXpert: 223,414 frontal and lateral images with 14 labels mined from their reports."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract.labels import MIMIC_14
from camchex.sources.csv.lookup import require_known_columns
from camchex.sources.csv.raw_table import RawTable, read_csv, read_header
from camchex.sources.external.label_map import Classes, alike, known_classes
from camchex.sources.params import LabelPolicy

CLASSES = alike(*MIMIC_14)  # one labeler made both; CXR-LT names them alike
NOT_LABELS = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA")
MEANING = {"unknown": None, "positive": True, "negative": False}
RELEASE = r"^CheXpert-v1\.0(-small)?/"
IMAGE = r"^(?:train|valid|test)/(?P<study>(?P<patient>patient\d+)/study\d+)/[^/]+$"


def image_columns(table: Path, _folder: Path) -> dict[str, pa.Array | str]:
    """Read columns of ``schemas.IMAGES``; an image's id is its ``Path`` without the release.

    Raises:
        DataError: At a path that is not CheXpert's, or a view that is neither frontal nor lateral.
    """
    raw = read_csv(table, ["Path", "Frontal/Lateral", "AP/PA"])
    image_id = _image_ids(raw)
    parts = pc.extract_regex(image_id, IMAGE)
    return {
        "image_id": image_id,
        "patient_id": pc.struct_field(parts, "patient"),
        "study_id": pc.struct_field(parts, "study"),
        "view_position": raw.text("AP/PA"),
        "view": pc.utf8_lower(raw.choices("Frontal/Lateral", ("Frontal", "Lateral"))),
        "view_source": "Frontal/Lateral",
        "path": image_id,
    }


def published_classes(_table: Path) -> Mapping[str, Classes]:
    """Return ``CLASSES``, which holds for every table of CheXpert."""
    return CLASSES


def known_labels(
    table: Path, mapping: Mapping[str, Classes], policy: LabelPolicy
) -> tuple[pa.Array, dict[str, pa.Array]]:
    """Read ids, and 1 and 0 as published; uncertain (-1) and blank are what the policy says.

    No Finding is never 0 in the published table: see ``label_map.imply_no_finding``.

    Raises:
        DataError: At a label other than 1, 0, -1 and blank, or a column that may be a new label.

    Source: docs/method.md, section 5; paper section 3.1 (uncertain and blank: predicted).
    """
    require_known_columns(read_header(table), (*NOT_LABELS, *CLASSES), str(table))
    raw = read_csv(table, ["Path", *CLASSES])
    uncertain, unmentioned = (
        pa.scalar(MEANING[value], pa.bool_()) for value in (policy.uncertain, policy.unmentioned)
    )
    findings = {}
    for name in CLASSES:
        published = raw.labels(name, (1, 0, -1, None))
        present = pc.if_else(pc.equal(published, -1), uncertain, pc.equal(published, 1))
        findings[name] = pc.if_else(pc.is_null(published), unmentioned, present)
    return _image_ids(raw), known_classes(findings, mapping)


def _image_ids(raw: RawTable) -> pa.Array:
    image_id = pc.replace_substring_regex(raw.unique_ids("Path"), RELEASE, "")
    odd = pc.invert(pc.match_substring_regex(image_id, IMAGE))
    raw.refuse(odd, "Path", "CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg")
    return image_id
