"""Chains of students differ in what they learn, never in how many images that is."""

from pathlib import Path

import numpy as np
import pytest

from camchex.networks.inference import predict
from camchex.networks.samples import ImageDataset, ImageSamples
from camchex.noisy_student.params import NoisyStudentParams
from camchex.prediction.student_chains import (
    AGAIN,
    CHAINS,
    Chain,
    beside_mimic,
    labelled_anew,
    published_alone,
)
from camchex.training.params import load_section
from camchex.training.recipe import Recipe
from tests.networks.small import CLASSES, SIZE, classifier
from tests.training.factories import AUGMENTATION, RUNTIME, TRAINING, MemoryStore

LABELS = np.array([[1, 0.3, 0], [0.6, 1, 0.5], [0, 0, 1]], np.float32)  # as a teacher left them
UNKNOWN = np.array([[0, 1, 0], [1, 0, 1], [0, 0, 0]], bool)


def images(count: int, labels: np.ndarray) -> ImageSamples:
    pixels = np.random.default_rng(count).integers(0, 256, (count, SIZE, SIZE), dtype=np.uint8)
    store = MemoryStore(pixels, [str(i) for i in range(count)])
    return ImageSamples(store, np.arange(count), labels)


def mimic(count: int) -> ImageSamples:
    number = np.arange(count, dtype=np.float32)[:, None]
    return images(count, np.repeat(number, len(CLASSES), axis=1))  # labels that tell the image


def recipe(seed: int) -> Recipe:
    training = TRAINING.model_copy(update={"seed": seed})
    return Recipe(training, AUGMENTATION, RUNTIME, Path("net"), Path("curves"))


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    classifier(3).save_pretrained(tmp_path / "teacher")
    return tmp_path / "teacher"


def test_without_a_teachers_labels_the_published_ones_are_left_and_nothing_else() -> None:
    np.testing.assert_array_equal(
        published_alone(images(3, LABELS)).targets, np.where(UNKNOWN, np.nan, LABELS)
    )


def test_another_teacher_replaces_the_labels_of_the_first_and_no_published_one() -> None:
    samples, network = images(3, LABELS), classifier(3)
    found = labelled_anew(samples, network, RUNTIME).targets
    said = predict(network, ImageDataset([samples]), RUNTIME)
    np.testing.assert_array_equal(found, np.where(UNKNOWN, said, LABELS))


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_every_chain_learns_as_many_images(chain: Chain, teacher: Path) -> None:
    external = {"nih": images(3, LABELS), "vindr": images(2, LABELS[:2])}
    beside = beside_mimic(chain, mimic(4), external, teacher, recipe(0))
    assert sum(map(len, beside.values())) == 5
    assert (AGAIN in beside) == (chain.beside == "again")


@pytest.mark.parametrize("count", [3, 4, 11])
def test_images_learnt_again_are_mimics_own_each_as_often_as_any_other(
    count: int, teacher: Path
) -> None:
    external = {"nih": images(count, np.zeros((count, 3), np.float32))}
    draws = []
    for seed in (0, 0, 1):
        again = beside_mimic(Chain("again"), mimic(4), external, teacher, recipe(seed))[AGAIN]
        assert again.targets[:, 0].tolist() == again.rows.tolist()
        draws.append(again.rows.tolist())
        often = np.bincount(again.rows, minlength=4)
        assert often.max() - often.min() <= 1
    assert draws[0] == draws[1] != draws[2]


def test_a_chain_is_trained_as_its_key_says_with_its_own_seed() -> None:
    section = load_section("noisy_student", NoisyStudentParams)
    for chain in CHAINS.values():
        same = {"student": section.student, "teacher": section.teacher}[chain.training]
        assert chain.training_of(section, 5) == same.model_copy(update={"seed": 5})
