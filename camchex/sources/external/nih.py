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

CLASSES = {
    **{
        name: (name,)
        for name in (
            "Atelectasis",
            "Cardiomegaly",
            "Consolidation",
            "Edema",
            "Emphysema",
            "Fibrosis",
            "Hernia",
            "Infiltration",
            "Mass",
            "Nodule",
            "Pneumonia",
            "Pneumothorax",
        )
    },
    "Effusion": ("Pleural Effusion",),
    "Pleural_Thickening": ("Pleural Thickening",),
    NO_FINDING: (NO_FINDING,),
}
"""Published name and the classes it stands for (docs/method.md, section 5)."""
FINDINGS = tuple(name for name in CLASSES if name != NO_FINDING)


def read_images(table: Path, root: Path, folder: str, dataset: str = "nih") -> pa.Table:
    """Read ``schemas.IMAGES``; files lie in ``images`` or in ``images_001/images`` and so on.

    The published pixels are those of the original, not of the file, and are left out.

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
        policy: What is open in the published labels.

    Raises:
        DataError: At a finding that is not one of ``CLASSES``, or beside No Finding.

    Source: docs/method.md, section 5.
    """
    mapping = label_map(CLASSES, policy, classes, dataset)
    raw = read_csv(table, ["Image Index", "Finding Labels"])
    cells = raw.text("Finding Labels")
    understood = pc.is_in(cells, pa.array(_known_cells(cells), pa.string()))
    expected = f"{NO_FINDING} alone, or any of {', '.join(FINDINGS)} joined by |"
    raw.refuse(pc.invert(understood), "Finding Labels", expected)
    named = pc.split_pattern(cells, "|")
    row, finding = pc.list_parent_indices(named), pc.list_flatten(named)
    rows = pa.array(range(len(named)), pa.int64())
    findings = {name: pc.is_in(rows, pc.filter(row, pc.equal(finding, name))) for name in CLASSES}
    known = known_classes(findings, mapping)
    return label_table(dataset, raw.unique_ids("Image Index"), known, classes)


def _known_cells(cells: pa.Array) -> list[str]:
    """Those of the cells (findings joined by ``|``) that hold known findings only."""
    distinct = pc.unique(cells).drop_null().to_pylist()
    return [cell for cell in distinct if cell == NO_FINDING or set(cell.split("|")) <= {*FINDINGS}]
