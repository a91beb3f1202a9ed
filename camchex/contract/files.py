"""Files and folders that appear under their name only when complete, and checksums of files."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from camchex.errors import DataError


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        OSError: If the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def beside(model: Path, inside: str, after: str) -> Path:
    """Find what belongs to a model: in its folder, or where the pipeline puts it.

    Args:
        model: Folder of the model, by whatever path: ``.`` or a link, too.
        inside: Name in that folder.
        after: Path in the folder two above, with ``{name}`` for the name of the model's folder.

    Returns:
        The first path that exists, of the folder as it is named, then as links lead to it. If there
        is none, where the pipeline would put it.
    """
    named = Path(os.path.normpath(model.absolute()))  # "." has neither a name nor a folder above
    places = [
        path
        for folder in (named, Path(os.path.realpath(model)))
        for path in (folder / inside, folder.parent.parent / after.format(name=folder.name))
    ]
    return next((path for path in places if path.exists()), places[1])


@contextmanager
def whole_file(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a file for writing that takes its name once it is complete and on the disk.

    Until then, and for ever if the writing fails, a file that stood under the name stays.

    Args:
        path: The file; its folder exists.
        mode: ``wb``, or ``w`` for UTF-8 text whose line ends are written as they are given.
    """
    unfinished = path.with_name(f"{path.name}.unfinished")
    encoding, newline = (None, None) if "b" in mode else ("utf-8", "")
    try:
        with unfinished.open(mode, encoding=encoding, newline=newline) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, complete or not at all; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, "w") as file:
        file.write(text)


def require_replaceable(folder: Path) -> None:
    """Check that a folder can be published under a name, best before the work begins.

    Raises:
        DataError: If the name is that of a file.
    """
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: is a file, where a folder is to be written. Move it away.")


def publish_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a hidden folder, which then replaces ``folder``, if there is one.

    If ``write`` fails, ``folder`` stays as it was. Of a symbolic link, the folder that it points to
    is replaced.

    Raises:
        DataError: If ``folder`` is a file.
    """
    require_replaceable(folder)
    folder = folder.resolve()
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    write(unfinished)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
