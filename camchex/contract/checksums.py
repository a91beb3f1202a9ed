"""Checksums of large files, compared once: a file is read again only when it may have changed."""

import hashlib
import json
import shlex
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from camchex.contract.files import sha256, write_text
from camchex.errors import DataError

NOTES = Path(".camchex/checksums")
"""Place of the notes of what was compared, one for each folder of files."""
SETTLED_NS = 2_000_000_000
"""Age of a file from which a later change shows in its times, since clocks of file systems tick."""

Checksums = Mapping[str, str]
"""SHA-256 in hexadecimal, by name of the file."""


def require_unchanged(folder: Path, expected: Checksums) -> None:
    """Compare the checksums of some files, except of those that were compared and did not change.

    A file did not change if its size and its times are the same, that of its attributes included,
    which nobody can set back.

    Args:
        folder: Folder of the files.
        expected: Their checksums.

    Raises:
        DataError: Naming a file that is missing or has another checksum.
    """
    note = NOTES / f"{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()}.json"
    now, known = time.time_ns(), _read(note)
    states = {name: _state(folder / name, checksum) for name, checksum in expected.items()}
    new = {name: expected[name] for name, state in states.items() if state != known.get(name)}
    require_checksums(folder, new)
    settled = {name: state for name, state in states.items() if max(state[1:3]) < now - SETTLED_NS}
    if new.keys() & settled.keys():
        with suppress(OSError):  # where nothing can be written, the next reader compares again
            write_text(note, json.dumps(settled))


def require_checksums(folder: Path, expected: Checksums) -> None:
    """Compare the checksums of some files, as :func:`require_unchanged` does, in any case."""

    def compare(name: str) -> None:
        path = folder / name
        try:
            found = sha256(path)
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}. {again(path)}") from error
        if found != expected[name]:
            raise DataError(f"{path}: its SHA-256 is not {expected[name]}. {again(path)}")

    with ThreadPoolExecutor() as pool:
        list(pool.map(compare, expected))


def again(path: Path) -> str:
    """Say how a damaged file (not: folder) of a stage is made again, also where DVC links it."""
    linked = path.is_symlink() or (path.is_file() and path.stat().st_nlink > 1)
    command = f'find -L "$(dvc cache dir)" -samefile {shlex.quote(str(path))} -delete'
    first = f"DVC's cache holds the same damaged file: first run `{command}`. " if linked else ""
    return f"{first}Delete the folder and run `dvc repro` to make it again."


def _state(path: Path, checksum: str) -> tuple[int, int, int, str]:
    """Size and times of a file, 0 of one that is missing, and the checksum that it should have."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0, 0, checksum
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, checksum


def _read(note: Path) -> dict[str, tuple[int, int, int, str]]:
    """Read the states of the files of a folder; a note that is missing or damaged says nothing."""
    try:
        return {name: tuple(state) for name, state in json.loads(note.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
