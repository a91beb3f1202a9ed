"""Training of single-image classifiers: the teacher, its students, the encoder of one view."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import torch

from camchex.contract.image_store import ImageStore
from camchex.contract.schemas import MIMIC
from camchex.networks.image_classifier import ImageClassifier, build_image_classifier
from camchex.networks.params import EncoderParams
from camchex.networks.samples import (
    ImageDataset,
    ImageSamples,
    cohort_images,
    prevalence,
    read_cohort,
    read_pseudo_labels,
)
from camchex.training.augmentation import Augmentation
from camchex.training.fit import Task
from camchex.training.recipe import Recipe

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
    images = ImageDataset(list(train.values()))
    return Task(
        network=network,
        augment=Augmentation(recipe.augmentation, network.image_size),
        train=images,
        development=ImageDataset([development]),
        prevalence=prevalence(images.targets),
        sources={name: len(samples) for name, samples in train.items()},
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


def load_for_store(model: Path, store: Path, classes: Sequence[str]) -> ImageClassifier:
    """Load a classifier that reads images of the size of a store.

    Raises:
        ModelError: If there is no such model, its classes differ, or it cannot read that size.
    """
    return ImageClassifier.from_pretrained(model, ImageStore(store).size, classes)


def read_mimic(cohort: Path, store: Path, classes: Sequence[str], view: str | None = None) -> Sets:
    """Read MIMIC-CXR's images of one view, or of both (None), for training and development.

    Raises:
        DataError: If cohort or store is missing, of other classes, or lacks an image.
    """
    studies = read_cohort(cohort, store, classes)
    return {MIMIC: cohort_images(studies, "train", view)}, cohort_images(
        studies, "development", view
    )


def read_mimic_and_external(
    cohort: Path,
    store: Path,
    pseudo: Path,
    stores: Path,
    keys: Sequence[str],
    classes: Sequence[str],
) -> Sets:
    """Read MIMIC-CXR as :func:`read_mimic` does, and external sets as a teacher labelled them.

    Args:
        cohort: Table of studies.
        store: Images of MIMIC-CXR.
        pseudo: Folder of a table of pseudo-labels per external set.
        stores: Folder of an image store per external set.
        keys: Names of the external sets.
        classes: Label space, in order.

    Raises:
        DataError: If one of them is missing, of other classes, or lacks an image.
    """
    mimic, development = read_mimic(cohort, store, classes)
    return {**mimic, **read_pseudo_labels(pseudo, stores, keys, classes)}, development
