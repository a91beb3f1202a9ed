"""Processes as forks of one that has imported all: alike, but quick to start."""

from multiprocessing import get_context
from multiprocessing.context import ForkServerContext

import pytest

BESIDE_THREADS = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
"""Of a test that forks this process: Python 3.12 warns of threads, none of which the forks use."""
MODULES = [
    *("__main__", "camchex.images.prepare", "camchex.reports.indications"),
    "camchex.synthetic.make",
]
"""What work of processes is from; a module that cannot be imported here is by each process."""


def forks() -> ForkServerContext:
    """Context of processes that are forks of one that runs no thread."""
    server = get_context("forkserver")
    server.set_forkserver_preload(MODULES)
    return server


def fork_processes(patch: pytest.MonkeyPatch) -> None:
    """Let pools take forks in place of new processes."""
    server = forks()
    patch.setattr("multiprocessing.get_context", lambda _: server)
