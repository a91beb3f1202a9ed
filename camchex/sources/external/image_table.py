"""Canonical images and labels of a set that publishes one row per image."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from camchex.contract.schemas import IMAGES, labels


def image_table(dataset: str, columns: Mapping[str, pa.Array]) -> pa.Table:
    """Make ``schemas.IMAGES``, sorted by id; what the set does not publish is null.

    Args:
        dataset: Key of the set.
        columns: Columns of ``schemas.IMAGES`` without dataset, (N,); without those that are null.
    """
    size = len(columns["image_id"])
    absent = {f.name: pa.nulls(size, f.type) for f in IMAGES if f.nullable}
    columns = {"dataset": pa.repeat(dataset, size), **absent, **columns}
    table = pa.table({name: columns[name] for name in IMAGES.names})
    return table.cast(IMAGES).sort_by("image_id")


def label_table(
    dataset: str, image_id: pa.Array, known: Mapping[str, pa.Array], classes: Sequence[str]
) -> pa.Table:
    """Make ``schemas.labels``, sorted by image; a class that the set does not annotate is null.

    Args:
        dataset: Key of the set.
        image_id: Ids, (N,).
        known: 1, 0 or null by class, (N,); classes outside ``classes`` are left out.
        classes: The label space.
    """
    unknown = pa.nulls(len(image_id), pa.float32())
    columns = {"dataset": pa.repeat(dataset, len(image_id)), "image_id": image_id}
    columns |= {name: known.get(name, unknown) for name in classes}
    return pa.table(columns).cast(labels(classes)).sort_by("image_id")


def list_files(folders: Iterable[Path]) -> dict[str, Path]:
    """List the path of every file by its name; the first folder that has the name counts.

    Folders that do not exist are passed over. No file is opened.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        if folder.is_dir():
            for path in sorted(folder.iterdir()):
                found.setdefault(path.name, path)
    return found
