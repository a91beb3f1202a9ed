"""External sets as canonical tables. A further source is a module here and an entry below.

The module of a source reads what is its own: ``image_columns`` the images, ``published_classes``
the findings of a table, and ``known_labels`` the labels of the classes that these are mapped to.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract import schemas
from camchex.contract.labels import CXR_LT_2023, LabelParams
from camchex.errors import DataError
from camchex.sources.external import chexpert, nih, vindr
from camchex.sources.external.label_map import imply_no_finding, label_map
from camchex.sources.params import RECOMMENDED, ExternalSet, LabelPolicy

SOURCES = {"chexpert": chexpert, "nih": nih, "vindr": vindr}
Source = Literal["chexpert", "nih", "vindr"]


def read_external(
    key: str, external: ExternalSet, table: Path, root: Path, labels: LabelParams
) -> tuple[pa.Table, pa.Table]:
    """Read the images and labels of one set, whose rows carry its key as ``dataset``.

    Returns:
        What :func:`read_images` and :func:`read_labels` return; with ``labels.imply_no_finding``, a
        positive finding means that No Finding is 0.

    Raises:
        DataError: If the table is not what the source publishes.
        ParamsError: If the set's own map names an unknown finding or class.
    """
    images = read_images(external.source, table, root, external.folder, key)
    known = read_labels(external.source, table, labels.classes, external.labels, key)
    return images, imply_no_finding(known, labels.classes) if labels.imply_no_finding else known


def read_images(
    name: Source, path: Path, root: Path, folder: str, dataset: str | None = None
) -> pa.Table:
    """Read the images of one set, sorted by id; what the set does not publish is null.

    Args:
        name: CheXpert, ChestX-ray14 or VinDr-CXR.
        path: Table of the set, plain or compressed.
        root: data.root.
        folder: The set's folder below it.
        dataset: Key of the set; None: ``name``.

    Returns:
        ``schemas.IMAGES``.

    Raises:
        DataError: If the table is not what the set publishes.

    Source: docs/method.md, section 5.
    """
    columns = {"dataset": dataset or name, **SOURCES[name].image_columns(path, root / folder)}
    columns["path"] = pc.binary_join_element_wise(folder, columns["path"], "/")
    size = len(columns["path"])
    arrays = {}
    for field in schemas.IMAGES:
        value = columns.get(field.name)
        repeated = value is None or isinstance(value, str)
        arrays[field.name] = pa.repeat(pa.scalar(value, field.type), size) if repeated else value
    return pa.table(arrays).cast(schemas.IMAGES).sort_by("image_id")


def read_labels(
    name: Source,
    path: Path,
    classes: Sequence[str] = CXR_LT_2023,
    policy: LabelPolicy = RECOMMENDED,
    dataset: str | None = None,
) -> pa.Table:
    """Read the published label table of one set, sorted by image.

    Args:
        name: CheXpert, ChestX-ray14 or VinDr-CXR.
        path: Table of the set, plain or compressed: train.csv, or Data_Entry_2017_v2020.csv.
        classes: The label space, in order.
        policy: What labels mean where the publisher leaves it open.
        dataset: Key of the set; None: ``name``.

    Returns:
        ``schemas.labels(classes)``, one row per image: 1, 0, or null where the set does not say.

    Raises:
        DataError: If there is no such set, or the table is not what the set publishes.
        ParamsError: If the policy's own map names an unknown finding or class.

    Source: docs/method.md, section 5.
    """
    if name not in SOURCES:
        raise DataError(f"{name!r}: no such data set. Expected one of {', '.join(SOURCES)}.")
    source, dataset = SOURCES[name], dataset or name
    mapping = label_map(source.published_classes(path), policy, classes, dataset)
    image_id, known = source.known_labels(path, mapping, policy)
    unknown = pa.nulls(len(image_id), pa.float32())
    columns = {"dataset": pa.repeat(dataset, len(image_id)), "image_id": image_id}
    columns |= {name: known.get(name, unknown) for name in classes}
    return pa.table(columns).cast(schemas.labels(classes)).sort_by("image_id")
