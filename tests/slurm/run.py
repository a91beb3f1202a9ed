"""``python -m tests.slurm``: what jobs of SLURM make, beside what is made without SLURM.

The jobs are those of docs/slurm, with options for one node of two processors: images are prepared
by an array of jobs, the fusion is trained by two tasks, once also by a job that goes back into the
queue before its time is over, and studies are predicted by an array.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from camchex.contract import schemas, tables
from camchex.contract.labels import CXR_LT_2023
from camchex.contract.yaml_file import read_yaml
from camchex.networks.image_classifier import build_image_classifier
from camchex.networks.params import EncoderParams
from tests.pipeline.code_of_stages import ROOT
from tests.pipeline.miniature import dvc, make_project, set_parameters
from tests.slurm.cluster import cluster, submit, wait
from tests.training.demo import SIZE, write_cohort, write_images, write_params

RECIPES = "docs/slurm"
IMAGES, MODEL = "data/images/mimic", "models/fusion/seed0"
PREDICTIONS, COUNTERFACTUALS = "data/predictions", "data/counterfactuals"
TWO_TASKS = ("--nodes=1", "--ntasks-per-node=2", "--gpus-per-node=2", "--cpus-per-task=1")
ONE_TASK = ("--cpus-per-task=1", "--time=20")
EPOCHS = 100  # about half a minute
RESTARTS = "times that a training went back into the queue before its time was over"


def write_project(folder: Path, epochs: int) -> None:
    """A project before its images are prepared, with view encoders that know nothing."""
    make_project(folder, {})
    write_params(folder)
    changes = {"data.root": ".", "data.watch_images": "raw", "fusion.training.epochs": epochs}
    set_parameters(folder, changes)
    images = write_images(folder, "mimic", *write_cohort(folder))
    table = folder / "data/interim/mimic/images.parquet"
    table.parent.mkdir(parents=True)
    tables.write(images, table, schemas.IMAGES)
    encoder = EncoderParams.model_validate(read_yaml(folder / "params.yaml")["encoder"])
    for view in ("frontal", "lateral"):
        (folder / "models/views" / view).mkdir(parents=True)
        network = build_image_classifier(encoder, CXR_LT_2023, SIZE)
        network.save_pretrained(folder / "models/views" / view)
    shutil.copytree(ROOT / RECIPES, folder / RECIPES)
    shutil.rmtree(folder / ".venv")
    (folder / ".venv").symlink_to(sys.prefix)


def alone(folder: Path, *stages: str) -> None:
    """Run stages without SLURM."""
    done = dvc(folder, "repro", "-s", *stages)
    if done.returncode:
        raise RuntimeError(done.stdout[-3000:] + done.stderr[-3000:])


def job(folder: Path, recipe: str, *words: str, options: Sequence[str]) -> list[dict[str, str]]:
    """Submit a recipe with other options, and wait for it.

    Raises:
        RuntimeError: If it, or a job of the array, fails.
    """
    start = time.monotonic()
    number = submit(folder, *options, "--output=job-%A-%a.out", f"{RECIPES}/{recipe}", *words)
    found = wait(number)
    states = {one["JobState"] for one in found}
    said_of_it = f"{recipe} {' '.join(words)}: {', '.join(states)}"
    typer.echo(f"{time.monotonic() - start:5.0f} s  {said_of_it}")
    said = "".join(file.read_text() for file in folder.glob(f"job-{number}-*.out"))
    if states != {"COMPLETED"}:
        raise RuntimeError(said[-6000:])
    if "srun` command" in said:
        raise RuntimeError(f"a stage warns of srun:\n{said[-3000:]}")
    return found


def limited(seconds: int) -> list[str]:
    """Options by which a job gets its signal after some seconds; SLURM counts limits in minutes."""
    minutes = 1 + seconds // 60
    return [f"--time={minutes}", f"--signal=B:USR1@{60 * minutes - seconds}"]


def files(folder: Path) -> dict[str, bytes]:
    """Content of all files of a folder, by path."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def compare(folder: Path, epochs: int) -> dict[str, object]:
    """Do all of it in a folder, on the cluster that is up: what was found, by question."""
    first, cut, single = folder / "tasks", folder / "requeued", folder / "alone"
    write_project(single, epochs)
    for other in (first, cut):
        shutil.copytree(single, other, symlinks=True)
    set_parameters(first, {"runtime.devices": 2})
    found: dict[str, object] = {}

    job(first, "parts.sbatch", "prepare_images_mimic", options=[*ONE_TASK, "--array=1-3"])
    job(first, "pipeline.sbatch", "-s", "prepare_images_mimic", options=TWO_TASKS)
    alone(single, "prepare_images_mimic")
    same = files(first / IMAGES) == files(single / IMAGES)
    found["images of an array: the bytes of one process"] = same

    start = time.monotonic()
    job(first, "pipeline.sbatch", "-s", "train_fusion@0", options=TWO_TASKS)
    took = time.monotonic() - start
    set_parameters(single, {"runtime.devices": 2})  # of dropout, every device has its own draws
    alone(single, "train_fusion@0")
    set_parameters(single, {"runtime.devices": 1})
    same = files(first / MODEL) == files(single / MODEL)
    found["fusion of two tasks: the bytes of two processes without SLURM"] = same
    job(first, "parts.sbatch", "predict@0", options=[*ONE_TASK, "--array=1-3"])
    job(first, "pipeline.sbatch", "-s", "predict@0", options=TWO_TASKS)
    alone(single, "predict@0")
    outputs = (PREDICTIONS, COUNTERFACTUALS)
    same = all(files(first / name) == files(single / name) for name in outputs)
    found["predictions of an array: the bytes of one process"] = same

    return found | compare_stopped(cut, first, took)


def compare_stopped(cut: Path, first: Path, seconds: float) -> dict[str, object]:
    """Train in the folder ``cut`` again what took some seconds in ``first``, with less time."""
    shutil.copytree(first / IMAGES, cut / IMAGES)
    set_parameters(cut, {"runtime.devices": 2})
    options = [*TWO_TASKS, *limited(int(0.6 * seconds))]
    (of,) = job(cut, "pipeline.sbatch", "-s", "train_fusion@0", options=options)
    same = files(cut / MODEL) == files(first / MODEL)
    what = "fusion of that training: the bytes of one that was not stopped"
    return {RESTARTS: int(of["Restarts"]), what: same}


def main() -> int:
    """Bring a cluster up, compare, and print what was found; 1 if it is not as promised."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of the fusion")
    epochs = parser.parse_args().epochs
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
    with TemporaryDirectory() as name, cluster(Path(name) / "cluster"):
        version = subprocess.check_output(["sbatch", "--version"], text=True).strip()
        found = {"SLURM": version, **compare(Path(name), epochs)}
    typer.echo(json.dumps(found, indent=2))
    return int(False in found.values() or not found[RESTARTS])
