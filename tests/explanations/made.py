"""A model made by hand, whose answer is known to depend on one patch, one word and one value."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from camchex.fusion.camchex import CaMChex
from camchex.fusion.params import Modality
from camchex.fusion.study_batch import StudyBatch
from tests.networks.small import camchex, tokenizer

PATCH = (slice(4, 10), slice(20, 28))  # rows and columns
WORD, SIGN = "ladder", "81.0"


class Made(nn.Module):
    """Finding 0 is the brightness of ``PATCH`` in frontal images, 1 a word, 2 a vital sign."""

    def __init__(self, *, mirrored: bool = False) -> None:
        super().__init__()
        real = camchex()
        self.config, self.tokenizer, self.mirrored = real.config, tokenizer(), mirrored
        self.classes, self.image_size = real.classes, real.image_size
        self.image_encoders = [Grey()]
        self.word, self.sign = (self._token(word) for word in (WORD, SIGN))

    def _token(self, word: str) -> int:
        ids = self.tokenizer.encode([word], 16).ids[0]
        assert len(ids) == 3, f"{word} is one token"
        return int(ids[1])

    def encode_texts(self, texts: Mapping[Modality, object]) -> dict[Modality, Tensor]:
        return {name: torch.zeros(len(one.ids), 1) for name, one in texts.items()}  # type: ignore[attr-defined]

    def read(self, batch: StudyBatch, _: Mapping[Modality, Tensor]) -> StudyBatch:
        return batch

    def fuse(self, batch: StudyBatch) -> Tensor:
        logits = torch.zeros(batch.size, 3)
        frontal = ~batch.lateral
        if frontal.any():
            bright = batch.images[frontal, 0][:, *PATCH].mean((1, 2))
            logits[:, 0] = logits[:, 0].index_add(0, batch.study[frontal], 4 * bright)
        said = (batch.indication.ids == self.word).any(1).float()
        value = (batch.vitals.ids == self.sign).any(1).float()
        return torch.stack([logits[:, 0] - 2, 3 * said - 1, 1 - 3 * value], 1)


class Grey(nn.Module):
    """An encoder whose maps are the image itself, in two channels."""

    channels = 2

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([images, images], 1)


def made(*, mirrored: bool = False) -> CaMChex:
    return Made(mirrored=mirrored).eval()
