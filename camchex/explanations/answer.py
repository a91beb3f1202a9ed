"""What a model says of one study, as a function of its images, of their maps, or of its texts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from camchex.fusion.camchex import CaMChex, evidence_of
from camchex.fusion.params import Modality
from camchex.fusion.study_batch import StudyBatch, Tokens
from camchex.scores.calibration_file import TINY

MIRROR = -1  # the axis along which a look is mirrored


class Answer:
    """The answer of a model to one study, whose parts can be exchanged one by one.

    An answer is the log-odds of the predicted probability of each of the Q findings: of the mean
    over the mirror image, where the model averages over it, and over groups of images. Gradients
    flow back to whatever was exchanged.

    Args:
        model: The model, in evaluation mode.
        batch: The study, as ``camchex.prediction.one_study.study_batch`` makes it: an entry for
            each of the G groups of images that are read at once, images (M, 1, H, W) in [0, 1].
    """

    def __init__(self, model: CaMChex, batch: StudyBatch) -> None:
        self.model = model
        self.batch = batch
        self.looks = 1 + model.mirrored
        with torch.no_grad():
            self.embeddings = self._embed(batch.indication, batch.vitals)
            self.given = self.encode(batch.images, batch.lateral)

    @property
    def count(self) -> int:
        """Number of images M."""
        return len(self.batch.images)

    @torch.no_grad()
    def as_given(self) -> Tensor:
        """Answer to the study as it is: (Q,), float64."""
        return self.of_maps([maps[None] for maps in self.given])[0]

    def of_images(self, images: Tensor) -> Tensor:
        """Answer to B copies of the study with other images (B, M, 1, H, W): (B, Q), float64."""
        encoded = self.encode(images.flatten(0, 1), self.batch.lateral.repeat(len(images)))
        looks = [maps.reshape(*images.shape[:2], *maps.shape[1:]) for maps in encoded]
        return self.of_maps(looks)

    def encode(self, images: Tensor, lateral: Tensor) -> list[Tensor]:
        """Encode images (N, 1, H, W), and their mirrors: maps (N, C, h, w) of either look.

        C is that of the encoder with the most channels; further channels of another one are 0.

        Args:
            images: Images in [0, 1].
            lateral: Which of them are lateral, (N,), bool.
        """
        if not len(images) or not self.model.image_encoders:
            return [images] * self.looks
        views = [images, images.flip(MIRROR)][: self.looks]
        return [self._encode(view, lateral) for view in views]

    def of_maps(self, looks: Sequence[Tensor]) -> Tensor:
        """Answer to B copies with other maps, (B, M, C, h, w) of either look: (B, Q), float64."""
        copies = len(looks[0])
        embeddings = {name: one.repeat(copies, 1) for name, one in self.embeddings.items()}
        studies = self._copies(copies)
        return self._mean(
            [_logits(self.model, _with(studies, maps.flatten(0, 1)), embeddings) for maps in looks],
            copies,
        )

    def of_one_image(self, number: int, images: Tensor) -> Tensor:
        """Answer to B copies, image ``number`` of which is another one, (B, 1, H, W): (B, Q)."""
        lateral = self.batch.lateral[number].expand(len(images))
        return self._with_one(number, self.encode(images, lateral))

    def joined_maps(self, number: int, images: Tensor) -> Tensor:
        """Maps of B images in the place of image ``number``: (B, looks C, h, w).

        Maps of the mirror image are mirrored back, so that places lie where the image has them.
        """
        lateral = self.batch.lateral[number].expand(len(images))
        looks = self.encode(images, lateral)
        return torch.cat([m.flip(MIRROR) if look else m for look, m in enumerate(looks)], 1)

    def of_joined_maps(self, number: int, maps: Tensor) -> Tensor:
        """Answer to B copies, image ``number`` of which has other maps: (B, Q), float64."""
        looks = maps.chunk(self.looks, 1)
        return self._with_one(number, [m.flip(MIRROR) if n else m for n, m in enumerate(looks)])

    def _with_one(self, number: int, looks: Sequence[Tensor]) -> Tensor:
        where = torch.tensor([number], device=looks[0].device)
        return self.of_maps([
            given.expand(len(maps), *given.shape).index_copy(1, where, maps[:, None])
            for given, maps in zip(self.given, looks, strict=True)
        ])  # fmt: skip

    def of_texts(self, indication: Tokens, vitals: Tokens) -> Tensor:
        """Answer to B copies of the study with other texts: (B, Q), float64.

        Args:
            indication: One text per copy.
            vitals: One text per copy.
        """
        copies = len(indication.ids)
        groups = self.batch.size
        texts = [_each(text, groups) for text in (indication, vitals)]
        studies = replace(self._copies(copies), indication=texts[0], vitals=texts[1])
        embeddings = self._embed(*texts)
        repeated = [maps.repeat(copies, 1, 1, 1) for maps in self.given]
        return self._mean(
            [_logits(self.model, _with(studies, maps), embeddings) for maps in repeated], copies
        )

    def of_embeddings(self, embeddings: Mapping[Modality, Tensor]) -> Tensor:
        """Answer to B copies of the study with other embeddings (B, C) of some texts: (B, Q)."""
        copies = len(next(iter(embeddings.values())))
        groups = self.batch.size
        own = {name: one.repeat(copies, 1) for name, one in self.embeddings.items()}
        other = {name: one.repeat_interleave(groups, 0) for name, one in embeddings.items()}
        studies = self._copies(copies)
        repeated = [maps.repeat(copies, 1, 1, 1) for maps in self.given]
        return self._mean(
            [_logits(self.model, _with(studies, maps), {**own, **other}) for maps in repeated],
            copies,
        )

    def _encode(self, images: Tensor, lateral: Tensor) -> Tensor:
        encoders = self.model.image_encoders
        sides = [~lateral, lateral] if len(encoders) > 1 else [torch.ones_like(lateral)]
        pairs = [(side, one) for side, one in zip(sides, encoders, strict=True) if side.any()]
        parts = [(side, encoder(images[side])) for side, encoder in pairs]
        channels = max(encoder.channels for encoder in encoders)
        found = images.new_zeros(len(images), channels, *parts[0][1].shape[2:])
        for side, maps in parts:
            padded = torch.nn.functional.pad(maps, (0, 0, 0, 0, 0, channels - maps.shape[1]))
            found = found.index_put((side.nonzero()[:, 0],), padded)
        return found

    def _embed(self, indication: Tokens, vitals: Tokens) -> dict[Modality, Tensor]:
        """Embed texts, (B, C) for each kind; nothing where images and words are read together."""
        fusion = self.model.config.fusion
        if fusion.architecture == "mmbt":
            return {}
        both: Mapping[Modality, Tokens] = {"indication": indication, "vitals": vitals}
        return self.model.encode_texts({n: text for n, text in both.items() if n in fusion.inputs})

    def _copies(self, copies: int) -> StudyBatch:
        """The study ``copies`` times, one after the other."""
        batch, groups = self.batch, self.batch.size
        first = (torch.arange(copies) * groups).repeat_interleave(self.count)
        return replace(
            batch,
            study=batch.study.repeat(copies) + first.to(batch.study.device),
            slot=batch.slot.repeat(copies),
            lateral=batch.lateral.repeat(copies),
            indication=_again(batch.indication, copies),
            vitals=_again(batch.vitals, copies),
        )

    def _mean(self, logits: Sequence[Tensor], copies: int) -> Tensor:
        """Log-odds of the mean probability over looks and groups: (B, Q), float64."""
        by_look = torch.stack([one.double().sigmoid() for one in logits]).mean(0)
        mean = by_look.reshape(copies, self.batch.size, -1).mean(1)
        return torch.logit(mean.clamp(TINY, 1 - TINY))


def _logits(model: CaMChex, batch: StudyBatch, embeddings: Mapping[Modality, Tensor]) -> Tensor:
    """Logits as :meth:`CaMChex.forward` computes them, which lets no gradient of heads through."""
    params = model.config.fusion
    if params.architecture == "mmbt":
        plain = model(batch)
        assert isinstance(plain, Tensor)
        return plain
    read = model.read(batch, embeddings)
    if not params.input_heads:
        return model.fuse(read)
    joint: Tensor = model.decoder(*model.fusion(read))
    return joint + evidence_of(read).sum(1)


def _with(batch: StudyBatch, images: Tensor) -> StudyBatch:
    return replace(batch, images=images)


def _again(text: Tokens, copies: int) -> Tokens:
    return Tokens(text.ids.repeat(copies, 1), text.mask.repeat(copies, 1))


def _each(text: Tokens, times: int) -> Tokens:
    return Tokens(text.ids.repeat_interleave(times, 0), text.mask.repeat_interleave(times, 0))
