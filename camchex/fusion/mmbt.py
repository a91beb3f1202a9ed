"""MMBT: the regions of a study's images and the words of its texts as one sentence of one BERT."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from camchex.errors import ModelError
from camchex.fusion.params import FusionArchitecture
from camchex.fusion.study_fusion import StudyMaps, check_slots, image_segments, place_by_study

SEGMENT_DEVIATION = 0.02  # of new weights of a BERT


@dataclass(frozen=True)
class Words:
    """One text of every study, without the special token that starts it.

    Attributes:
        embeddings: Before positions are added, (B, T, C).
        mask: Which tokens are the text's own, (B, T), bool.
    """

    embeddings: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Sentence:
    """What a BERT reads in place of token ids.

    Attributes:
        embeddings: Before positions are added, (B, N, C).
        mask: What is there to be read, (B, N), bool.
        positions: From 0, restarting in every image and text, (N,), long.
    """

    embeddings: Tensor
    mask: Tensor
    positions: Tensor


class JointSentence(nn.Module):
    """Places regions and words behind one leading token, each marked with what it belongs to.

    The leading token has position 0; every image and every text counts from 1, so a sentence may
    be longer than the positions that the BERT knows. The order of the parts says nothing else.

    Args:
        channels: Of the feature maps; None without images.
        width: C, of the BERT's word embeddings.
        positions: How many positions the BERT knows.
        params: Section ``fusion``.

    Raises:
        ModelError: If an image has more regions than the BERT has positions.

    Source: Kiela et al., 2019 (regions as words, a segment per kind, positions that restart);
        Jacenkow et al., 2022 (the same for X-rays and their indications).
    """

    def __init__(
        self, channels: int | None, width: int, positions: int, params: FusionArchitecture
    ) -> None:
        super().__init__()
        if params.regions**2 >= positions:
            raise ModelError(
                f"fusion.regions: {params.regions} x {params.regions} regions, the text encoder "
                f"knows {positions} positions"
            )
        self.params = params
        kinds = len(set(params.inputs) - {"images"})
        if channels is not None:
            self.projection = nn.Linear(channels, width)
            kinds += image_segments(params.segments, params.max_images)
        self.segments = nn.Parameter(torch.randn(kinds, width) * SEGMENT_DEVIATION)

    def forward(
        self, start: Tensor, images: StudyMaps | None, texts: Sequence[Words], size: int
    ) -> Sentence:
        """Compose the sentences of a batch of studies.

        Args:
            start: Embedding of the leading token, (C,).
            images: None where the batch has no image.
            texts: Those in ``params.inputs``, indication first.
            size: Number of studies B.

        Raises:
            ModelError: If a study has nothing to read, or more images than can be told apart.
        """
        there = torch.ones(size, 1, dtype=torch.bool, device=start.device)
        embeddings, masks = [start.expand(size, 1, -1)], [there]
        positions = [torch.zeros(1, dtype=torch.long, device=start.device)]
        if images is not None:
            regions, empty = self._regions(images, size)  # (B, S, R, C), (B, S)
            _, slots, count, _ = regions.shape
            embeddings.append(regions.flatten(1, 2))
            masks.append(~empty.repeat_interleave(count, dim=1))
            positions.append(_from_one(count, start).repeat(slots))
        for number, text in enumerate(texts, start=len(self.segments) - len(texts)):
            embeddings.append(text.embeddings + self.segments[number])
            masks.append(text.mask)
            positions.append(_from_one(text.mask.shape[1], start))
        if not texts and (images is None or not bool(masks[1].any(dim=1).all())):
            raise ModelError("a study has no image, and the model reads nothing else")
        return Sentence(torch.cat(embeddings, 1), torch.cat(masks, 1), torch.cat(positions))

    def _regions(self, images: StudyMaps, size: int) -> tuple[Tensor, Tensor]:
        """Regions by study and slot, (B, S, R, C), and the slots without image, (B, S)."""
        check_slots(images, self.params, slots_matter=self.params.segments == "by_slot")
        pooled = functional.adaptive_avg_pool2d(images.maps, self.params.regions)
        regions = self.projection(pooled.flatten(2).transpose(1, 2))  # (M, R, C)
        by_slot = self.params.segments == "by_slot"
        segment = self.segments[images.slot if by_slot else images.lateral.long()]
        regions = regions + segment[:, None]
        return place_by_study(regions, images, size, regions.new_zeros(()))


def _from_one(count: int, like: Tensor) -> Tensor:
    return torch.arange(1, count + 1, device=like.device)
