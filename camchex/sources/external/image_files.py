"""The files of a set's images, found by name, and lists of such names."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from camchex.errors import DataError


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

    Raises:
        DataError: If the file is missing or no text.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file. `camchex check` says where to get it.")
    try:
        names = [name.strip() for name in path.read_text("utf-8-sig").splitlines()]
    except (UnicodeDecodeError, OSError) as error:
        raise DataError(f"{path}: cannot be read as text ({error}). Download it again.") from error
    for line, name in enumerate(names, 1):
        if "\0" in name:
            raise DataError(f"{path}, line {line}: holds a NUL byte. Download it again.")
    return pa.array([name for name in names if name], pa.string())
