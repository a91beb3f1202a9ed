"""A copy of the project with a miniature cohort and small networks, which runs within a minute."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from camchex.contract.yaml_file import read_yaml, yaml_text
from tests.pipeline.code_of_stages import ROOT

MINIATURE: Mapping[str, object] = {
    "synthetic.studies": {"train": 48, "development": 16, "test": 32},
    "synthetic.external": {"chexpert": 16, "nih": 16, "vindr": 16},
    "synthetic.image_px": 64,
    "images.size": 32,
    "encoder.backbone_args.depths": [1, 1, 1, 1],
    "encoder.backbone_args.dims": [8, 16, 16, 16],
    "encoder.decoder_width": 16,
    "encoder.decoder_ffn": 16,
    "noisy_student.teacher.epochs": 1,
    "noisy_student.student.epochs": 1,
    "view_finetuning.training.epochs": 1,
    "text.width": 16,
    "text.ffn": 16,
    "fusion.training.epochs": 1,
    "evaluation.min_cell": 2,
    "evaluation.bootstrap.resamples": 20,
    "audit.shuffles": 2,
    "seeds": [0],
    "runtime.workers": 0,
}
PIPELINE = (
    *("dvc.yaml", "data/synthetic/dvc.yaml", ".dvcignore", ".gitignore"),
    *("profiles", "metrics/shown"),
    *("Makefile", "pyproject.toml", "constraints.txt"),  # of `make repro`
)


def dvc(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run DVC in ``folder``."""
    return program(folder, "dvc", *words)


def program(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a module as a program, in ``folder``, with this interpreter first on the path."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = [sys.executable, "-m", "tests.runs.handed", *words]
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "2"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


def set_parameters(folder: Path, values: Mapping[str, object]) -> None:
    params = read_yaml(folder / "params.yaml")
    for key, value in values.items():
        *above, last = key.split(".")
        section = params
        for name in above:
            section = section[name]
        assert last in section, key
        section[last] = value
    (folder / "params.yaml").write_text(yaml_text(params))


def make_project(folder: Path, values: Mapping[str, object] = MINIATURE) -> None:
    """Copy the project with other parameters, as a repository of git and DVC."""
    for name in ("camchex", "stages"):
        shutil.copytree(ROOT / name, folder / name)  # as compiled
    for name in (*PIPELINE, "params.yaml"):
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    set_parameters(folder, values)
    installed = folder / ".venv/bin/activate"  # by whoever runs the tests
    installed.parent.mkdir(parents=True)
    installed.touch()
    (folder / ".venv/.installed").touch()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "user.name", "A Researcher")
    git(folder, "config", "user.email", "researcher@example.org")
    assert dvc(folder, "init", "-q").returncode == 0
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "a project")
