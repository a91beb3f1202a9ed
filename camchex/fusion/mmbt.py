"""MMBT: the image regions and the words of a study as one sentence, read by one BERT."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from camchex.errors import ModelError
from camchex.fusion.params import FusionArchitecture
from camchex.fusion.study_batch import StudyBatch
from camchex.fusion.study_fusion import image_segments, place_by_study, segments_of_images

SEGMENT_DEVIATION = 0.02  # standard deviation of new weights in BERT


class JointSentence(nn.Module):
    """Places regions and words behind one leading token, each marked with its view, slot or text.

    The leading token has position 0; every image and every text counts from 1, so a sentence may
    be longer than the positions that the BERT knows.

    Args:
        channels: Channels of the feature maps; None for a model without images.
        width: Width C of the BERT's word embeddings.
        positions: Number of positions that the BERT knows.
        params: Section ``fusion``.

    Raises:
        ModelError: If an image has more regions than the BERT has positions.

    Source: Kiela et al., 2019 (regions as words, a segment per kind, positions that restart);
        Jacenkow et al., 2022 (applied to X-rays and their indications).
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
        self,
        start: Tensor,
        encoded: StudyBatch | None,
        texts: Sequence[tuple[Tensor, Tensor]],
        size: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compose the sentences of a batch of studies.

        Args:
            start: Embedding of the leading token, (C,).
            encoded: The batch with feature maps (M, C, h, w) in place of images; None without any.
            texts: The texts among ``params.inputs``, indication first, without their leading token:
                word embeddings before positions are added, (B, T, C), and False for padding,
                (B, T), bool.
            size: Number of studies B.

        Returns:
            Regions and words before positions are added, (B, N, C); which of them are no padding,
            (B, N), bool; the position of each, which restarts in every image and text, (N,), long.

        Raises:
            ModelError: If a study has nothing to read, or more images than the model has slots.
        """
        embeddings = [start.expand(size, 1, -1)]
        masks = [torch.ones(size, 1, dtype=torch.bool, device=start.device)]
        positions = [torch.zeros(1, dtype=torch.long, device=start.device)]
        if encoded is not None:
            regions, empty = self._regions(encoded, size)  # (B, S, R, C), (B, S)
            _, slots, count, _ = regions.shape
            embeddings.append(regions.flatten(1, 2))
            masks.append(~empty.repeat_interleave(count, dim=1))
            positions.append(torch.arange(1, count + 1, device=start.device).repeat(slots))
        for number, (words, mask) in enumerate(texts, start=len(self.segments) - len(texts)):
            embeddings.append(words + self.segments[number])
            masks.append(mask)
            positions.append(torch.arange(1, mask.shape[1] + 1, device=start.device))
        if not texts and (encoded is None or not bool(masks[1].any(dim=1).all())):
            raise ModelError("a study has no image, and the model reads nothing else")
        return torch.cat(embeddings, 1), torch.cat(masks, 1), torch.cat(positions)

    def _regions(self, encoded: StudyBatch, size: int) -> tuple[Tensor, Tensor]:
        """Lay regions out by study and slot, (B, S, R, C), beside the empty slots, (B, S)."""
        marks = segments_of_images(self.segments, encoded, self.params)
        pooled = functional.adaptive_avg_pool2d(encoded.images, self.params.regions)
        regions = self.projection(pooled.flatten(2).transpose(1, 2)) + marks  # (M, R, C)
        return place_by_study(regions, encoded, size, regions.new_zeros(()))
