"""The fusion transformer: one sequence of tokens per study, from its feature maps and texts."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from camchex.errors import ModelError
from camchex.fusion.params import TEXTS, FusionArchitecture, Modality, Segments
from camchex.fusion.study_batch import StudyBatch
from camchex.networks.position import position_encoding

VIEWS = 2  # frontal and lateral


class InputTokens(NamedTuple):
    """One input of B studies, read by itself."""

    tokens: Tensor  # (B, n, C)
    absent: Tensor  # True where a token stands for no image, (B, n), bool
    given: Tensor  # whether a study has the input, (B,), bool; a placeholder of a text is none
    evidence: Tensor | None = None  # log-odds of this input alone, (B, Q); only of input heads

    def take(self, rows: Tensor) -> "InputTokens":
        """Select studies by position, in the given order."""
        return InputTokens(*(part if part is None else part[rows] for part in self))  # type: ignore[arg-type]


class StudyFusion(nn.Module):
    """Turns maps and texts into marked tokens, and lets the tokens of a study attend to each other.

    Args:
        width: Channels C of the maps and of the text embeddings.
        params: Section ``fusion``.

    Raises:
        ModelError: If the heads do not divide the width.

    Source: paper section 3.2 and Figure 2; sizes and switches: docs/method.md, section 7.
    """

    def __init__(self, width: int, params: FusionArchitecture) -> None:
        super().__init__()
        if width % params.heads:
            raise ModelError(f"fusion.heads: {params.heads} do not divide {width} channels")
        self.params = params
        kinds = len(set(params.inputs) - {"images"})
        if "images" in params.inputs:
            self.reduce = nn.Conv2d(width, width, 3, stride=2, padding=1)
            kinds += image_segments(params.segments, params.max_images)
            if not params.mask_padding:
                self.padding = nn.Parameter(torch.randn(1, width).clamp(-1, 1))  # as the release
        self.segments = nn.Parameter(torch.randn(kinds, width).clamp(-1, 1))
        layer = nn.TransformerEncoderLayer(
            *(width, params.heads, params.ffn, params.dropout),
            batch_first=True,
            norm_first=params.norm_first,
        )
        self.encoder = nn.TransformerEncoder(layer, params.layers, enable_nested_tensor=False)

    def image_tokens(self, encoded: StudyBatch) -> InputTokens:
        """Mark the tokens of the images of B studies, laid out by study and slot.

        ``encoded`` has feature maps (M, C, h, w) in place of images.

        Raises:
            ModelError: If a study has more images than it may have.
        """
        masked = self.params.mask_padding
        marks = segments_of_images(self.segments, encoded, self.params, fixed_slots=not masked)
        maps = self.reduce(encoded.images)  # (M, C, h/2, w/2)
        maps = maps + position_encoding(self.params.position_encoding, maps)
        tokens = maps.flatten(2).transpose(1, 2) + marks  # (M, hw, C)
        # Learnt padding fills all max_images slots: a study must not depend on its batch.
        blank = tokens.new_zeros(()) if masked else self.padding.to(tokens.dtype)
        slots = None if masked else self.params.max_images
        laid, empty = place_by_study(tokens, encoded, encoded.size, blank, slots)
        absent = empty.repeat_interleave(laid.shape[2], dim=1)
        return InputTokens(laid.flatten(1, 2), absent, ~empty.all(dim=1))

    def text_tokens(self, name: Modality, embeddings: Tensor, given: Tensor) -> InputTokens:
        """Mark the embeddings (B, C) of one of the texts; ``given``: of those that are there."""
        kinds = [text for text in TEXTS if text in self.params.inputs]
        marked = (embeddings + self.segments[kinds.index(name) - len(kinds)])[:, None]
        tokens = marked.expand(-1, self.params.text_tokens, -1)
        none = torch.zeros(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        return InputTokens(tokens, none, given)

    def forward(self, read: Mapping[Modality, InputTokens]) -> tuple[Tensor, Tensor]:
        """Let the tokens of each study attend to each other.

        Returns:
            Tokens (B, N, C), and which of them the classification head ignores, (B, N), bool.
        """
        absent = torch.cat([one.absent for one in read.values()], dim=1)
        tokens = torch.cat([one.tokens for one in read.values()], dim=1)
        fused: Tensor = self.encoder(tokens, src_key_padding_mask=absent)
        return fused, absent if self.params.mask_padding else torch.zeros_like(absent)


def image_segments(segments: Segments, max_images: int) -> int:
    """Return the number of image segments: one per view, or one per slot."""
    return VIEWS if segments == "by_type" else max_images


def segments_of_images(
    segments: Tensor, encoded: StudyBatch, params: FusionArchitecture, *, fixed_slots: bool = False
) -> Tensor:
    """Select the segment of each image, (M, 1, C): that of its view, or of its slot.

    Raises:
        ModelError: If a study has more images than slots where slots are marked or fixed.
    """
    by_slot = params.segments == "by_slot"
    fullest = int(encoded.slot.max()) + 1 if len(encoded.slot) else 0
    if (by_slot or fixed_slots) and fullest > params.max_images:
        raise ModelError(
            f"fusion.max_images: a study has {fullest} images, at most "
            f"{params.max_images} fit into the slots"
        )
    return segments[encoded.slot if by_slot else encoded.lateral.long()][:, None]


def place_by_study(
    tokens: Tensor, encoded: StudyBatch, size: int, blank: Tensor, slots: int | None = None
) -> tuple[Tensor, Tensor]:
    """Lay the tokens of all images (M, n, C) out by study and slot.

    ``blank``, broadcast to (C,), fills empty slots. Without ``slots``, a study has as many as the
    study with the most images needs.

    Returns:
        Tokens by study and slot, (B, S, n, C), and which slots are empty, (B, S), bool.
    """
    slots = int(encoded.slot.max()) + 1 if slots is None else slots
    place = (encoded.study, encoded.slot)
    empty = torch.ones(size, slots, dtype=torch.bool, device=tokens.device)
    return (
        blank.expand(size, slots, *tokens.shape[1:]).index_put(place, tokens),
        empty.index_put(place, torch.zeros((), dtype=torch.bool, device=tokens.device)),
    )
