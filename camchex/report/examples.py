"""Example studies with what the model predicts, of invented patients only."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.special import logit

from camchex.contract import schemas, tables
from camchex.contract.image_store import ImageStore
from camchex.scores.labelled_split import Split, labelled_split, read_seeds
from camchex.scores.metrics import Floats

HOW_MANY = 6
GUESSES = 5
WRONG = 4  # false alarms, and as many misses
TINY = 1e-12


@dataclass(frozen=True)
class Example:
    """One study as the page shows it.

    Attributes:
        images: View and PNG in base64.
        labels: Findings that are labelled positive.
        indication: As the model reads it; None where there is none.
        vitals: As the model reads them.
        guesses: The likeliest findings with their probabilities, likeliest first.
    """

    images: Sequence[tuple[str, str]]
    labels: Sequence[str]
    indication: str | None
    vitals: str
    guesses: Sequence[tuple[str, float]]


@dataclass(frozen=True)
class Failure:
    """One finding that the model is very wrong about in one study.

    Attributes:
        example: The study.
        finding: The finding.
        probability: Probability that the model gave to the finding.
        higher_than: Share of the test studies that were given less for this finding.
        missed: Whether the study is labelled positive and was given little; otherwise it is
            labelled negative and was given much.
    """

    example: Example
    finding: str
    probability: float
    higher_than: float
    missed: bool


def read_examples(
    cohort: Path, predictions: Path, store: Path, seeds: Sequence[int], classes: Sequence[str]
) -> tuple[list[Example], list[Failure]]:
    """Read test studies of the synthetic cohort, and of no other, with the mean of all seeds.

    Args:
        cohort: ``schemas.cohort``.
        predictions: Folder of ``seed<s>.parquet``.
        store: The prepared images.
        seeds: Seeds whose predictions are averaged.
        classes: The label space.

    Returns:
        Studies that show many findings, and what the model is most wrong about.

    Raises:
        DataError: If a file is missing, or the files do not belong together.
    """
    test = labelled_split(tables.read(cohort, schemas.cohort(classes)), "test", classes)
    probabilities = list(read_seeds(predictions, seeds, test).values())
    mean, images = np.mean(probabilities, axis=0), ImageStore(store)
    return examples(test, mean, images), failures(test, mean, images)


def examples(test: Split, probabilities: Floats, store: ImageStore) -> list[Example]:
    """Pick studies that together show many findings, and describe them.

    Args:
        test: Test studies of the synthetic cohort, and of no other.
        probabilities: Probabilities of the test studies, (N, Q).
        store: The prepared images.

    Raises:
        DataError: If the store lacks an image.
    """
    return [_example(test, probabilities[row], store, row) for row in varied(test.labels)]


def varied(labels: Floats) -> list[int]:
    """Rows that each add the most findings not yet shown, rare findings first.

    Of rows that add as much, the first is taken.

    Args:
        labels: 1, 0, or NaN where unknown, (N, Q).
    """
    positive = labels == 1
    worth = 1 / np.maximum(positive.sum(axis=0), 1)
    chosen: list[int] = []
    for _ in range(min(HOW_MANY, len(labels))):
        gain = positive @ worth
        gain[chosen] = -1
        chosen.append(int(gain.argmax()))
        worth = np.where(positive[chosen[-1]], 0, worth)
    return chosen


def failures(test: Split, probabilities: Floats, store: ImageStore) -> list[Failure]:
    """The wrong predictions that the model is surest of: false alarms first, then misses.

    Args:
        test: Test studies of the synthetic cohort, and of no other.
        probabilities: Probabilities of the test studies, (N, Q).
        store: The prepared images.

    Raises:
        DataError: If the store lacks an image.
    """
    order = probabilities.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    return [
        Failure(
            example=_example(test, probabilities[row], store, row),
            finding=test.classes[column],
            probability=float(probabilities[row, column]),
            higher_than=float(order[row, column] / len(order)),
            missed=missed,
        )
        for missed in (False, True)
        for row, column in most_wrong(test.labels, probabilities, missed=missed)
    ]


def most_wrong(labels: Floats, probabilities: Floats, *, missed: bool) -> list[tuple[int, int]]:
    """Studies and findings, each at most once, of the largest error.

    An error is counted in standard deviations of the finding's logits from their mean, since a
    model that is trained with weights for rare findings gives each finding its own level.

    Args:
        labels: 1, 0, or NaN where unknown, (N, Q).
        probabilities: (N, Q).
        missed: Whether to find positives given little, or else negatives given much.
    """
    logits = logit(np.clip(probabilities, TINY, 1 - TINY))
    error = (logits - logits.mean(axis=0)) / np.maximum(logits.std(axis=0), TINY)
    error = np.where(labels == 1, -error, -np.inf) if missed else np.where(
        labels == 0, error, -np.inf)  # fmt: skip
    chosen: list[tuple[int, int]] = []
    while len(chosen) < WRONG and error.max() > 0:
        row, column = np.unravel_index(int(error.argmax()), error.shape)
        chosen.append((int(row), int(column)))
        error[row, :] = -np.inf
        error[:, column] = -np.inf
    return chosen


def _example(test: Split, probabilities: Floats, store: ImageStore, row: int) -> Example:
    study = test.table.slice(row, 1).to_pylist()[0]
    pixels = store.batch(store.rows(study["image_ids"]))
    likeliest = np.argsort(-probabilities, kind="stable")[:GUESSES]
    return Example(
        images=[(v, png(image)) for v, image in zip(study["views"], pixels, strict=True)],
        labels=[n for n, label in zip(test.classes, test.labels[row], strict=True) if label == 1],
        indication=study["indication"],
        vitals=study["vitals_text"],
        guesses=[(test.classes[i], float(probabilities[i])) for i in likeliest],
    )


def png(image: NDArray[np.uint8]) -> str:
    """A grey image (H, W) as a PNG file in base64."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="png", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()
