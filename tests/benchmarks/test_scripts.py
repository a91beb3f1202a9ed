"""Every benchmark starts as ``python benchmarks/<name>.py``, where the tests may be absent."""

import ast
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).resolve().parents[2] / "benchmarks").glob("*.py"))


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
