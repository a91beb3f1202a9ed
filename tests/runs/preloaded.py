"""A process that has imported what stages import, for the stages that tests start.

A stage with networks imports for seconds. What a stage computes does not depend on who imported
(``camchex/runs/preloaded.py``); tests of that very thing, or of what a stage imports, take
``ADDRESS`` out of the environment.
"""

import ctypes
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

from camchex.runs import preloaded

MODULES = (
    *("stages.train_student", "stages.train_fusion", "stages.predict", "stages.audit_leakage"),
    *("stages.report", "stages.side_by_side.reproduce", "tests.training.two_devices"),
    *("omegaconf", "sklearn.ensemble", "captum.attr", "highdicom", "playwright.sync_api"),
    *("pydicom", "onnx", "grimp", "hypothesis.strategies", "networkx", "pygit2"),
)
"""Together they import what any stage does, DVC, and libraries that several tests share."""
PR_SET_PDEATHSIG = 1


def start() -> Callable[[], None]:
    """Start the process and name it in the environment; what is returned ends it."""
    folder = Path(tempfile.mkdtemp(prefix="camchex-"))
    os.environ[preloaded.ADDRESS] = str(folder / "socket")
    process = get_context("spawn").Process(target=_serve, args=(folder / "socket",))
    process.start()

    def end() -> None:
        process.kill()
        process.join()
        shutil.rmtree(folder, ignore_errors=True)

    return end


def _serve(socket: Path) -> None:
    if sys.platform == "linux":  # end with the tests, also where they are killed
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        from stages import fix_arithmetic
        from stages.side_by_side.processes import PRELOADED

        preloaded.serve(str(socket), 0, (*MODULES, *PRELOADED), fix_arithmetic)
    finally:  # where an import fails, nobody is to wait for it
        shutil.rmtree(socket.parent)
