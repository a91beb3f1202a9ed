"""External sets as canonical tables. A further source is a module here and an entry below."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa

from camchex.contract.labels import CXR_LT_2023, LabelParams
from camchex.errors import DataError
from camchex.sources.external import chexpert, nih, vindr
from camchex.sources.external.label_map import imply_no_finding
from camchex.sources.params import RECOMMENDED, ExternalSet, LabelPolicy

SOURCES = {"chexpert": chexpert, "nih": nih, "vindr": vindr}


def read_external(
    key: str, external: ExternalSet, table: Path, root: Path, labels: LabelParams
) -> tuple[pa.Table, pa.Table]:
    """Read the images and labels of one set.

    Args:
        key: Key of the set in params.yaml, which its rows carry as ``dataset``.
        external: Source, folder and label policy of the set.
        table: Published table of the set.
        root: data.root.
        labels: The label space; with ``imply_no_finding``, a finding means No Finding is 0.

    Returns:
        ``schemas.IMAGES`` and ``schemas.labels``, of the same images.

    Raises:
        DataError: If the table is not what the source publishes.
        ParamsError: If the set's own map names an unknown finding or class.
    """
    source, classes = SOURCES[external.source], labels.classes
    where = (external.folder,) if source is chexpert else (root, external.folder)
    images = source.read_images(table, *where, key)
    known = source.read_labels(table, classes, key, external.labels)
    return images, imply_no_finding(known, classes) if labels.imply_no_finding else known


def read_labels(
    name: Literal["chexpert", "nih", "vindr"],
    path: Path,
    classes: Sequence[str] = CXR_LT_2023,
    policy: LabelPolicy = RECOMMENDED,
) -> pa.Table:
    """Read the published label table of one data set.

    Args:
        name: CheXpert, ChestX-ray14 or VinDr-CXR.
        path: Table of the set, plain or compressed: train.csv, or Data_Entry_2017_v2020.csv.
        classes: The label space, in order.
        policy: What labels mean where the publisher leaves it open.

    Returns:
        ``schemas.labels(classes)``, one row per image: 1, 0, or null where the set does not say.

    Raises:
        DataError: If there is no such set, or the table is not what the set publishes.
    """
    if name not in SOURCES:
        raise DataError(f"{name!r}: no such data set. Expected one of {', '.join(SOURCES)}.")
    return SOURCES[name].read_labels(path, classes, name, policy)
