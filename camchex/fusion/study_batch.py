"""A batch of whole studies, packed: no image is empty, and no text is longer than it must be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from camchex.networks.batches import Movable


@dataclass(frozen=True)
class Tokens(Movable):
    """Texts as token ids.

    Attributes:
        ids: (B, T), long, padded to the longest text of the batch.
        mask: Which of them are the text's own, (B, T), bool.
    """

    ids: Tensor
    mask: Tensor


def stack_tokens(parts: Sequence[Tokens], padding: int) -> Tokens:
    """Several texts of each of B studies as one batch, (parts * B, T), one part after the other.

    Args:
        parts: Each of B texts.
        padding: The token that fills shorter texts.
    """
    longest = max(part.ids.shape[1] for part in parts)
    short = [longest - part.ids.shape[1] for part in parts]
    ids = [functional.pad(p.ids, (0, n), value=padding) for p, n in zip(parts, short, strict=True)]
    masks = [functional.pad(p.mask, (0, n)) for p, n in zip(parts, short, strict=True)]
    return Tokens(torch.cat(ids), torch.cat(masks))


@dataclass(frozen=True)
class StudyBatch(Movable):
    """All images of B studies in one tensor, and their texts.

    Attributes:
        images: (M, 1, H, W): M images in all, in any order.
        study: Position in the batch of the study that each image belongs to, (M,), long.
        slot: Number of each image within its study, from 0, (M,), long.
        lateral: Which images are lateral, (M,), bool; the others are frontal.
        indication: Of each study.
        vitals: Of each study.
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
        """The batch with other images: ``change`` maps (M, 1, H, W) to (M, 1, H', W')."""
        return replace(self, images=change(self.images))
