"""Batches of noise in the shape of real ones: the training data of probes and benchmarks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from camchex.fusion.camchex import CaMChex
from camchex.fusion.study_batch import Tokens, pack_studies
from camchex.fusion.study_data import reader_of
from camchex.networks.batches import Batch, Floats
from camchex.networks.sampling import BatchRows

STUDIES_BY_IMAGES = (69_478, 71_298, 13_529, 1_422, 96)
"""Studies of 1, 2, 3, 4 and more images: CXR-LT 2024, training (docs/method.md, section 2)."""
INDICATION_WORDS, INDICATION_SPREAD = 12, 0.4
"""Median of the words of an indication (docs/method.md, section 1.4), spread of its logarithm."""
SPECIAL_TOKENS = 3  # start, end, and the full stop that the cleaner appends
VITALS_TOKENS = (34, 46)
"""Tokens of the vital signs as text: with all values missing, and with all measured."""
POSITIVE = 0.0923  # macro prevalence of CXR-LT 2023 (docs/method.md, section 4.1)


@dataclass(frozen=True)
class Shape:
    """Shape of the noise.

    Attributes:
        image_size: Height and width, pixels.
        classes: Number of classes Q.
        vocabulary: Number of token ids; 0 for images alone, as are the next two.
        max_tokens_indication: Most tokens of an indication.
        max_tokens_vitals: Most tokens of the vital signs.
        max_images: Images per study; 0 for a model that reads none.
    """

    image_size: int
    classes: int
    vocabulary: int = 0
    max_tokens_indication: int = 0
    max_tokens_vitals: int = 0
    max_images: int = 4

    @classmethod
    def of(cls, model: CaMChex) -> Self:
        """Return the shape of the studies that a model reads."""
        reader = reader_of(model)
        return cls(
            model.image_size,
            len(model.classes),
            model.tokenizer.size,
            reader.max_tokens_indication,
            reader.max_tokens_vitals,
            reader.max_images,
        )


class RepeatedBatches:
    """Data set that returns a few ready batches again and again.

    Args:
        batches: The batches, each of ``batch_size`` rows.
        batch_size: Rows of a batch.
        steps: Batches per epoch.
        image_size: Height and width of the images, pixels.
    """

    def __init__(
        self, batches: Sequence[Batch], batch_size: int, steps: int, image_size: int
    ) -> None:
        self.batches, self.rows, self.image_size = list(batches), batch_size * steps, image_size
        classes = batches[0].targets.shape[1]
        self.targets: Floats = np.zeros((self.rows, classes), dtype=np.float32)
        self.given = 0

    def __len__(self) -> int:
        return self.rows

    def ids(self, rows: Iterable[int]) -> list[str]:
        """Return row numbers: noise has no ids."""
        return [str(row) for row in rows]

    def __getitem__(self, batch: BatchRows) -> Batch:
        self.given += 1
        return self.batches[(self.given - 1) % len(self.batches)]


def random_images(count: int, shape: Shape, draw: np.random.Generator) -> Batch:
    """Draw ``count`` images of noise with labels of the prevalence of CXR-LT."""
    targets = _labels(count, shape, draw)
    return _batch(_noise(count, shape, draw), targets)


def images_of_studies(count: int, draw: np.random.Generator) -> list[int]:
    """Draw the numbers of images of ``count`` studies; more than four count as five."""
    weights = np.array(STUDIES_BY_IMAGES) / sum(STUDIES_BY_IMAGES)
    return [int(n) for n in draw.choice(len(weights), count, p=weights) + 1]


def random_studies(images: Sequence[int], shape: Shape, draw: np.random.Generator) -> Batch:
    """Draw studies of noise; the second image of a study is lateral, the others are frontal.

    Args:
        images: Images of each study, (B,); those beyond ``shape.max_images`` are left out.
        shape: Shape of the studies.
        draw: Source of randomness.
    """
    counts = np.minimum(images, shape.max_images)
    words = draw.lognormal(np.log(INDICATION_WORDS), INDICATION_SPREAD, len(counts))
    low, high = VITALS_TOKENS
    indication = np.clip(words.round() + SPECIAL_TOKENS, 1, shape.max_tokens_indication)
    vitals = np.minimum(draw.integers(low, high + 1, len(counts)), shape.max_tokens_vitals)
    targets = _labels(len(counts), shape, draw)
    studies = pack_studies(
        _noise(int(counts.sum()), shape, draw),
        [np.arange(n) == 1 for n in counts],
        _tokens(indication.astype(int), shape, draw),
        _tokens(vitals.astype(int), shape, draw),
    )
    return _batch(studies, targets)


def _batch(inputs: object, targets: Tensor) -> Batch:
    known = torch.ones_like(targets, dtype=torch.bool)
    return Batch(inputs, targets, known, torch.arange(len(targets)))


def _noise(count: int, shape: Shape, draw: np.random.Generator) -> Tensor:
    size = (count, 1, shape.image_size, shape.image_size)
    return torch.from_numpy(draw.integers(0, 256, size, dtype=np.uint8))


def _labels(count: int, shape: Shape, draw: np.random.Generator) -> Tensor:
    return torch.from_numpy((draw.random((count, shape.classes)) < POSITIVE).astype(np.float32))


def _tokens(lengths: NDArray[np.int64], shape: Shape, draw: np.random.Generator) -> Tokens:
    longest = int(lengths.max())
    ids = draw.integers(0, max(shape.vocabulary, 1), (len(lengths), longest))
    return Tokens(torch.from_numpy(ids), torch.arange(longest) < torch.from_numpy(lengths)[:, None])
