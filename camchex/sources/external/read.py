"""An external set as canonical tables: a further source is a module here and a case below."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa

from camchex.contract.labels import CXR_LT_2023, LabelParams
from camchex.errors import DataError
from camchex.sources.external import chexpert, nih, vindr
from camchex.sources.external.implied import imply_no_finding
from camchex.sources.params import RECOMMENDED, ExternalSet, LabelPolicy


def read_external(
    key: str, external: ExternalSet, table: Path, root: Path, labels: LabelParams
) -> tuple[pa.Table, pa.Table]:
    """Read the images and labels of one set.

    Args:
        key: Its key in params.yaml, which its rows carry as ``dataset``.
        external: What it is.
        table: Its published table.
        root: data.root.
        labels: The label space; with ``imply_no_finding``, a finding means No Finding is 0.

    Returns:
        ``schemas.IMAGES`` and ``schemas.labels``, of the same images.

    Raises:
        DataError: If the table is not what the source publishes.
        ParamsError: If the set's own map names a finding or a class that there is not.
    """
    folder, classes, policy = external.folder, labels.classes, external.labels
    match external.source:
        case "chexpert":
            images = chexpert.read_images(table, folder, key)
            known = chexpert.read_labels(table, classes, key, policy)
        case "nih":
            images = nih.read_images(table, root, folder, key)
            known = nih.read_labels(table, classes, key, policy)
        case "vindr":
            images = vindr.read_images(table, root, folder, key)
            known = vindr.read_labels(table, classes, key, policy)
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
        path: Its table, plain or compressed: train.csv, or Data_Entry_2017_v2020.csv.
        classes: The label space, in order.
        policy: What labels mean where the publisher leaves it open.

    Returns:
        ``schemas.labels(classes)``, one row per image: 1, 0, or null where the set does not say.

    Raises:
        DataError: If there is no such set, or the table is not what it publishes.
    """
    readers = {"chexpert": chexpert, "nih": nih, "vindr": vindr}
    if name not in readers:
        raise DataError(f"{name!r}: expected one of {', '.join(readers)}")
    return readers[name].read_labels(path, classes, name, policy)
