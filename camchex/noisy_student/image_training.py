"""Training of single-image classifiers: the teacher, its students, the encoder of one view."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from camchex.networks.image_classifier import ImageClassifier
from camchex.networks.samples import ImageDataset, ImageSamples, prevalence
from camchex.training.augmentation import Augmentation
from camchex.training.fit import Task
from camchex.training.recipe import Recipe, train_and_publish


def train_on_images(
    start: Callable[[], ImageClassifier],
    train: Mapping[str, ImageSamples],
    development: ImageSamples,
    recipe: Recipe,
    scratch: Path,
) -> None:
    """Train a classifier on the images of one or more data sets, all mixed evenly.

    Args:
        start: Makes the network that the training starts from; new weights follow from the seed.
        train: Training images by data set.
        development: Images that choose the epoch; may be none.
        recipe: How to train, and where the outputs go.
        scratch: Folder of the checkpoint.

    Raises:
        DataError: If there is no training image.

    Source: paper section 3.1; docs/method.md, section 6 (plain concatenation, uniform shuffle).
    """
    torch.manual_seed(recipe.training.seed)
    network = start()
    images = ImageDataset(list(train.values()))
    task = Task(
        network=network,
        augment=Augmentation(recipe.augmentation, network.image_size),
        train=images,
        development=ImageDataset([development]),
        prevalence=prevalence(images.targets),
        sources={name: len(samples) for name, samples in train.items()},
    )
    train_and_publish(task, recipe, scratch)
