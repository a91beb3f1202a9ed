"""A process of pytest-xdist, as a fork of the one that has imported what tests import.

pytest-xdist starts ``python -m tests.runs.worker -u -c CODE`` in place of ``python -u -c CODE``.
The first such process does not wait: it imports by itself, and compiles the tests for the others.
"""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from camchex.runs import preloaded


def main() -> None:
    """Wait until that process has imported, become its fork, and run the code there."""
    address = Path(os.environ[preloaded.ADDRESS])
    code = sys.argv[sys.argv.index("-c") + 1]
    if not _is_first(address.parent):
        _become_a_fork(address)
    sys.argv[:] = ["-c"]
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - that of the process that handed over
    exec(code, {"__name__": "__main__"})  # noqa: S102 - execnet's, which pytest-xdist is built on


def _is_first(folder: Path) -> bool:
    with suppress(OSError):  # another process was quicker, or the folder is gone
        (folder / "first").touch(exist_ok=False)
        return True
    return False


def _become_a_fork(address: Path) -> None:
    while address.parent.exists() and not address.exists():
        time.sleep(0.05)
    sys.argv[0] = "-m"  # as while the package of a program is imported
    preloaded.hand_over()


if __name__ == "__main__":  # not where a process of a test imports the main module of its parent
    main()
