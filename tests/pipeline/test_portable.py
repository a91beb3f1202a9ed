"""Stages as processes: their bytes whatever the caller set, and what they say of them."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import stages
from camchex.contract import arithmetic
from camchex.contract.yaml_file import read_yaml, yaml_text
from camchex.errors import ParamsError
from camchex.runs import preloaded
from stages import train_teacher
from tests.training.demo import ROOT, TEACHER, write_demo

ODD = {name: value for name, value in os.environ.items() if name != preloaded.ADDRESS} | {
    "OMP_NUM_THREADS": "3",
    "MKL_CBWR": "AVX2",
    "ATEN_CPU_CAPABILITY": "default",
    "OPENBLAS_CORETYPE": "Nehalem",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
}
"""Three threads, and other instruction sets for each library."""

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64" or os.cpu_count() == 1,
    reason="instruction sets of x86-64, and two threads",
)


def one_core() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.slow
def test_a_portable_training_has_the_same_bytes_whatever_the_caller_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process of odd settings on one core, beside this one, which is as stages are."""
    write_demo(tmp_path)
    (tmp_path / "stages").symlink_to(ROOT / "stages")
    done = subprocess.run(
        [sys.executable, *TEACHER, "--out", "odd/net", "--curves", "odd/curves"],
        cwd=tmp_path,
        env=ODD,
        preexec_fn=one_core,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(tmp_path)
    inputs = (Path("data/cohort.parquet"), Path("data/images/mimic"))
    train_teacher.main(*inputs, Path("usual/net"), Path("usual/curves"))
    odd = files(tmp_path / "odd")
    assert odd == files(tmp_path / "usual")
    assert {"net/model.safetensors", "curves/train_loss.tsv"} <= odd.keys()
    assert json.loads(odd["curves/arithmetic.json"]) == {"portable": True}


@pytest.mark.parametrize("portable", [True, False])
def test_a_stage_fixes_its_arithmetic_unless_runtime_forbids_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, portable: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    assert starts_pinned({"portable": portable}, monkeypatch) == portable


def starts_pinned(runtime: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a stage of the working directory fixes its arithmetic, with values of ``runtime``."""
    params = read_yaml(ROOT / "params.yaml")
    params["runtime"] |= runtime
    Path("params.yaml").write_text(yaml_text(params))
    pinned: list[bool] = []
    monkeypatch.setattr(arithmetic, "pin", lambda: pinned.append(True))
    stages.fix_arithmetic()
    return bool(pinned)


STAGE = (
    *("-m", "stages.extract_indications", "--studies", "studies.parquet"),
    *("--out", "out.parquet", "--metrics", "out.json"),
)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (None, "error: params.yaml: no such file. Run `camchex profile use demo`."),
        ("a: [", "error: params.yaml: not valid YAML"),
        ("runtime:", "error: params.yaml: unknown sections [], missing sections ['data'"),
    ],
    ids=["missing", "no YAML", "incomplete"],
)
def test_a_stage_without_whole_parameters_says_so(
    tmp_path: Path, params: str | None, message: str
) -> None:
    if params is not None:
        (tmp_path / "params.yaml").write_text(params)
    done = subprocess.run(
        [sys.executable, *STAGE],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(message)
    assert "Traceback" not in done.stderr


def test_a_wrong_value_is_named_by_the_stage_which_starts_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert starts_pinned({"portable": "maybe"}, monkeypatch)
    with pytest.raises(ParamsError, match=r"params\.yaml: runtime\.portable: .*found 'maybe'"):
        train_teacher.main(*(Path(name) for name in ("cohort", "store", "out", "curves")))


ESTIMATE = """
import sys
from camchex.cli import app
from camchex.contract import arithmetic
arithmetic.pin = lambda: sys.exit("pinned after torch" if "torch" in sys.modules else "pinned")
sys.argv = ["camchex", "estimate"]
app.main()
"""


def test_an_estimate_fixes_the_arithmetic_before_it_imports_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ESTIMATE], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stderr == "pinned\n"
