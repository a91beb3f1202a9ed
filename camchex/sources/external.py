"""An external set as canonical tables: a further source is a module here and a case below."""

from pathlib import Path

import pyarrow as pa

from camchex.labels import LabelParams
from camchex.sources import chexpert, nih, vindr
from camchex.sources.implied import imply_no_finding
from camchex.sources.params import ExternalSet


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
