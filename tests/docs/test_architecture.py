"""The pages name code that exists, and the page on architecture names every room."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
PAGES = sorted([REPO / "README.md", REPO / "data" / "README.md", *(REPO / "docs").glob("*.md")])
ARCHITECTURE = (REPO / "docs" / "architecture.md").read_text()
ROOMS = sorted(p.name for p in (REPO / "camchex").iterdir() if (p / "__init__.py").is_file())
FOLDERS = "camchex|stages|tests|benchmarks|ablations|profiles|docs|data/synthetic"
FIVE_ANSWERS = {  # question: what its answer has to name
    "links a study to a stay": ("camchex/vitals/link.sql", "vitals.rule"),
    "class weights of the loss": ("weighted_asymmetric_loss", "prevalence"),
    "unknown view": ("decide_view",),
    "small count hidden": ("camchex/aggregates/small_cells.py", "evaluation.min_cell"),
    "decides the kept epoch": ("Selection",),
}


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)


def defined(body: list[ast.stmt], names: list[str]) -> bool:
    """Whether a module or class defines a name, and so on for the names in it."""
    first, *rest = names
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        own = getattr(node, "name", None)
        if own == first and rest:
            return isinstance(node, ast.ClassDef) and defined(node.body, rest)
        imported = (
            [a.asname or a.name for a in node.names] if isinstance(node, ast.ImportFrom) else []
        )
        if first in {own, *imported, *(t.id for t in targets if isinstance(t, ast.Name))}:
            return not rest
    return False


def exists(dotted: str) -> bool:
    """Whether a dotted name is a package, a module, or something that a module defines."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        path = REPO.joinpath(*parts[:length])
        source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if source.is_file():
            rest = parts[length:]
            return not rest or defined(ast.parse(source.read_text()).body, rest)
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))
class TestPage:
    def test_the_files_it_names_exist(self, page: Path) -> None:
        named = re.findall(rf"`((?:{FOLDERS})/[\w/.-]*)`", prose(page))
        assert [path for path in named if not (REPO / path).exists()] == []

    def test_the_code_it_names_exists(self, page: Path) -> None:
        named = re.findall(r"`((?:camchex|stages)(?:\.\w+)+)", prose(page))
        assert [name for name in named if not exists(name)] == []


def test_the_code_that_code_refers_to_exists() -> None:
    sources = [p for folder in ("camchex", "stages") for p in (REPO / folder).rglob("*.*")]
    texts = {p: p.read_text() for p in sources if p.suffix in {".py", ".sql", ".yaml", ".html"}}
    found = {
        (str(path.relative_to(REPO)), name)
        for path, text in texts.items()
        for name in re.findall(r"`((?:camchex|stages)(?:\.\w+)+)`", text)
    }
    assert len(found) > 20  # otherwise the pattern no longer finds them
    assert not {(path, name) for path, name in found if not exists(name)}


def test_a_name_that_is_not_there_is_found_out() -> None:
    assert exists("camchex.vitals.link.link_vitals")
    assert not exists("camchex.vitals.link.dreams")
    assert not exists("camchex.dreams")


def test_the_table_of_rooms_is_the_contract_of_the_layers() -> None:
    contracts = tomllib.loads((REPO / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(c["layers"] for c in contracts["contracts"] if c.get("containers") == ["camchex"])
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| .* \| .* \|$", ARCHITECTURE, re.MULTILINE)
    table = [set(re.findall(r"`(\w+)`", row)) for row in rows if "camchex" not in row]
    assert table == [set(layer.split(" | ")) for layer in layers if layer != "errors"]
    assert {room for row in table for room in row} == set(ROOMS)


@pytest.mark.parametrize("question", FIVE_ANSWERS)
def test_a_stranger_finds_the_answer(question: str) -> None:
    answer = re.findall(rf"\*\*[^*]*{question}[^*]*\*\*([^*]*)", ARCHITECTURE)
    assert len(answer) == 1
    for name in FIVE_ANSWERS[question]:
        assert name in answer[0]
