"""The whole chain on a miniature cohort, as DVC runs it: what is made, and what is made again."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from camchex.cli import app as cli
from camchex.contract.yaml_file import read_yaml
from tests.docs.tutorial import steps
from tests.pipeline.miniature import dvc, git, make_project, program, set_parameters

STUDY = re.compile(r"p\d\d/p\d{8}/s\d{8}")  # in the layout of MIMIC-CXR


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a miniature cohort, made as ``make repro`` does."""
    folder = tmp_path_factory.mktemp("project")
    make_project(folder)
    done = program(folder, "stages", "--jobs", "2")
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
def test_the_tutorial_runs_as_it_is_printed(project: Path) -> None:
    """Each command of docs/tutorial.md, on the miniature; numbers may differ from the page's."""
    printed = {step.command: shell(project, step.command) for step in steps()}
    for step in steps():
        for line in step.output.splitlines():
            assert shape(line) in map(shape, printed[step.command].splitlines()), step.command
    require_the_fusion_and_what_follows(printed["dvc exp run -S 'fusion.inputs=[images]'"], project)
    git(project, "diff", "--quiet", "params.yaml", "metrics")  # went back
    require_the_branch_to_differ(project)


def shell(folder: Path, command: str) -> str:
    """What a command of the page prints; the study that it names is one of the miniature."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    images = folder / "data/synthetic/raw/mimic-cxr-jpg/files"
    studies = images.glob("p*/p*/s*")
    study = min(one for one in studies if len(list(one.glob("*.jpg"))) == 1).relative_to(images)
    command = STUDY.sub(str(study), command)
    if command.startswith("camchex "):
        return camchex(folder, command)
    if command.startswith("dvc "):
        done = program(folder, *shlex.split(command))
    else:
        env = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "2"}
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, (command, done.stdout[-3000:] + done.stderr[-3000:])
    return done.stdout


def camchex(folder: Path, command: str) -> str:
    """What a command prints in this process, which has imported the networks."""
    words = shlex.split(command)
    words = [str(w) for word in words for w in (folder.glob(word) if "*" in word else [word])]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as shown:
        patch.chdir(folder)
        patch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as left:
            cli.main()
    assert not left.value.code, command
    return shown.getvalue()


def shape(line: str) -> str:
    """A printed line without its numbers, and without the name of a finding before one."""
    numberless = re.sub(r"\d+(?:\.\d+)?", "0", line)
    return re.sub(r"^ [A-Z][A-Za-z ]+ 0 *$", " Finding 0", numberless.rstrip())


def require_the_fusion_and_what_follows(output: str, project: Path) -> None:
    seeds = read_yaml(project / "params.yaml")["seeds"]
    each = [f"{stage}@{s}" for stage in ("train_fusion", "predict", "evaluate") for s in seeds]
    assert sorted(stages_run(output)) == sorted([*each, "audit_leakage", "report"])


def require_the_branch_to_differ(project: Path) -> None:
    """By what was changed, and by what came of it."""
    branches = ("main", "images-only", "--json")
    params = json.loads(dvc(project, "params", "diff", *branches).stdout)
    assert list(params["params.yaml"]) == ["fusion.inputs"]
    assert params["params.yaml"]["fusion.inputs"]["new"] == "['images']"  # a list, as DVC says it
    metrics = json.loads(dvc(project, "metrics", "diff", *branches).stdout)
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
