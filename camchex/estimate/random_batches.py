"""Batches of noise in the shape of real ones: the training data of probes and benchmarks."""

from collections.abc import Iterable, Sequence
from itertools import cycle

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from camchex.fusion.camchex import CaMChex
from camchex.fusion.study_batch import Tokens, pack_studies
from camchex.fusion.study_data import reader_of
from camchex.networks.batches import Batch, Floats, labelled
from camchex.networks.sampling import BatchRows

STUDIES_BY_IMAGES = (69_478, 71_298, 13_529, 1_422, 96)
"""Studies of 1, 2, 3, 4 and more images: CXR-LT 2024, training (docs/method.md, section 2)."""
INDICATION_WORDS, INDICATION_SPREAD = 12, 0.4
"""Median of the words of an indication (docs/method.md, section 1.4), spread of its logarithm."""
SPECIAL_TOKENS = 3  # start, end, and the full stop that the cleaner appends
VITALS_TOKENS = (34, 46)
"""Tokens of the vital signs as text: with all values missing, and with all measured."""
POSITIVE = 0.0923  # macro prevalence of CXR-LT 2023 (docs/method.md, section 4.1)


class RepeatedBatches:
    """Data set of ``steps`` batches per epoch, which returns a few ready ones again and again."""

    def __init__(
        self, batches: Sequence[Batch], batch_size: int, steps: int, image_size: int
    ) -> None:
        self.image_size, self.batches = image_size, cycle(batches)
        classes = batches[0].targets.shape[1]
        self.targets: Floats = np.zeros((batch_size * steps, classes), dtype=np.float32)

    def __len__(self) -> int:
        return len(self.targets)

    def ids(self, rows: Iterable[int]) -> list[str]:
        """Return row numbers: noise has no ids."""
        return list(map(str, rows))

    def __getitem__(self, batch: BatchRows) -> Batch:
        return next(self.batches)


def random_images(count: int, side: int, classes: int, draw: np.random.Generator) -> Batch:
    """Draw ``count`` images of noise, ``side`` pixels high and wide, with labels as in CXR-LT."""
    targets = _labels(count, classes, draw)
    return labelled(_noise(count, side, draw), targets, np.arange(count))


def images_of_studies(count: int, draw: np.random.Generator) -> list[int]:
    """Draw the numbers of images of ``count`` studies; more than four count as five."""
    weights = np.array(STUDIES_BY_IMAGES) / sum(STUDIES_BY_IMAGES)
    return [int(n) for n in draw.choice(len(weights), count, p=weights) + 1]


def random_studies(images: Sequence[int], model: CaMChex, draw: np.random.Generator) -> Batch:
    """Draw studies of noise; the second image of a study is lateral, the others are frontal.

    Args:
        images: Images of each study, (B,); those that the model does not read are left out.
        model: The model that decides the sizes of images and texts.
        draw: Source of randomness.
    """
    reader, size = reader_of(model), model.tokenizer.size
    counts = np.minimum(images, reader.max_images)
    words = draw.lognormal(np.log(INDICATION_WORDS), INDICATION_SPREAD, len(counts))
    low, high = VITALS_TOKENS
    indication = np.clip(words.round() + SPECIAL_TOKENS, 1, reader.max_tokens_indication)
    vitals = np.minimum(draw.integers(low, high + 1, len(counts)), reader.max_tokens_vitals)
    targets = _labels(len(counts), len(model.classes), draw)
    studies = pack_studies(
        _noise(int(counts.sum()), model.image_size, draw),
        [np.arange(n) == 1 for n in counts],
        _tokens(indication.astype(int), size, draw),
        _tokens(vitals.astype(int), size, draw),
    )
    return labelled(studies, targets, np.arange(len(counts)))


def _noise(count: int, side: int, draw: np.random.Generator) -> Tensor:
    return torch.from_numpy(draw.integers(0, 256, (count, 1, side, side), dtype=np.uint8))


def _labels(count: int, classes: int, draw: np.random.Generator) -> Floats:
    return (draw.random((count, classes)) < POSITIVE).astype(np.float32)


def _tokens(lengths: NDArray[np.int64], vocabulary: int, draw: np.random.Generator) -> Tokens:
    longest = int(lengths.max())
    ids = draw.integers(0, vocabulary, (len(lengths), longest))
    return Tokens(torch.from_numpy(ids), torch.arange(longest) < torch.from_numpy(lengths)[:, None])
