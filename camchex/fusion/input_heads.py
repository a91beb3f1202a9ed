"""What each input of a study says by itself: its evidence for every class, to be added up."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from camchex.fusion.params import Modality
from camchex.fusion.study_fusion import InputTokens
from camchex.networks.ml_decoder import MLDecoder


class InputHeads(nn.Module):
    """A head for each input: an ML-Decoder over image tokens, a linear layer on a text's token.

    Evidence has no bias: an input that says nothing adds nothing, and the prior of a class is
    counted once, in the head that reads all inputs together.

    Args:
        width: Width C of the tokens.
        classes: Number of classes Q.
        inputs: Inputs that the model reads.
        sizes: ``width``, ``ffn`` and ``heads`` of the ML-Decoder.

    Source: evidence as a sum of log-odds: Good, 1950 (weight of evidence).
    """

    def __init__(
        self, width: int, classes: int, inputs: Iterable[Modality], sizes: Mapping[str, int]
    ) -> None:
        super().__init__()
        self.texts = nn.ModuleDict(
            {
                name: nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes, bias=False))
                for name in sorted(set(inputs) - {"images"})
            }
        )
        if "images" in inputs:
            self.images = MLDecoder(width, classes, **sizes)
            self.images.pooling_bias.requires_grad = False  # stays 0: it has no prior of its own

    def forward(self, name: Modality, read: InputTokens) -> Tensor:
        """Read one input of B studies by itself.

        Returns:
            Evidence in log-odds, (B, Q), exactly 0 where a study lacks the input.
        """
        given = read.given[:, None]
        if name == "images":
            # A study without images reads its empty slots, and what they say is set to 0.
            found = self.images(read.tokens, read.absent & given)
        else:  # its tokens are copies of one
            found = self.texts[name](read.tokens[:, 0])
        return torch.where(given, found, 0)
