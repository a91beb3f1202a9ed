"""Training of a network from its data to its published outputs, for images and studies alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

from camchex.contract import params
from camchex.contract.params import Section
from camchex.errors import DataError
from camchex.networks.batches import check_size
from camchex.runs.runtime import RuntimeParams
from camchex.runs.scratch import LOGS, run_name
from camchex.runs.training_run import publish
from camchex.training.curves import write_training_curves
from camchex.training.fit import Task, fit
from camchex.training.params import AugmentationParams, TrainingParams


@dataclass(frozen=True)
class Recipe:
    """How a network is trained, and where its outputs go.

    Attributes:
        training: Optimizer, schedule and length.
        augmentation: Augmentation of training images.
        runtime: Devices and worker processes.
        out: Folder of the trained network.
        curves: Folder of the training curves.
    """

    training: TrainingParams
    augmentation: AugmentationParams
    runtime: RuntimeParams
    out: Path
    curves: Path

    @property
    def sections(self) -> Sequence[Section]:
        """Parameters that decide the result."""
        return [self.training, self.augmentation]


@runtime_checkable
class Publishable(Protocol):
    """Network that reads images of one size (pixels), and that writes itself to a folder."""

    image_size: int

    def save_pretrained(self, folder: Path) -> None:
        """Write the network to ``folder``."""


def read_recipe(training: TrainingParams, out: Path, curves: Path) -> Recipe:
    """Complete a recipe from params.yaml: its sections ``augmentation`` and ``runtime``."""
    augmentation = params.load("augmentation", AugmentationParams)
    return Recipe(training, augmentation, params.load("runtime", RuntimeParams), out, curves)


def train_and_publish(task: Task, recipe: Recipe, scratch: Path) -> None:
    """Train a network, then publish its folder and its curves.

    Args:
        task: Network, which is :class:`Publishable`, and its data.
        recipe: How to train, and where the outputs go.
        scratch: Folder of the checkpoint.

    Raises:
        DataError: If there is nothing to train on.
        ModelError: If the images do not fit the network, or the training diverges.
    """
    network = task.network
    assert isinstance(network, Publishable)
    if not len(task.train):
        raise DataError(f"{recipe.out}: the training split holds no such image or study")
    check_size(task.train, network.image_size)
    logs = LOGS / run_name(recipe.out)
    history = fit(task, recipe.training, recipe.runtime, scratch, logs)
    publish(recipe.curves, partial(write_training_curves, history, task.sources))
    publish(recipe.out, network.save_pretrained)
