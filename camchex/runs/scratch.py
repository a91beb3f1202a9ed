"""Folders of unfinished work, each kept for what its result follows from, and locked."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console

from camchex.errors import DataError
from camchex.runs.parts import Part

SCRATCH = Path(".camchex/scratch")
"""Place of unfinished work and locks: outside what DVC deletes before it runs a stage."""
LOGS = Path(".camchex/logs")
"""Place of training logs that differ between machines and runs, or must not leave this machine."""
KEY_DIGITS = 16


def run_name(out: Path) -> str:
    """Name the work that makes ``out``, by the parts of its path."""
    return "-".join(part for part in out.parts if part != out.anchor)


def scratch_folder(out: Path, key: str, scratch: Path = SCRATCH) -> Path:
    """Name the folder of the unfinished work that makes ``out``.

    Args:
        out: First output of the work.
        key: Hexadecimal digest of everything that the result follows from: work that was
            interrupted is continued only under the key that it was begun with.
        scratch: Folder of all scratch folders and their locks.
    """
    return scratch / f"{run_name(out)}-{key[:KEY_DIGITS]}"


@contextmanager
def locked(folder: Path, does: str) -> Iterator[None]:
    """Hold the lock of a scratch folder; a second process with the same output waits.

    Folders of the same output with another key are deleted at the start, and ``folder`` itself
    once the work has succeeded. Parts that are being made are waited for. The system frees the lock
    of a process that dies.

    Args:
        folder: A path of :func:`scratch_folder`; the work makes the folder itself.
        does: What the work is, as in "another process <does>; waiting".
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    name = _name(folder)
    lock = FileLock(folder.with_name(f"{name}.lock"))
    _acquire(lock, f"another process {does}; waiting")
    try:
        for path in folder.parent.glob(f"{name}.part-*-of-*.lock"):
            _acquire(part := FileLock(path), f"a part of it is being made ({path.name}); waiting")
            part.release()
        for other in folder.parent.glob(f"{name}-{'[0-9a-f]' * KEY_DIGITS}"):
            if other != folder:
                shutil.rmtree(other)
        yield
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()


@contextmanager
def locked_part(folder: Path, part: Part, does: str) -> Iterator[None]:
    """Hold the lock of one part of the work that :func:`locked` does, beside other parts.

    Nothing is deleted: the work itself joins the parts. A part waits while it runs.

    Args:
        folder: As of :func:`locked`.
        part: Which part is made.
        does: What the work is, as in "another process <does>; waiting".

    Raises:
        DataError: If another process makes this very part.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    name = _name(folder)
    whole = FileLock(folder.with_name(f"{name}.lock"))
    own = FileLock(folder.with_name(f"{name}.part-{part.number}-of-{part.count}.lock"))
    _acquire(whole, f"another process {does}; waiting")
    try:
        own.acquire(timeout=0)
    except Timeout as error:
        raise DataError(f"{name}: another process makes part {part}. Wait for it.") from error
    finally:
        whole.release()
    try:
        yield
    finally:
        own.release()


def _name(folder: Path) -> str:
    return folder.name[: -KEY_DIGITS - 1]


def _acquire(lock: FileLock, otherwise: str) -> None:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        Console(stderr=True, soft_wrap=True).print(otherwise)
        lock.acquire()
