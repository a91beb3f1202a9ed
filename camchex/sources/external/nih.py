"""NIH ChestX-ray14: 112,120 frontal images with 14 findings mined from their reports."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract.labels import NO_FINDING
from camchex.sources.csv.raw_table import read_csv
from camchex.sources.external.image_files import image_paths
from camchex.sources.external.label_map import Classes, alike, known_classes
from camchex.sources.params import LabelPolicy

CLASSES: dict[str, Classes] = {
    **alike("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Emphysema", "Fibrosis"),
    **alike("Hernia", "Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax", NO_FINDING),
    "Effusion": ("Pleural Effusion",),
    "Pleural_Thickening": ("Pleural Thickening",),
}
"""Classes by published name (docs/method.md, section 5)."""


def image_columns(table: Path, folder: Path) -> dict[str, pa.Array | str]:
    """Read columns of ``schemas.IMAGES``; files lie in ``images``, ``images_001/images`` and so on.

    The published numbers of pixels are left out: those of the original, not of the file.

    Raises:
        DataError: At an image listed twice, or a view position other than PA and AP.
    """
    raw = read_csv(table, ["Image Index", "Patient ID", "View Position"])
    image_id = raw.unique_ids("Image Index")
    parts = sorted(path.name for path in folder.glob("images_*"))
    places = ["images", *(f"{part}/images" for part in parts), *parts]
    return {
        "image_id": image_id,
        "patient_id": raw.ids("Patient ID"),
        "study_id": image_id,
        "view_position": raw.choices("View Position", ("PA", "AP")),
        "view": "frontal",
        "view_source": "View Position",
        "path": image_paths(folder, image_id, places),
    }


def published_classes(_table: Path) -> Mapping[str, Classes]:
    """Return ``CLASSES``, which holds for every table of ChestX-ray14."""
    return CLASSES


def known_labels(
    table: Path, mapping: Mapping[str, Classes], _policy: LabelPolicy
) -> tuple[pa.Array, dict[str, pa.Array]]:
    """Read ids, and 1 where a finding is named, else 0.

    Raises:
        DataError: At a finding that is not one of ``CLASSES``, or beside No Finding.
    """
    raw = read_csv(table, ["Image Index", "Finding Labels"])
    cells = raw.text("Finding Labels")
    others = [name for name in CLASSES if name != NO_FINDING]
    known = [
        cell
        for cell in pc.unique(cells).drop_null().to_pylist()
        if cell == NO_FINDING or set(cell.split("|")) <= set(others)
    ]
    raw.refuse(
        pc.invert(pc.is_in(cells, pa.array(known, pa.string()))),
        "Finding Labels",
        f"{NO_FINDING} alone, or any of {', '.join(others)} joined by |",
    )
    named = pc.split_pattern(cells, "|")
    row, finding = pc.list_parent_indices(named), pc.list_flatten(named)
    rows = pa.array(range(len(named)), pa.int64())
    findings = {name: pc.is_in(rows, pc.filter(row, pc.equal(finding, name))) for name in CLASSES}
    return raw.unique_ids("Image Index"), known_classes(findings, mapping)
