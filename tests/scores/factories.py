"""A small cohort whose labels, texts and predictions are known to the test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from camchex.contract import schemas
from camchex.contract.labels import CXR_LT_2023, MIMIC_14

WORDS = {"Pneumonia": "pna", "Pneumothorax": "ptx", "Fracture": "fracture", "Edema": "chf"}
"""Words of the indication by the finding they name."""


@dataclass(frozen=True)
class Invented:
    """What the test decides about a cohort; every array has one row per study.

    Attributes:
        truth: Findings that are there, (N, 26).
        named: Findings that the indication names, (N, 26).
        splits: train, development or test.
        images: Images per study.
    """

    truth: NDArray[np.bool_]
    named: NDArray[np.bool_]
    splits: Sequence[str]
    images: Sequence[int]


def invent(
    studies: Mapping[str, int], seed: int = 0, prevalence: float = 0.2, named: float = 0.5
) -> Invented:
    """Findings at random; of those with a word a share is named, and as many that are absent.

    Args:
        studies: Studies per split.
        seed: Of everything.
        prevalence: Of every finding.
        named: Share of the findings present that the indication names; of the absent, a fifth.
    """
    draw = np.random.default_rng(seed)
    total = sum(studies.values())
    truth = draw.random((total, len(CXR_LT_2023))) < prevalence
    has_word = np.array([name in WORDS for name in CXR_LT_2023])
    says = draw.random(truth.shape) < np.where(truth, named, named / 5)
    return Invented(
        truth=truth,
        named=says & has_word,
        splits=[split for split, count in studies.items() for _ in range(count)],
        images=draw.integers(1, 4, total).tolist(),
    )


def indication(named: NDArray[np.bool_]) -> str | None:
    """The text that names some findings; None where there is nothing to name."""
    words = [WORDS[CXR_LT_2023[i]] for i in np.flatnonzero(named)]
    return f"year old man r/o {' '.join(words)} ." if words else None


def cohort(
    invented: Invented,
    labels: NDArray[np.float64],
    classes: Sequence[str] = CXR_LT_2023,
    missed: float = 0,
) -> pa.Table:
    """``schemas.cohort`` with the given labels; MIMIC-14 is the truth, half of its 0 left blank.

    Args:
        invented: The studies.
        labels: 1, 0, or NaN where unknown, (N, classes).
        classes: The label space.
        missed: Share of the findings present that MIMIC-14 leaves blank.
    """
    count = len(invented.truth)
    ids = [f"5{i:07}" for i in range(count)]
    views = [["frontal", "lateral", "frontal"][:n] for n in invented.images]
    columns: dict[str, object] = {
        "study_id": ids,
        "patient_id": [f"1{i:07}" for i in range(count)],
        "split": list(invented.splits),
        "image_ids": [
            [f"{s}-{k}" for k in range(n)] for s, n in zip(ids, invented.images, strict=True)
        ],
        "views": views,
        "indication": [indication(row) for row in invented.named],
        "vitals_text": ["Temperature: 98.6 | Heart rate: NA"] * count,
    }
    columns |= {
        name: pa.array(column, pa.float32(), from_pandas=True)
        for name, column in zip(classes, labels.T, strict=True)
    }
    columns |= {
        f"mimic14.{name}": published(invented.truth[:, CXR_LT_2023.index(name)], missed)
        for name in MIMIC_14
    }
    return pa.table(columns, schema=schemas.cohort(classes))


def published(truth: NDArray[np.bool_], missed: float) -> pa.Array:
    """One class of MIMIC-14: present 1 or blank, absent 0 or blank."""
    draw = np.random.default_rng(int(truth.sum())).random(len(truth))
    blank = draw < np.where(truth, missed, 0.5)
    return pa.array(truth.astype(np.int8), mask=blank)


def leaked(invented: Invented, rate: float, seed: int = 1) -> NDArray[np.float64]:
    """The truth as labels, but a named finding that is absent is positive with a probability."""
    draw = np.random.default_rng(seed)
    turned = invented.named & (draw.random(invented.truth.shape) < rate)
    return (invented.truth | turned).astype(np.float64)


def guesses(labels: NDArray[np.float64], skill: float, seed: int) -> NDArray[np.float64]:
    """Probabilities that follow labels with some noise: a skill of 0 is chance."""
    noise = np.random.default_rng(seed).normal(size=labels.shape)
    return 1 / (1 + np.exp(-(skill * (np.nan_to_num(labels) - 0.5) + noise)))


def predictions(
    table: pa.Table, probabilities: NDArray[np.float64], classes: Sequence[str] = CXR_LT_2023
) -> pa.Table:
    """``schemas.predictions`` of the development and test studies of a cohort.

    Args:
        table: The cohort.
        probabilities: Of every study, (N, classes).
        classes: The label space.
    """
    splits = table["split"].to_pylist()
    rows = [i for i, split in enumerate(splits) if split != "train"]
    columns: dict[str, object] = {
        "study_id": [table["study_id"][i].as_py() for i in rows],
        "split": [splits[i] for i in rows],
    }
    columns |= {name: probabilities[rows, i].astype(np.float32) for i, name in enumerate(classes)}
    return pa.table(columns, schema=schemas.predictions(classes))
