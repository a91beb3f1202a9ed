"""Batches of noise in the shape of real ones: what a probe or a benchmark trains on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from camchex.fusion.study_batch import StudyBatch, Tokens
from camchex.networks.batches import Batch, Floats
from camchex.networks.sampling import BatchRows

STUDIES_BY_IMAGES = (69_478, 71_298, 13_529, 1_422, 96)
"""Studies of 1, 2, 3, 4 and more images: CXR-LT 2024, training (docs/method.md, section 2)."""
INDICATION_WORDS, INDICATION_SPREAD = 12, 0.4
"""Median words of an indication (docs/method.md, section 1.4), and the width of their logarithm."""
SPECIAL_TOKENS = 3  # start, end, and the full stop that the cleaner appends
VITALS_TOKENS = (34, 46)
"""Tokens of the vital signs as text: all missing, and all measured."""
POSITIVE = 0.0923  # macro prevalence of CXR-LT 2023 (docs/method.md, section 4.1)


@dataclass(frozen=True)
class Shape:
    """What noise must look like to be read.

    Attributes:
        image_size: Height and width, pixels.
        classes: Number of classes Q.
        vocabulary: Token ids are below it; the next two are not read where it is 0.
        max_tokens_indication: Of the indication.
        max_tokens_vitals: Of the vital signs.
        max_images: Images per study; 0 for a model that reads none.
    """

    image_size: int
    classes: int
    vocabulary: int = 0
    max_tokens_indication: int = 0
    max_tokens_vitals: int = 0
    max_images: int = 4


class RepeatedBatches:
    """A data set that hands out a few ready batches again and again.

    Args:
        batches: Each of ``batch_size`` rows.
        batch_size: Rows of a batch.
        steps: How many batches an epoch has.
        image_size: Height and width of their images, pixels.
    """

    def __init__(
        self, batches: Sequence[Batch], batch_size: int, steps: int, image_size: int
    ) -> None:
        self.batches, self.rows, self._image_size = list(batches), batch_size * steps, image_size
        classes = batches[0].targets.shape[1]
        self.targets: Floats = np.zeros((self.rows, classes), dtype=np.float32)
        self.given = 0

    def __len__(self) -> int:
        return self.rows

    @property
    def image_size(self) -> int:
        """Side of the images, in pixels."""
        return self._image_size

    def ids(self, rows: Iterable[int]) -> list[str]:
        """Numbers: nobody is behind these rows."""
        return [str(row) for row in rows]

    def __getitem__(self, batch: BatchRows) -> Batch:
        self.given += 1
        return self.batches[(self.given - 1) % len(self.batches)]


def random_images(count: int, shape: Shape, draw: np.random.Generator) -> Batch:
    """``count`` images of noise with labels of the prevalence of CXR-LT."""
    targets = _labels(count, shape, draw)
    return Batch(
        inputs=_noise(count, shape, draw),
        targets=targets,
        known=torch.ones_like(targets, dtype=torch.bool),
        rows=torch.arange(count),
    )


def images_of_studies(count: int, draw: np.random.Generator) -> list[int]:
    """Images of ``count`` studies; those of more than four count as five."""
    weights = np.array(STUDIES_BY_IMAGES) / sum(STUDIES_BY_IMAGES)
    return [int(n) for n in draw.choice(len(weights), count, p=weights) + 1]


def random_studies(images: Sequence[int], shape: Shape, draw: np.random.Generator) -> Batch:
    """Studies of noise; the second image of a study is lateral, the others are frontal.

    Args:
        images: Of each study, (B,); what is beyond ``shape.max_images`` is left out.
        shape: What is read of a study.
        draw: Where chance comes from.
    """
    counts = np.minimum(images, shape.max_images)
    slot = np.concatenate([np.arange(n) for n in counts])
    words = draw.lognormal(np.log(INDICATION_WORDS), INDICATION_SPREAD, len(counts))
    low, high = VITALS_TOKENS
    lengths = {
        "indication": np.clip(words.round() + SPECIAL_TOKENS, 1, shape.max_tokens_indication),
        "vitals": np.minimum(draw.integers(low, high + 1, len(counts)), shape.max_tokens_vitals),
    }
    targets = _labels(len(counts), shape, draw)
    return Batch(
        inputs=StudyBatch(
            images=_noise(len(slot), shape, draw),
            study=torch.from_numpy(np.repeat(np.arange(len(counts)), counts)),
            slot=torch.from_numpy(slot),
            lateral=torch.from_numpy(slot == 1),
            indication=_tokens(lengths["indication"].astype(int), shape, draw),
            vitals=_tokens(lengths["vitals"].astype(int), shape, draw),
        ),
        targets=targets,
        known=torch.ones_like(targets, dtype=torch.bool),
        rows=torch.arange(len(counts)),
    )


def _noise(count: int, shape: Shape, draw: np.random.Generator) -> Tensor:
    size = (count, 1, shape.image_size, shape.image_size)
    return torch.from_numpy(draw.integers(0, 256, size, dtype=np.uint8))


def _labels(count: int, shape: Shape, draw: np.random.Generator) -> Tensor:
    return torch.from_numpy((draw.random((count, shape.classes)) < POSITIVE).astype(np.float32))


def _tokens(lengths: np.ndarray, shape: Shape, draw: np.random.Generator) -> Tokens:
    longest = int(lengths.max())
    ids = draw.integers(0, max(shape.vocabulary, 1), (len(lengths), longest))
    return Tokens(torch.from_numpy(ids), torch.arange(longest) < torch.from_numpy(lengths)[:, None])
