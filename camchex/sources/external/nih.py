"""NIH ChestX-ray14: 112,120 frontal images with 14 findings mined from their reports."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract.labels import CXR_LT_2023, NO_FINDING
from camchex.sources.csv.raw_table import read_csv
from camchex.sources.external.image_table import image_table, label_table, list_files
from camchex.sources.external.label_map import known_classes, label_map
from camchex.sources.params import RECOMMENDED, LabelPolicy

ALIKE = (  # findings that have the name of their class
    *("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Emphysema", "Fibrosis", "Hernia"),
    *("Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax", NO_FINDING),
)
CLASSES = {
    **{name: (name,) for name in ALIKE},
    "Effusion": ("Pleural Effusion",),
    "Pleural_Thickening": ("Pleural Thickening",),
}
"""Classes by published name (docs/method.md, section 5)."""


def read_images(table: Path, root: Path, folder: str, dataset: str = "nih") -> pa.Table:
    """Read ``schemas.IMAGES``; files lie in ``images``, or ``images_001/images`` and so on.

    The published numbers of pixels are left out: those of the original, not of the file.

    Args:
        table: ``Data_Entry_2017_v2020.csv`` or ``Data_Entry_2017.csv``.
        root: data.root.
        folder: The set's folder below it.
        dataset: Key of the set.

    Raises:
        DataError: At an image listed twice, or a view position other than PA and AP.

    Source: docs/method.md, section 5.
    """
    raw = read_csv(table, ["Image Index", "Patient ID", "View Position"])
    image_id = raw.unique_ids("Image Index")
    parts = sorted((root / folder).glob("images_*"))
    files = list_files([root / folder / "images", *(p / "images" for p in parts), *parts])
    found = {name: path.relative_to(root).as_posix() for name, path in files.items()}
    paths = [found.get(name, f"{folder}/images/{name}") for name in image_id.to_pylist()]
    columns = {
        "image_id": image_id,
        "patient_id": raw.ids("Patient ID"),
        "study_id": image_id,
        "view_position": raw.choices("View Position", ("PA", "AP")),
        "view": pa.repeat("frontal", len(paths)),
        "view_source": pa.repeat("View Position", len(paths)),
        "path": pa.array(paths, pa.string()),
    }
    return image_table(dataset, columns)


def read_labels(
    table: Path,
    classes: Sequence[str] = CXR_LT_2023,
    dataset: str = "nih",
    policy: LabelPolicy = RECOMMENDED,
) -> pa.Table:
    """Read ``schemas.labels``: 1 where a finding is named, else 0; null for the other classes.

    Args:
        table: As for :func:`read_images`.
        classes: The label space.
        dataset: Key of the set.
        policy: What labels mean where the publisher leaves it open.

    Raises:
        DataError: At a finding that is not one of ``CLASSES``, or beside No Finding.

    Source: docs/method.md, section 5.
    """
    mapping = label_map(CLASSES, policy, classes, dataset)
    raw = read_csv(table, ["Image Index", "Finding Labels"])
    cells = raw.text("Finding Labels")
    known = [
        cell
        for cell in pc.unique(cells).drop_null().to_pylist()
        if cell == NO_FINDING or set(cell.split("|")) <= CLASSES.keys() - {NO_FINDING}
    ]
    others = ", ".join(name for name in CLASSES if name != NO_FINDING)
    raw.refuse(
        pc.invert(pc.is_in(cells, pa.array(known, pa.string()))),
        "Finding Labels",
        f"{NO_FINDING} alone, or any of {others} joined by |",
    )
    named = pc.split_pattern(cells, "|")
    row, finding = pc.list_parent_indices(named), pc.list_flatten(named)
    rows = pa.array(range(len(named)), pa.int64())
    findings = {name: pc.is_in(rows, pc.filter(row, pc.equal(finding, name))) for name in CLASSES}
    image_id = raw.unique_ids("Image Index")
    return label_table(dataset, image_id, known_classes(findings, mapping), classes)
