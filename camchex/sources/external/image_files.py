"""The files of a set's images, found by name, and lists of such names."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from camchex.errors import DataError
from camchex.sources.csv.file_content import file_content


def image_paths(
    folder: Path, image_id: pa.Array, places: Sequence[str], extensions: Sequence[str] = ("",)
) -> pa.Array:
    """Find the file of each image without opening it; the first place and extension count.

    Args:
        folder: The set's folder.
        image_id: Ids, (N,).
        places: Folders below it; those that do not exist are passed over.
        extensions: What follows the id in the name of a file.

    Returns:
        Paths below ``folder``, (N,): of a missing file with the first place and extension.
    """
    found: dict[str, str] = {}
    for place in places:
        if (folder / place).is_dir():
            for path in (folder / place).iterdir():
                found.setdefault(path.name, f"{place}/{path.name}")
    paths = []
    for image in image_id.to_pylist():
        names = [f"{image}{extension}" for extension in extensions]
        there = (found[name] for name in names if name in found)
        paths.append(next(there, f"{places[0]}/{names[0]}"))
    return pa.array(paths, pa.string())


def read_names(path: Path) -> pa.Array:
    """Read a list with one name of an image per line; blank lines are passed over.

    A name may stand in quotes, as programs write a column.

    Raises:
        DataError: If the file is missing or no text, or a line holds several cells.
    """
    names = []
    for line, text in enumerate(file_content(path).decode("utf-8-sig").splitlines(), 1):
        cells = next(csv.reader([text], skipinitialspace=True), [])
        if len(cells) > 1:
            raise DataError(f"{path}, line {line}: {len(cells)} cells, expected one name a line.")
        names += [name for cell in cells if (name := cell.strip())]
    return pa.array(names, pa.string())
