"""The inputs of a study that a training withholds, so that the model learns to do without them."""

import zlib
from collections.abc import Mapping, Set
from dataclasses import dataclass

import numpy as np

from camchex.fusion.params import Modality

STREAM = 1  # apart from the draw of images, which has the same seed, epoch and study


@dataclass(frozen=True)
class Withholder:
    """Draw of the inputs that a study is shown without.

    Attributes:
        chances: Probability for each input that the model reads.
        first_epoch: Epoch, from 0, that withholds first.
        seed: Seed of the training.
    """

    chances: Mapping[Modality, float]
    first_epoch: int
    seed: int

    def draw(self, given: Set[Modality], study_id: str, epoch: int) -> Set[Modality]:
        """Choose among the inputs that a study has (``given``), each by itself, but never all.

        The draw depends on nothing but the study, the epoch and the seed.
        """
        if epoch < self.first_epoch:
            return set()
        chance = np.random.default_rng([self.seed, epoch, zlib.crc32(study_id.encode()), STREAM])
        draws = dict(zip(self.chances, chance.random(len(self.chances)), strict=True))
        read = given & draws.keys()
        withheld = {name for name in read if draws[name] < self.chances[name]}
        if withheld and withheld == read:
            withheld.remove(max(read, key=draws.__getitem__))
        return withheld
