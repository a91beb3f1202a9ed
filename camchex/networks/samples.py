"""Training images with their labels, from the cohort or from external sets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from camchex.contract import schemas, tables
from camchex.contract.image_store import ImageStore
from camchex.errors import DataError
from camchex.networks.batches import Batch, Floats, Rows, labelled
from camchex.networks.sampling import BatchRows


@dataclass(frozen=True)
class Cohort:
    """Studies, their images, and the label space."""

    table: pa.Table
    store: ImageStore
    classes: Sequence[str]


@dataclass(frozen=True)
class Prevalence:
    """Counts of positive training images, from which the loss takes its class weights."""

    positives: NDArray[np.float64]  # images that show each class, (Q,)
    known: NDArray[np.float64]  # images whose label of each class is known, (Q,), at least 1


def label_matrix(table: pa.Table, classes: Sequence[str]) -> Floats:
    """Turn the label columns of a table into a matrix (rows, Q), null into NaN."""
    columns = [table[name].to_numpy() for name in classes]
    return np.stack(columns, axis=1).astype(np.float32)


def read_cohort(path: Path, store: Path, classes: Sequence[str]) -> Cohort:
    """Open the cohort (``schemas.cohort`` of ``classes``) and the folder of its image store.

    Raises:
        DataError: If one of them is missing, or of other classes.
    """
    return Cohort(tables.read(path, schemas.cohort(classes)), ImageStore(store), classes)


@dataclass(frozen=True)
class ImageSamples:
    """Images of one store, each with its labels."""

    store: ImageStore
    rows: Rows  # positions in the store, (N,)
    targets: Floats  # 1, 0, a teacher's probability, or NaN where unknown, (N, Q)

    def __len__(self) -> int:
        return len(self.rows)


def cohort_images(cohort: Cohort, split: str, view: str | None = None) -> ImageSamples:
    """Select a split's images of one view, or of both (None), with the labels of their studies.

    Raises:
        DataError: If the store lacks an image of the cohort.
    """
    part = cohort.table.filter(pc.field("split") == split)
    image_ids = part["image_ids"].combine_chunks()
    study = pc.list_parent_indices(image_ids).to_numpy()
    ids = pc.list_flatten(image_ids).to_numpy(zero_copy_only=False)
    if view is not None:
        views = pc.list_flatten(part["views"].combine_chunks()).to_numpy(zero_copy_only=False)
        ids, study = ids[views == view], study[views == view]
    return ImageSamples(
        store=cohort.store,
        rows=cohort.store.rows(ids.tolist()),
        targets=label_matrix(part, cohort.classes)[study],
    )


def read_pseudo_labels(
    tables_folder: Path, stores: Path, keys: Sequence[str], classes: Sequence[str]
) -> dict[str, ImageSamples]:
    """Read the images of the external sets ``keys`` as a teacher labelled them.

    Args:
        tables_folder: Folder of one ``<key>.parquet`` per set, ``schemas.pseudo_labels``.
        stores: Folder of one image store per set, ``<key>``.
        keys: Names of the sets.
        classes: Label space, in order.

    Raises:
        DataError: If one of them is missing, of other classes, or lacks an image.
    """
    sets = {}
    for key in keys:
        table = tables.read(tables_folder / f"{key}.parquet", schemas.pseudo_labels(classes))
        store = ImageStore(stores / key)
        rows = store.rows(table["image_id"].to_pylist())
        sets[key] = ImageSamples(store=store, rows=rows, targets=label_matrix(table, classes))
    return sets


class ImageDataset:
    """Images of one or more sets, one set after the other; an item is a whole batch.

    Raises:
        DataError: If the sets were prepared at several sizes.
    """

    def __init__(self, parts: Sequence[ImageSamples]) -> None:
        self.parts = list(parts)
        sizes = {str(part.store.folder): part.store.size for part in parts}
        if len(set(sizes.values())) > 1:
            raise DataError(f"image stores of several sizes, in px: {sizes}. `dvc repro` them all.")
        self.starts = np.cumsum([0, *map(len, parts)])
        self.targets = np.concatenate([part.targets for part in parts])

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def image_size(self) -> int:
        """Height and width of the images, pixels; equal in every set."""
        return self.parts[0].store.size

    def ids(self, rows: Iterable[int]) -> list[str]:
        """List the published image ids of some rows."""
        names = []
        for row in rows:
            number = np.searchsorted(self.starts, row, side="right") - 1
            part = self.parts[number]
            names.append(part.store.image_ids[part.rows[row - self.starts[number]]])
        return names

    def __getitem__(self, batch: BatchRows) -> Batch:
        owner = np.searchsorted(self.starts, batch.rows, side="right") - 1
        images: list[np.ndarray] = [np.empty(0)] * len(batch.rows)
        for number in np.unique(owner):
            part, places = self.parts[number], np.flatnonzero(owner == number)
            rows = part.rows[batch.rows[places] - self.starts[number]]
            for place, image in zip(places, part.store.batch(rows), strict=True):
                images[place] = image
        pixels = np.array(images, np.uint8).reshape(-1, self.image_size, self.image_size)
        return labelled(torch.from_numpy(pixels)[:, None], self.targets, batch.rows)


def prevalence(targets: Floats, images: Rows | None = None) -> Prevalence:
    """Count the positives of a training set; a probability p counts as p of an image.

    Args:
        targets: Labels, NaN where unknown, (N, Q).
        images: Number of images of each row, (N,); None: one each.

    Source: docs/method.md, section 8 (counts of images, also where studies are learnt).
    """
    weights = np.ones(len(targets)) if images is None else images.astype(np.float64)
    known = weights @ ~np.isnan(targets)
    return Prevalence(weights @ np.nan_to_num(targets.astype(np.float64)), np.maximum(known, 1))
