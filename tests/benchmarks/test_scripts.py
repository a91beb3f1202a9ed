"""Every benchmark starts as ``python benchmarks/<name>.py``, where the tests may be absent."""

import ast
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).resolve().parents[2] / "benchmarks").glob("*.py"))
BENCHMARKS = [
    path
    for path in SCRIPTS
    if "__main__" in path.read_text() and path.stem != "measured"  # takes a command's words
]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_benchmark_finds_what_is_not_installed_and_needs_no_test(path: Path) -> None:
    names = [
        name.partition(".")[0]
        for node in ast.parse(path.read_text()).body
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    ]
    assert "tests" not in names
    for name in {"stages", "ablations"} & {*names}:
        assert "record" in names[: names.index(name)]  # puts the project's folder on the path


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_a_benchmark_that_is_asked_for_help_does_not_run(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    assert {"run", "argparse.ArgumentParser"} & {ast.unparse(call.func) for call in calls}
