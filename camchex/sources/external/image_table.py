"""Canonical images of a set that publishes one table of images, and labels beside them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from camchex.contract.schemas import IMAGES, labels


def image_table(dataset: str, columns: Mapping[str, pa.Array]) -> pa.Table:
    """Sort images by id; what the set does not publish (view position, pixels) is null.

    Args:
        dataset: Key of the set.
        columns: Columns of ``schemas.IMAGES``, without dataset.
    """
    size = len(columns["image_id"])
    absent = {f.name: pa.nulls(size, f.type) for f in IMAGES if f.nullable}
    all_columns = {"dataset": pa.repeat(dataset, size), **absent, **columns}
    return (
        pa.table({name: all_columns[name] for name in IMAGES.names})
        .cast(IMAGES)
        .sort_by("image_id")
    )


def label_table(
    dataset: str, image_id: pa.Array, known: Mapping[str, pa.Array], classes: Sequence[str]
) -> pa.Table:
    """Sort labels by image; a class that the set does not annotate is null.

    Args:
        dataset: Key of the set.
        image_id: Ids, (N,).
        known: 1, 0 or null by class; those outside ``classes`` are left out.
        classes: The label space.
    """
    unknown = pa.nulls(len(image_id), pa.float32())
    columns = {"dataset": pa.repeat(dataset, len(image_id)), "image_id": image_id}
    columns |= {name: known.get(name, unknown) for name in classes}
    return pa.table(columns).cast(labels(classes)).sort_by("image_id")


def list_files(folders: Iterable[Path]) -> dict[str, Path]:
    """Path of every file by its name; of one that is in several folders, the first.

    Folders that do not exist are passed over. No file is opened.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        if folder.is_dir():
            for path in sorted(folder.iterdir()):
                found.setdefault(path.name, path)
    return found
