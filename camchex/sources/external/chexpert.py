"""CheXpert: 223,414 frontal and lateral images with 14 labels mined from their reports."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract.labels import CXR_LT_2023, MIMIC_14
from camchex.sources.csv.lookup import require_known_columns
from camchex.sources.csv.raw_table import RawTable, read_csv, read_header
from camchex.sources.external.image_table import image_table, label_table
from camchex.sources.external.label_map import known_classes, label_map
from camchex.sources.params import RECOMMENDED, LabelPolicy

CLASSES = {name: (name,) for name in MIMIC_14}  # one labeler made both; CXR-LT names them alike
NOT_LABELS = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA")
MEANING = {"unknown": None, "positive": True, "negative": False}
RELEASE = r"^CheXpert-v1\.0(-small)?/"
IMAGE = r"^(?:train|valid|test)/(?P<study>(?P<patient>patient\d+)/study\d+)/[^/]+$"


def read_images(table: Path, folder: str, dataset: str = "chexpert") -> pa.Table:
    """Read ``schemas.IMAGES``; an image's id is its ``Path`` without the release.

    Args:
        table: ``train.csv`` or ``valid.csv``.
        folder: The set's folder below data.root.
        dataset: Key of the set.

    Raises:
        DataError: At a path that is not CheXpert's, or a view that is neither frontal nor lateral.

    Source: docs/method.md, section 5.
    """
    raw = read_csv(table, ["Path", "Frontal/Lateral", "AP/PA"])
    image_id = _image_ids(raw)
    parts = pc.extract_regex(image_id, IMAGE)
    view = raw.choices("Frontal/Lateral", ("Frontal", "Lateral"))
    columns = {
        "image_id": image_id,
        "patient_id": pc.struct_field(parts, "patient"),
        "study_id": pc.struct_field(parts, "study"),
        "view_position": raw.text("AP/PA"),
        "view": pc.utf8_lower(view),
        "view_source": pa.repeat("Frontal/Lateral", len(view)),
        "path": pc.binary_join_element_wise(folder, image_id, "/"),
    }
    return image_table(dataset, columns)


def read_labels(
    table: Path,
    classes: Sequence[str] = CXR_LT_2023,
    dataset: str = "chexpert",
    policy: LabelPolicy = RECOMMENDED,
) -> pa.Table:
    """Read ``schemas.labels``: 1 and 0 as published, uncertain (-1) and blank as the policy says.

    No Finding is never 0 in the published table: see ``label_map.imply_no_finding``.

    Args:
        table: As for :func:`read_images`.
        classes: The label space.
        dataset: Key of the set.
        policy: What labels mean where the publisher leaves it open.

    Raises:
        DataError: At a label other than 1, 0, -1 and blank, or a column that may be a new label.

    Source: docs/method.md, section 5; paper section 3.1 (uncertain and blank: predicted).
    """
    mapping = label_map(CLASSES, policy, classes, dataset)
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
    return label_table(dataset, _image_ids(raw), known_classes(findings, mapping), classes)


def _image_ids(raw: RawTable) -> pa.Array:
    image_id = pc.replace_substring_regex(raw.unique_ids("Path"), RELEASE, "")
    odd = pc.invert(pc.match_substring_regex(image_id, IMAGE))
    raw.refuse(odd, "Path", "CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg")
    return image_id
