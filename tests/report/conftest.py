"""One workspace in which the last stages have run, for all tests of the report."""

from pathlib import Path

import pytest

from camchex.report.inputs import ReportInputs
from tests.report.workspace import SEEDS, run_stages, workspace_inputs, write_workspace


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of the synthetic cohort after its stages; tests only read it."""
    folder = tmp_path_factory.mktemp("synthetic")
    write_workspace(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_stages((*SEEDS, 7))  # 7 is not declared
    return folder


@pytest.fixture(scope="session")
def inputs(made: Path) -> ReportInputs:
    """Everything that the report of that workspace shows."""
    return workspace_inputs(made)
