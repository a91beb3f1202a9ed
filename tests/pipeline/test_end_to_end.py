"""The whole chain on a miniature cohort, as DVC runs it: what is made, and what is made again."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from camchex.contract.yaml_file import read_yaml, yaml_text
from tests.pipeline.test_dvc_yaml import ROOT

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
    "seeds": [0],
    "runtime.workers": 0,
}
PIPELINE = (
    *("dvc.yaml", "data/synthetic/dvc.yaml", ".dvcignore", ".gitignore"),
    *("profiles", "metrics/shown"),
)


def dvc(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run DVC in ``folder`` with this interpreter's ``python`` first on the path."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = [sys.executable, "-m", "dvc", *words]
    env = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "2"}
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


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a miniature cohort, after one ``dvc repro``."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("camchex", "stages"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (*PIPELINE, "params.yaml"):
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    set_parameters(folder, MINIATURE)
    git(folder, "init", "-q")
    git(folder, "config", "user.name", "A Researcher")
    git(folder, "config", "user.email", "researcher@example.org")
    assert dvc(folder, "init", "-q").returncode == 0
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "a project")
    done = dvc(folder, "repro")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "its results")
    return folder


def stages_run(output: str) -> list[str]:
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


@pytest.mark.slow
def test_the_chain_ends_with_scores_and_a_report(project: Path) -> None:
    summary = json.loads((project / "metrics/summary.json").read_text())
    assert 0 < summary["study"]["mAP"] <= 1
    report = (project / "report.html").read_text()
    assert "not of this page" in report  # what metrics/shown came with
    assert "synthetic" in report.lower()
    assert 'src="http' not in report


@pytest.mark.slow
def test_nothing_patient_level_is_tracked_by_git(project: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=project, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert "dvc.lock" in listed
    assert not [f for f in listed if f.endswith((".parquet", ".arrow", ".safetensors", ".jpg"))]


@pytest.mark.slow
def test_a_second_run_does_nothing_whatever_the_runtime(project: Path) -> None:
    before = (project / "params.yaml").read_bytes()
    set_parameters(project, {"runtime.workers": 2})
    again = dvc(project, "repro")
    (project / "params.yaml").write_bytes(before)
    assert again.returncode == 0
    assert stages_run(again.stdout) == []
    assert "up to date" in again.stdout


@pytest.mark.slow
def test_a_parameter_of_the_fusion_reruns_the_fusion_and_what_follows(project: Path) -> None:
    changed = dvc(project, "exp", "run", "-S", "fusion.layers=2")
    assert changed.returncode == 0, changed.stderr[-3000:]
    seeds = read_yaml(project / "params.yaml")["seeds"]
    each = [f"{stage}@{s}" for stage in ("train_fusion", "predict", "evaluate") for s in seeds]
    assert sorted(stages_run(changed.stdout)) == sorted([*each, "audit_leakage", "report"])
    assert "fusion.layers" in dvc(project, "params", "diff").stdout
    assert "summary.json" in dvc(project, "metrics", "diff").stdout

    require_the_branch_to_differ(project)


def require_the_branch_to_differ(project: Path) -> None:
    """By what was changed, and by what came of it."""
    git(project, "branch", "shallow")
    git(project, "switch", "-c", "deeper")
    git(project, "commit", "-am", "another fusion")
    params = json.loads(dvc(project, "params", "diff", "shallow", "deeper", "--json").stdout)
    layers = params["params.yaml"]["fusion.layers"]
    assert (list(params["params.yaml"]), layers["old"], layers["new"]) == (["fusion.layers"], 1, 2)
    metrics = json.loads(dvc(project, "metrics", "diff", "shallow", "deeper", "--json").stdout)
    changed = metrics["metrics/summary.json"]["study.mAP"]
    assert changed["old"] != changed["new"]


@pytest.mark.slow
def test_a_misspelt_parameter_is_rejected(project: Path) -> None:
    refused = dvc(project, "exp", "run", "-S", "fusion.layrs=1")
    assert refused.returncode != 0
    assert "layrs" in refused.stderr


@pytest.mark.slow
def test_the_pipeline_goes_on_from_canonical_tables_of_ones_own(
    project: Path, tmp_path: Path
) -> None:
    """With the images and no raw table at all; two processes prepare what one had prepared."""
    files = "mimic-cxr-jpg/files"
    shutil.copytree(project / "data/interim", tmp_path / "tables")
    shutil.copytree(project / "data/synthetic/raw" / files, tmp_path / "images" / files)
    cohort = (project / "data/cohort.parquet").read_bytes()
    before = (project / "params.yaml").read_bytes()
    own = {
        "data.root": str(tmp_path / "images"),
        "data.tables": str(tmp_path / "tables"),
        "data.watch_images": files,
        "runtime.workers": 2,
    }
    set_parameters(project, own)
    made = dvc(project, "repro", "build_cohort")
    dry = dvc(project, "repro", "--dry", "train_teacher").stdout
    (project / "params.yaml").write_bytes(before)
    assert made.returncode == 0, made.stderr[-3000:]
    assert stages_run(made.stdout) == ["prepare_images_mimic", "classify_views", "build_cohort"]
    assert (project / "data/cohort.parquet").read_bytes() == cohort
    assert not [s for s in stages_run(dry) if s.startswith(("ingest", "extract", "link"))]
