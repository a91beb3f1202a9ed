"""One workspace in which the last stages have run, for all tests of the report."""

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from camchex.report.inputs import ReportInputs
from tests.report.workspace import run_stages, workspace_inputs, write_workspace


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of the synthetic cohort after its stages; tests only read it.

    The processes of pytest-xdist share it: the first that asks for it makes it.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder, finished = shared / "synthetic", shared / "synthetic.finished"
    with FileLock(shared / "synthetic.lock"):
        if not finished.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a process that failed half-way
            folder.mkdir()
            write_workspace(folder)
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(folder)
                run_stages()
            finished.touch()
    return folder


@pytest.fixture(scope="session")
def inputs(made: Path) -> ReportInputs:
    """Everything that the report of that workspace shows."""
    return workspace_inputs(made)
