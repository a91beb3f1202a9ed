"""Chains of students that differ in one thing, to show what each part of a noisy student is worth.

What a chain gains over its first teacher may come from pseudo-labels, from labels that the external
sets publish, or from longer training alone. Every chain here takes as many steps as the noisy
student, so that the difference of two is that of what they learn from.

Source: Xie et al. 2020 (students start anew); docs/ablations.md (the rows).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np

from camchex.contract.schemas import MIMIC
from camchex.networks.image_classifier import ImageClassifier
from camchex.networks.inference import predict
from camchex.networks.params import EncoderParams
from camchex.networks.samples import Cohort, ImageDataset, ImageSamples, cohort_images
from camchex.noisy_student.image_training import image_task, student_start
from camchex.noisy_student.params import NoisyStudentParams
from camchex.runs.runtime import RuntimeParams
from camchex.training.params import TrainingParams
from camchex.training.recipe import Recipe
from camchex.training.task import Task

AGAIN = "mimic_again"


@dataclass(frozen=True)
class Chain:
    """A teacher's students, one after the other.

    Attributes:
        beside: What a student learns beside MIMIC-CXR: the external sets with their ``published``
            labels alone, or completed with ``pseudo`` ones; or MIMIC's images ``again``, as many.
        init: What a student starts from: its teacher (``warm``), or a new network.
        training: Key of section ``noisy_student`` by which it is trained.
        generations: Number of students.
    """

    beside: Literal["pseudo", "published", "again"]
    init: Literal["warm", "pretrained"] = "warm"
    training: Literal["student", "teacher"] = "student"
    generations: int = 4

    def training_of(self, section: NoisyStudentParams, seed: int) -> TrainingParams:
        """Choose how a student is trained, with the seed of its chain."""
        training: TrainingParams = getattr(section, self.training)
        return training.model_copy(update={"seed": seed})


CHAINS: Mapping[str, Chain] = MappingProxyType(
    {
        "students": Chain("pseudo"),
        "published_labels": Chain("published"),
        "longer_teacher": Chain("again"),
        "cold": Chain("pseudo", "pretrained", "teacher", generations=1),
        "cold_alone": Chain("again", "pretrained", "teacher", generations=1),
    }
)
"""By name; a student that starts anew is trained as a teacher is, and one shows the difference."""


def student_task(
    chain: Chain,
    cohort: Cohort,
    external: Mapping[str, ImageSamples],
    teacher: Path,
    encoder: EncoderParams,
    recipe: Recipe,
) -> Task:
    """Prepare the training of the student of ``teacher`` in a chain.

    Args:
        chain: The chain.
        cohort: MIMIC-CXR.
        external: External sets as the chain's first teacher labelled them, by set.
        teacher: Folder of the student's own teacher.
        encoder: Network of a student that starts anew.
        recipe: How to train.
    """
    mimic, development = (cohort_images(cohort, s) for s in ("train", "development"))
    beside = beside_mimic(chain, mimic, external, teacher, recipe)
    start = student_start(chain.init, teacher, encoder, cohort.classes, cohort.store.size)
    return image_task(start, lambda: ({MIMIC: mimic, **beside}, development), recipe)


def beside_mimic(
    chain: Chain,
    mimic: ImageSamples,
    external: Mapping[str, ImageSamples],
    teacher: Path,
    recipe: Recipe,
) -> dict[str, ImageSamples]:
    """Collect what a student learns beside MIMIC-CXR: equally many images in every chain.

    The images that are learnt ``again`` are drawn by the seed of the training.
    """
    if chain.beside == "again":
        order = np.random.default_rng(recipe.training.seed).permutation(len(mimic))
        rows = np.resize(order, sum(map(len, external.values())))  # all again if they run out
        return {AGAIN: ImageSamples(mimic.store, mimic.rows[rows], mimic.targets[rows])}
    if chain.beside == "published":
        return {key: published_alone(samples) for key, samples in external.items()}
    network = ImageClassifier.from_pretrained(teacher)
    return {k: labelled_anew(samples, network, recipe.runtime) for k, samples in external.items()}


def published_alone(samples: ImageSamples) -> ImageSamples:
    """Forget a teacher's labels, which are those strictly between 0 and 1."""
    known = (samples.targets == 0) | (samples.targets == 1)
    return ImageSamples(samples.store, samples.rows, np.where(known, samples.targets, np.nan))


def labelled_anew(
    samples: ImageSamples, teacher: ImageClassifier, runtime: RuntimeParams
) -> ImageSamples:
    """Replace an earlier teacher's labels by those of ``teacher``; published ones stay."""
    published = published_alone(samples)
    unknown = np.isnan(published.targets)
    predicted = predict(teacher, ImageDataset([published]), runtime)
    targets = np.where(unknown, predicted, published.targets)
    return ImageSamples(samples.store, samples.rows, targets)
