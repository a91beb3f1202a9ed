"""A process of pytest-xdist, as a fork of the one that has imported what tests import.

pytest-xdist starts ``python -m tests.runs.worker -u -c CODE`` in place of ``python -u -c CODE``.
"""

import os
import sys
import time
from pathlib import Path

from camchex.runs import preloaded


def main() -> None:
    """Wait until that process has imported, become its fork, and run the code there."""
    address = Path(os.environ[preloaded.ADDRESS])
    while address.parent.exists() and not address.exists():
        time.sleep(0.05)
    code = sys.argv[sys.argv.index("-c") + 1]
    sys.argv[0] = "-m"  # as while the package of a program is imported
    preloaded.hand_over()
    sys.argv[:] = ["-c"]
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - that of the process that handed over
    exec(code, {"__name__": "__main__"})  # noqa: S102 - execnet's, which pytest-xdist is built on


if __name__ == "__main__":  # not where a process of a test imports the main module of its parent
    main()
