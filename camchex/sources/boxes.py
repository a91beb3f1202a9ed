"""Boxes that readers drew around findings, as VinBigData publishes them (``train.csv``)."""

from pathlib import Path
from typing import NamedTuple

import pyarrow.compute as pc

from camchex.errors import DataError
from camchex.sources.csv.raw_table import read_csv
from camchex.sources.external.vindr import KAGGLE, release

EDGES = ("x_min", "y_min", "x_max", "y_max")


class Box(NamedTuple):
    """A box around one finding, in pixels of the published image.

    Attributes:
        image_id: The image.
        reader: Who drew it.
        finding: Class of CXR-LT.
        left: First column.
        top: First row.
        right: Last column.
        bottom: Last row.
    """

    image_id: str
    reader: str
    finding: str
    left: float
    top: float
    right: float
    bottom: float


def read_boxes(table: Path) -> list[Box]:
    """Read all boxes around findings of the label space, in the order of the file.

    A box around Nodule/Mass is left out: nobody knows of which of the two it is.

    Raises:
        DataError: If the table has no boxes, or one that is not left to right and top to bottom.
    """
    if release(table) != "kaggle":
        raise DataError(f"{table}: holds no boxes. VinBigData's train.csv of Kaggle does.")
    raw = read_csv(table, ["image_id", "rad_id", "class_name", *EDGES])
    left, top, right, bottom = (raw.numbers(name) for name in EDGES)
    for name, low, high in (("x_max", left, right), ("y_max", top, bottom)):
        wrong = pc.fill_null(pc.greater_equal(low, high), fill_value=False)
        raw.refuse(wrong, name, f"more than {name.replace('max', 'min')}")
    names = raw.choices("class_name", KAGGLE).to_pylist()
    columns = (raw.ids("image_id"), raw.ids("rad_id"), left, top, right, bottom)
    rows = zip(names, *(column.to_pylist() for column in columns), strict=True)
    return [
        Box(image_id, reader, KAGGLE[name][0], *edges)
        for name, image_id, reader, *edges in rows
        if len(KAGGLE[name]) == 1 and None not in edges
    ]
