"""What starts without which packages, found in new processes that import it."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Sequence

from tests.pipeline.code_of_stages import IMPORTS, ROOT

TRAINING = ["lightning", "kornia", "torchmetrics", "dvclive", "sklearn"]
PREDICTION = ["predict", "predict_images", "pseudo_label"]
COMMAND_LINE = ["camchex", "camchex.cli.app"]
"""What ``camchex --help`` imports."""
CODE = """
import importlib, json, sys
modules, packages = json.loads(sys.argv[1])
found = {}
for module in modules:
    before = set(sys.modules)
    importlib.import_module(module)
    found[module] = sorted((set(sys.modules) - before).intersection(packages))
print(json.dumps({module: added for module, added in found.items() if added}))
"""


def imported(modules: Sequence[str], packages: Sequence[str]) -> dict[str, list[str]]:
    """Which of the packages a new process imports by which of the modules, taken in turn."""
    command = [sys.executable, "-c", CODE, json.dumps([modules, packages])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_package_that_is_imported_on_the_way_is_found() -> None:
    assert imported(["camchex.errors", "camchex.networks.batches"], ["torch", "lightning"]) == {
        "camchex.networks.batches": ["torch"]
    }


def test_rooms_and_stages_of_tables_start_without_torch() -> None:
    # The contract of import-linter sees this project's imports, not those of other packages.
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = [c for c in config["contracts"] if "torch" in c.get("forbidden_modules", ())]
    modules = [
        module
        for source in contract["source_modules"]
        for module in sorted({source, *IMPORTS.find_descendants(source)})
    ]
    assert imported(modules, contract["forbidden_modules"]) == {}


def test_stages_that_predict_start_without_what_only_trainings_need() -> None:
    assert imported([f"stages.{name}" for name in PREDICTION], TRAINING) == {}


def test_the_help_of_the_command_line_needs_neither_tables_nor_networks() -> None:
    assert imported(COMMAND_LINE, ["numpy", "pyarrow", "duckdb", "pydantic", "yaml", "torch"]) == {}
