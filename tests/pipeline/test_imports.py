"""What starts without which packages, found in new processes that import it."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence

import pytest

from tests.pipeline.code_of_stages import IMPORTS, ROOT

TRAINING = ["lightning", "kornia", "torchmetrics", "dvclive", "sklearn"]
PREDICTION = ["predict", "predict_images", "pseudo_label"]
COMMAND_LINE = ["camchex", "camchex.cli.app"]
"""What ``camchex --help`` imports."""
BESIDE_THE_COMMAND_LINE = ["numpy", "pyarrow", "duckdb", "pydantic", "yaml", "torch"]
FUNCTIONS = (
    "ImageStore",
    "average_precision",
    "clean_indication",
    "link_vitals",
    "read_labels",
    "roc_auc",
    "split_sections",
)
"""Public names, by which nothing that learns is imported."""
CODE = """
import gc, importlib, json, sys
gc.disable()  # a process that ends so soon has no garbage
names, packages = json.loads(sys.argv[1])
found = {}
for name in names:
    before = set(sys.modules)
    module, _, attribute = name.partition(":")
    importlib.import_module(module)
    if attribute:
        getattr(sys.modules[module], attribute)
    found[name] = sorted((set(sys.modules) - before).intersection(packages))
print(json.dumps({name: added for name, added in found.items() if added}))
"""


def imported(names: Sequence[str], packages: Sequence[str]) -> dict[str, list[str]]:
    """Which of the packages a new process imports by which name, taken in turn.

    A name is that of a module, or ``module:attribute``.
    """
    command = [sys.executable, "-c", CODE, json.dumps([names, packages])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def forbidden() -> tuple[list[str], list[str]]:
    """Modules of rooms and stages of tables, and the packages that they must not import."""
    # The contract of import-linter sees this project's imports, not those of other packages.
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = [c for c in config["contracts"] if "torch" in c.get("forbidden_modules", ())]
    modules = [
        module
        for source in contract["source_modules"]
        for module in sorted({source, *IMPORTS.find_descendants(source)})
    ]
    return modules, contract["forbidden_modules"]


@pytest.fixture(scope="module")
def found() -> Mapping[str, Sequence[str]]:
    """What the command line imports first, rooms and stages of tables then, and public functions.

    Nothing learns among them, so this process starts within a second or two.
    """
    modules, packages = forbidden()
    public = [f"camchex:{name}" for name in FUNCTIONS]
    return imported([*COMMAND_LINE, *modules, *public], [*BESIDE_THE_COMMAND_LINE, *packages])


def test_the_help_of_the_command_line_needs_neither_tables_nor_networks(
    found: Mapping[str, Sequence[str]],
) -> None:
    assert not found.keys() & set(COMMAND_LINE)


def test_rooms_and_stages_of_tables_start_without_torch(
    found: Mapping[str, Sequence[str]],
) -> None:
    modules, packages = forbidden()
    assert not [name for name in modules if set(found.get(name, ())) & set(packages)]
    assert "numpy" in {package for name in modules for package in found.get(name, ())}


def test_public_functions_over_tables_import_no_torch(found: Mapping[str, Sequence[str]]) -> None:
    _, packages = forbidden()
    assert not [name for name, added in found.items() if ":" in name and {*added} & {*packages}]


def test_a_public_network_imports_torch_and_stages_that_predict_nothing_only_trainings_need() -> (
    None
):
    names = ["camchex:MLDecoder", *(f"stages.{name}" for name in PREDICTION)]
    assert imported(names, ["torch", *TRAINING]) == {"camchex:MLDecoder": ["torch"]}
