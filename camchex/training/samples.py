"""What is learnt from: images or studies of one split, with their labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from camchex import schemas, tables
from camchex.images.store import ImageStore
from camchex.labels import MIMIC_14

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Cohort:
    """The studies, their images, and the label space."""

    table: pa.Table
    store: ImageStore
    classes: Sequence[str]


@dataclass(frozen=True)
class ImageSamples:
    """Images of one store, each with its labels.

    Attributes:
        store: Where the images lie.
        rows: Positions in the store, (N,).
        targets: 1, 0, a teacher's probability, or NaN where unknown, (N, Q).
    """

    store: ImageStore
    rows: Rows
    targets: Floats

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class StudySamples:
    """Studies of one split; every list has one entry per study.

    Attributes:
        store: Where the images lie.
        study_ids: As published.
        splits: train, development or test.
        rows: Positions in the store of each study's images.
        lateral: Which of them are lateral.
        indications: Cleaned text; None where there is none.
        vitals: Vital signs as text.
        targets: 1, 0, or NaN where unknown, (S, Q).
    """

    store: ImageStore
    study_ids: list[str]
    splits: list[str]
    rows: list[Rows]
    lateral: list[NDArray[np.bool_]]
    indications: list[str | None]
    vitals: list[str]
    targets: Floats

    def __len__(self) -> int:
        return len(self.study_ids)


@dataclass(frozen=True)
class Prevalence:
    """How often each class is positive where a network trains: the weights of its loss.

    Attributes:
        positives: Images with each class, (Q,).
        known: Images of which it is known whether they have it, (Q,), at least 1.
    """

    positives: NDArray[np.float64]
    known: NDArray[np.float64]


def label_matrix(table: pa.Table, classes: Sequence[str]) -> Floats:
    """The label columns of a table as (rows, Q), null as NaN."""
    columns = [table[name].to_numpy() for name in classes]
    return np.stack(columns, axis=1).astype(np.float32)


def read_cohort(path: Path, store: Path, classes: Sequence[str]) -> Cohort:
    """Open the cohort and its prepared images.

    Args:
        path: ``schemas.cohort``.
        store: The prepared images of MIMIC-CXR.
        classes: The label space, in order.

    Raises:
        DataError: If one of them is missing, or of other classes.
    """
    table = tables.read(path, schemas.cohort(classes, MIMIC_14))
    return Cohort(table, ImageStore(store), classes)


def cohort_images(cohort: Cohort, split: str, view: str | None = None) -> ImageSamples:
    """Every image of a split, with the labels of its study.

    Args:
        cohort: The studies and their images.
        split: train, development or test.
        view: frontal or lateral; None: both.

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
    """The images of the external sets as a teacher labelled them.

    Args:
        tables_folder: One ``schemas.pseudo_labels`` per set, ``<key>.parquet``.
        stores: One image store per set, ``<key>``.
        keys: The sets.
        classes: The label space, in order.

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


def cohort_studies(cohort: Cohort, splits: Sequence[str]) -> StudySamples:
    """The studies of some splits, in the order of the cohort.

    Raises:
        DataError: If the store lacks an image of the cohort.
    """
    part = cohort.table.filter(pc.field("split").isin(list(splits)))
    image_ids = part["image_ids"].to_pylist()
    ends = np.cumsum([0, *map(len, image_ids)])
    rows = cohort.store.rows([name for names in image_ids for name in names])
    return StudySamples(
        store=cohort.store,
        study_ids=part["study_id"].to_pylist(),
        splits=part["split"].to_pylist(),
        rows=[rows[start:end] for start, end in pairwise(ends)],
        lateral=[np.array([v == "lateral" for v in views]) for views in part["views"].to_pylist()],
        indications=part["indication"].to_pylist(),
        vitals=part["vitals_text"].to_pylist(),
        targets=label_matrix(part, cohort.classes),
    )


def prevalence(targets: Floats, images: Rows | None = None) -> Prevalence:
    """Count a training set; a probability counts as its share of an image.

    Args:
        targets: Labels, NaN where unknown, (N, Q).
        images: Images per row, (N,); None: one each.

    Source: method, section 8 (counts of images, also where studies are learnt).
    """
    weights = np.ones(len(targets)) if images is None else images.astype(np.float64)
    known = weights @ ~np.isnan(targets)
    return Prevalence(weights @ np.nan_to_num(targets.astype(np.float64)), np.maximum(known, 1))
