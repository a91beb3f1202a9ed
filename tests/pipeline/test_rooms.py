"""The rooms of the library: small enough to see, in one layer each, without knowledge of paths."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from tests.pipeline.code_of_stages import PACKAGE, ROOT, rooms

MOST_MODULES = 16  # of one package
MOST_STAGE_LINES = 50
PATHS = re.compile(r"^(data|metrics|models|stages|ablations)/|dvc\.(lock|yaml)")
COMMAND_LINE = "cli"  # its options default to paths of the project


def test_no_package_is_a_heap() -> None:
    for folder in {path.parent for path in PACKAGE.rglob("*.py")}:
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= MOST_MODULES, folder
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "errors.py"}


def test_every_room_stands_in_exactly_one_layer() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = [c for c in config["contracts"] if c.get("containers") == ["camchex"]]
    layers = [room for row in contract["layers"] for room in row.split(" | ")]
    assert sorted(layers) == sorted([*rooms(), "errors"])


def test_every_room_but_the_command_line_is_forbidden_typer() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = [c for c in config["contracts"] if c.get("forbidden_modules") == ["typer"]]
    assert contract["type"] == "forbidden"
    assert contract["source_modules"] == [f"camchex.{r}" for r in rooms() if r != COMMAND_LINE]


def strings(path: Path) -> list[str]:
    """Text of a module that is neither a docstring nor a comment."""
    tree = ast.parse(path.read_text())
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in alone]
    return [node.value for node in constants if isinstance(node.value, str)]


@pytest.mark.parametrize("room", [room for room in rooms() if room != COMMAND_LINE])
def test_a_room_names_no_path_of_the_project(room: str) -> None:
    named = {text for path in (PACKAGE / room).rglob("*.py") for text in strings(path)}
    assert not {text for text in named if PATHS.search(text)}


@pytest.mark.parametrize("path", sorted((ROOT / "stages").glob("*.py")), ids=lambda path: path.stem)
def test_a_stage_is_thin(path: Path) -> None:
    if path.stem != "__init__":
        assert len(path.read_text().splitlines()) <= MOST_STAGE_LINES
