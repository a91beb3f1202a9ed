"""A batch of whole studies without empty images, its texts only as long as the longest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from camchex.networks.batches import Movable


@dataclass(frozen=True)
class Tokens(Movable):
    """Texts as token ids.

    Attributes:
        ids: (B, T), long, padded to the longest text of the batch.
        mask: True for the tokens of the text, False for padding, (B, T), bool.
    """

    ids: Tensor
    mask: Tensor

    def equal(self, ids: Tensor) -> Tensor:
        """Tell which texts are the one with the token ids ``ids``, (n,): (B,), bool."""
        count, longest = len(ids), self.ids.shape[1]
        return (self.ids[:, :count] == ids[:longest]).all(1) & (self.mask.sum(1) == count)


@dataclass(frozen=True)
class StudyBatch(Movable):
    """All images of B studies in one tensor, and the texts of the studies.

    Attributes:
        images: All M images, in any order, (M, 1, H, W); or what frozen encoders made of them,
            maps (M, C, h, w) of more than one channel.
        study: Position in the batch of the study that each image belongs to, (M,), long.
        slot: Number of each image within its study, from 0, (M,), long.
        lateral: Which images are lateral, (M,), bool; the others are frontal.
        indication: One text per study.
        vitals: One text per study.
    """

    images: Tensor
    study: Tensor
    slot: Tensor
    lateral: Tensor
    indication: Tokens
    vitals: Tokens

    @property
    def size(self) -> int:
        """Number of studies B."""
        return len(self.indication.ids)

    def map_images(self, change: Callable[[Tensor], Tensor]) -> Self:
        """Replace the images: ``change`` maps (M, 1, H, W) to (M, 1, H', W')."""
        return replace(self, images=change(self.images))


def pack_studies(
    images: Tensor, lateral: Sequence[NDArray[np.bool_]], indication: Tokens, vitals: Tokens
) -> StudyBatch:
    """Build the batch of B studies, with B texts of either kind.

    ``images`` stand study after study, (M, 1, H, W); ``lateral`` says which images of each study
    are lateral, in B arrays with M values in all.
    """
    counts = torch.tensor([len(views) for views in lateral])
    return StudyBatch(
        images=images,
        study=torch.arange(len(lateral)).repeat_interleave(counts),
        slot=torch.cat([torch.arange(len(views)) for views in lateral]),
        lateral=torch.from_numpy(np.concatenate(lateral)),
        indication=indication,
        vitals=vitals,
    )
