"""Training of a network from its data to its published outputs, for images and studies alike."""

import csv
import json
import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from camchex.contract import arithmetic, params
from camchex.contract.params import Section
from camchex.errors import DataError
from camchex.networks.batches import check_size
from camchex.runs.devices import device_of
from camchex.runs.runtime import RuntimeParams
from camchex.runs.scratch import LOGS, run_name
from camchex.runs.training_run import Run, publish, run_once
from camchex.training.convergence import CONVERGENCE
from camchex.training.fit import fit
from camchex.training.params import AugmentationParams, TrainingParams
from camchex.training.task import Task


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; ``out`` and ``curves`` are the folders of network and curves."""

    training: TrainingParams
    augmentation: AugmentationParams
    runtime: RuntimeParams
    out: Path
    curves: Path


def read_recipe(training: TrainingParams, out: Path, curves: Path) -> Recipe:
    """Complete a recipe from params.yaml: its sections ``augmentation`` and ``runtime``."""
    augmentation = params.load("augmentation", AugmentationParams)
    return Recipe(training, augmentation, params.load("runtime", RuntimeParams), out, curves)


def train_once(
    recipe: Recipe,
    prepare: Callable[[], Task],
    stage: Path,
    inputs: Sequence[Path],
    sections: Sequence[Section],
) -> None:
    """Train a network, then publish its folder and its curves, as :func:`run_once` does.

    Args:
        recipe: How to train, and where the outputs go.
        prepare: Reads the data and builds the network; called only if there is something to train.
        stage: File of the stage.
        inputs: Files and folders that ``prepare`` reads.
        sections: Parameters that decide the result, beside those of the recipe.

    Raises:
        DataError: If an input is missing, or there is nothing to train on.
        ModelError: If the images do not fit the network, or the training diverges.
    """

    def train(scratch: Path) -> None:
        task = prepare()
        network: Any = task.network  # with image_size and save_pretrained
        if not len(task.train):
            raise DataError(f"{recipe.out}: the training split holds no such image or study")
        check_size(task.train, network.image_size)
        logs = LOGS / run_name(recipe.out)
        history = fit(task, recipe.training, recipe.runtime, scratch, logs)
        made_with = arithmetic_of(recipe.runtime)
        found = scratch / CONVERGENCE
        size = {"parameters": trained_parameters(task.network), "epochs": len(history)}
        curves = partial(write_training_curves, history, task.sources, made_with, size, found)
        publish(recipe.curves, curves)
        publish(recipe.out, network.save_pretrained)

    sections = [*sections, recipe.training, recipe.augmentation]
    run_once(Run(stage, inputs, sections, [recipe.out, recipe.curves]), train)


def trained_parameters(network: nn.Module) -> int:
    """Count the parameters that a training changes; those of frozen encoders it does not."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def arithmetic_of(runtime: RuntimeParams) -> dict[str, object]:
    """Say whose arithmetic a training has: that of every x86-64 processor, or of this machine."""
    device = device_of(runtime)
    x86 = platform.machine() in {"x86_64", "AMD64"}
    if arithmetic.is_pinned() and device.type == "cpu" and x86 and not runtime.compile:
        return {"portable": True}
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    cpu = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    return {
        "portable": False,
        "device": gpu or (cpu if device.type == "cpu" else device.type),
        "devices": runtime.processes,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def write_training_curves(
    history: Sequence[Mapping[str, float]],
    sources: Mapping[str, int],
    made_with: Mapping[str, object],
    size: Mapping[str, int],
    convergence: Path,
    folder: Path,
) -> None:
    """Write the curves of a training, and what they were made with.

    ``<quantity>.tsv`` holds epoch (from 0) and value, ``sources.tsv`` the samples by data set,
    ``arithmetic.json`` what :func:`arithmetic_of` says, ``size.json`` the number of trained
    parameters and of epochs. The file ``convergence`` is copied.
    """
    shutil.copyfile(convergence, folder / CONVERGENCE)
    for name, said in (("arithmetic", made_with), ("size", size)):
        (folder / f"{name}.json").write_text(json.dumps(said, indent=2) + "\n")
    total = sum(sources.values())
    shares = [(name, count, round(count / total, 6)) for name, count in sources.items()]
    tables: dict[str, list[tuple[object, ...]]] = {
        "sources": [("source", "samples", "share"), *shares]
    }
    for name in {name for row in history for name in row}:
        steps = [(step, row[name]) for step, row in enumerate(history) if name in row]
        tables[name] = [("step", name), *steps]
    for name, rows in tables.items():
        with (folder / f"{name}.tsv").open("w", newline="") as file:
            csv.writer(file, delimiter="\t", lineterminator="\n").writerows(rows)
