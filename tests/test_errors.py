"""An error the user can act on is one message; a mistake of ours keeps its traceback."""

import ast
import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import stages
from camchex.errors import CamchexError, DataError, ModelError, ParamsError, counted

REPO = Path(__file__).resolve().parents[1]
STAGES = sorted(path for path in (REPO / "stages").glob("*.py") if path.name != "__init__.py")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], int]:
    """Run a stage that fails with the given error, and tell its exit status."""

    def run(error: Exception) -> int:
        def main() -> None:
            raise error

        monkeypatch.setattr(sys, "argv", ["stage"])
        with pytest.raises(SystemExit) as left:
            stages.run(main)
        return int(left.value.code or 0)

    return run


@pytest.mark.parametrize("kind", [ParamsError, DataError, ModelError])
def test_a_stage_says_in_one_message_what_the_user_can_act_on(
    kind: type[CamchexError],
    run: Callable[[Exception], int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(kind("train.csv, row 7: found 'x', expected 0 or 1")) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "error: train.csv, row 7: found 'x', expected 0 or 1\n"


def test_a_mistake_in_a_stage_keeps_its_traceback(run: Callable[[Exception], int]) -> None:
    with pytest.raises(ZeroDivisionError):
        run(ZeroDivisionError("ours"))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "error: No space left on device."),
        (OSError(errno.EROFS, "Read-only file system", "out.json"), "error: out.json: Read-only"),
        (PermissionError(errno.EACCES, "Permission denied", "raw"), "error: raw: Permission"),
    ],
)
def test_a_disk_that_is_full_or_refuses_is_one_message(
    error: OSError, said: str, run: Callable[[Exception], int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(error) == 1
    assert capsys.readouterr().err.startswith(said)


def test_another_error_of_the_system_in_a_stage_keeps_its_traceback(
    run: Callable[[Exception], int],
) -> None:
    with pytest.raises(FileNotFoundError):
        run(FileNotFoundError(errno.ENOENT, "No such file or directory", "ours"))


def test_every_error_of_ours_is_shown_this_way() -> None:
    assert {kind.__name__ for kind in CamchexError.__subclasses__()} >= {
        "ParamsError",
        "DataError",
        "ModelError",
    }


def test_a_stage_that_misses_an_input_names_it_without_a_traceback(tmp_path: Path) -> None:
    missing = tmp_path / "studies.parquet"
    options = {
        "studies": missing,
        "edstays": tmp_path / "edstays.csv.gz",
        "triage": tmp_path / "triage.csv.gz",
        "vitalsign": tmp_path / "vitalsign.csv.gz",
        "out": tmp_path / "vitals.parquet",
        "metrics": tmp_path / "vitals.json",
    }
    command = [sys.executable, "-m", "stages.link_vitals"]
    for name, path in options.items():
        command += [f"--{name}", str(path)]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert str(tmp_path) in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", STAGES, ids=lambda path: path.stem)
def test_a_stage_is_one_short_main_that_is_run_this_way(path: Path) -> None:
    tree = ast.parse(path.read_text())
    functions = [n.name for n in tree.body if isinstance(n, ast.FunctionDef)]
    assert [name for name in functions if not name.startswith("_")] == ["main"]
    guard = tree.body[-1]
    assert isinstance(guard, ast.If)
    assert ast.unparse(guard) == "if __name__ == '__main__':\n    run(main)"
    assert ast.get_docstring(tree)


def test_one_thing_is_named_as_one() -> None:
    assert [counted(n, "row") for n in (0, 1, 2000)] == ["0 rows", "1 row", "2,000 rows"]
    assert [counted(n, "study", "studies") for n in (1, 2)] == ["1 study", "2 studies"]
