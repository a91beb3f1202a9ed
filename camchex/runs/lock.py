"""One process at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console

SCRATCH = Path(".camchex/scratch")
"""Where unfinished work and locks live: outside what DVC deletes before it runs a stage."""
LOGS = Path(".camchex/logs")
"""Where trainings say what differs between machines and runs, or must not leave this machine."""


@contextmanager
def exclusive(path: Path, work: str) -> Iterator[None]:
    """Hold a lock; a second process waits. The system frees it when its holder dies.

    Args:
        path: The lock's file.
        work: What is done, as in "another process <work>; waiting".
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        Console(stderr=True, soft_wrap=True).print(f"another process {work}; waiting")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
