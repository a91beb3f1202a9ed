"""A training from its data to its published outputs: the same for images and for studies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import nn

from camchex.errors import DataError
from camchex.networks.batches import BatchDataset, check_size
from camchex.networks.samples import Prevalence
from camchex.runs.lock import LOGS
from camchex.runs.runtime import RuntimeParams
from camchex.runs.scratch import publish, run_name
from camchex.training.augmentation import Augmentation
from camchex.training.curves import write_curves
from camchex.training.fit import Task, fit
from camchex.training.params import AugmentationParams, TrainingParams


@dataclass(frozen=True)
class Recipe:
    """How to train, whatever is trained, and where its outputs go.

    Attributes:
        training: Optimizer, schedule and length.
        augmentation: Of training images.
        runtime: On what.
        out: Folder of the trained network.
        curves: Folder of its curves.
    """

    training: TrainingParams
    augmentation: AugmentationParams
    runtime: RuntimeParams
    out: Path
    curves: Path


@dataclass(frozen=True)
class Lesson:
    """What is trained, and on what.

    Attributes:
        network: Trained in place.
        save: Writes it to a folder.
        image_size: Side of its images, in pixels.
        train: The training set.
        development: Chooses the epoch; may be empty.
        prevalence: Of the training images.
        sources: Training samples by data set.
    """

    network: nn.Module
    save: Callable[[Path], None]
    image_size: int
    train: BatchDataset
    development: BatchDataset
    prevalence: Prevalence
    sources: Mapping[str, int]


def train_and_publish(lesson: Lesson, recipe: Recipe, scratch: Path) -> None:
    """Train a network, then publish its folder and its curves.

    Args:
        lesson: What, and on what.
        recipe: How, and where to.
        scratch: Folder of the checkpoint.

    Raises:
        DataError: If there is nothing to train on.
        ModelError: If the images do not fit the network, or the training diverges.
    """
    if not len(lesson.train):
        raise DataError(f"{recipe.out}: the training split holds no such image or study")
    check_size(lesson.train, lesson.image_size)
    task = Task(
        network=lesson.network,
        augment=Augmentation(recipe.augmentation, lesson.image_size),
        train=lesson.train,
        development=lesson.development,
        prevalence=lesson.prevalence,
    )
    history = fit(task, recipe.training, recipe.runtime, scratch, LOGS / run_name(recipe.out))
    publish(recipe.curves, partial(write_curves, history, lesson.sources))
    publish(recipe.out, lesson.save)
