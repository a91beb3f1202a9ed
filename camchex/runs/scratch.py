"""Folders of unfinished work, each kept for what its result follows from, and locked."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console

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
    once the work has succeeded. The system frees the lock of a process that dies.

    Args:
        folder: A path of :func:`scratch_folder`; the work makes the folder itself.
        does: What the work is, as in "another process <does>; waiting".
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    name = folder.name[: -KEY_DIGITS - 1]
    lock = FileLock(folder.with_name(f"{name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        Console(stderr=True, soft_wrap=True).print(f"another process {does}; waiting")
        lock.acquire()
    try:
        for other in folder.parent.glob(f"{name}-{'[0-9a-f]' * KEY_DIGITS}"):
            if other != folder:
                shutil.rmtree(other)
        yield
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()
