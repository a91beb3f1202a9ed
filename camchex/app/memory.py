"""Files that exist in memory alone, for readers that take paths."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from camchex.errors import DataError


def require_memory_files() -> None:
    """Raise a DataError where the system has no files in memory."""
    if not hasattr(os, "memfd_create"):
        raise DataError(
            "this system has no files in memory (memfd_create, Linux): the page would have to "
            "write images to a disk. Use `camchex predict` and `camchex explain` here."
        )


@contextmanager
def memory_files(contents: Sequence[bytes]) -> Iterator[list[Path]]:
    """Make a file of each content, which no folder lists and which ends with this process.

    Source: memfd_create(2); a path below ``/proc/self/fd`` opens such a file again.
    """
    with ExitStack() as stack:
        paths = []
        for number, content in enumerate(contents):
            file = stack.enter_context(os.fdopen(os.memfd_create(str(number)), "wb"))
            file.write(content)
            file.flush()
            paths.append(Path(f"/proc/self/fd/{file.fileno()}"))
        yield paths


def with_names(text: str, names: Mapping[Path, str]) -> str:
    """Put the names that people know in the place of paths."""
    for path in sorted(names, key=lambda path: -len(str(path))):
        text = text.replace(str(path), names[path])
    return text
