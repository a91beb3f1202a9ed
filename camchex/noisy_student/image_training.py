"""Training of single-image classifiers: the teacher, its students, the encoder of one view."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import torch

from camchex.contract.schemas import MIMIC
from camchex.networks.image_classifier import ImageClassifier, build_image_classifier
from camchex.networks.params import EncoderParams
from camchex.networks.samples import (
    ImageDataset,
    ImageSamples,
    cohort_images,
    prevalence,
    read_cohort,
)
from camchex.training.augmentation import Augmentation
from camchex.training.recipe import Recipe
from camchex.training.task import Task

Start = Callable[[], ImageClassifier]
"""Makes the network that a training starts from."""
Sets = tuple[Mapping[str, ImageSamples], ImageSamples]
"""Training images by data set, and the images that choose the epoch (there may be none)."""


def image_task(start: Start, read: Callable[[], Sets], recipe: Recipe) -> Task:
    """Prepare the training of a classifier on one or more data sets, all mixed evenly.

    Args:
        start: Makes the network; new weights follow from the seed of the training.
        read: Reads the images.
        recipe: How to train.

    Source: paper section 3.1; docs/method.md, section 6 (plain concatenation, uniform shuffle).
    """
    train, development = read()
    torch.manual_seed(recipe.training.seed)
    network = start()
    mirrored = {"mirrored": recipe.augmentation.flip_p > 0}
    network.config = network.config.model_copy(update=mirrored)
    images = ImageDataset(list(train.values()))
    return Task(
        network=network,
        augment=Augmentation(recipe.augmentation, network.image_size),
        train=images,
        development=ImageDataset([development]),
        prevalence=prevalence(images.targets),
        sources={name: len(samples) for name, samples in train.items()},
        classes=network.classes,
    )


def student_start(
    init: Literal["warm", "pretrained"],
    teacher: Path,
    encoder: EncoderParams,
    classes: Sequence[str],
    image_size: int,
) -> Start:
    """Choose what a student starts from: its teacher (``warm``), or a new network."""
    if init == "warm":
        return partial(ImageClassifier.from_pretrained, teacher, image_size, classes)
    return partial(build_image_classifier, encoder, classes, image_size)


def read_images(
    cohort: Path,
    store: Path,
    classes: Sequence[str],
    view: str | None = None,
    external: Callable[[], Mapping[str, ImageSamples]] = dict,
) -> Sets:
    """Read MIMIC-CXR's images of one view, or of both (None), and external training images.

    Raises:
        DataError: If cohort or store is missing, of other classes, or lacks an image.
    """
    studies = read_cohort(cohort, store, classes)
    train, development = (cohort_images(studies, s, view) for s in ("train", "development"))
    return {MIMIC: train, **external()}, development
