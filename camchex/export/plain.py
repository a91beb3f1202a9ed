"""A trained CaMChex as one graph of tensors, in which no step depends on a value.

The network itself asks which view each image has, and how many images the fullest study has; a
graph cannot. So images arrive by view, and a table says which of them each study has.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from camchex.fusion.camchex import CaMChex
from camchex.fusion.params import TEXTS, FusionArchitecture, Modality
from camchex.fusion.study_batch import StudyBatch, Tokens
from camchex.fusion.study_fusion import InputTokens
from camchex.networks.position import position_encoding

VIEWS = ("frontal", "lateral")
NUMBERS = "images_of_study"
NO_IMAGE = -1
Texts = Mapping[Modality, Tokens]


class PlainCaMChex(nn.Module):
    """Probabilities of a CaMChex, whose weights it shares, and which it switches to evaluation.

    Source: :func:`camchex.networks.inference.flip_average` of a study and its mirror.
    """

    def __init__(self, model: CaMChex) -> None:
        super().__init__()
        self.model = model
        self.params = model.config.fusion
        self.names = names_of(self.params)
        self.eval()

    def forward(self, *given: Tensor) -> Tensor:
        """Classify B studies with F frontal and L lateral images in all.

        Args:
            given: What the model reads of the following, by ``names`` and in their order:

                - ``frontal``: (F, 1, H, W) in [0, 1]; F may be 0;
                - ``lateral``: (L, 1, H, W);
                - ``images_of_study``: numbers of each study's images, (B, S), long: those of
                  ``frontal`` from 0, those of ``lateral`` from F on, and -1 where there is none. S
                  is at least 1, and at most ``fusion.max_images``;
                - ``indication_ids``: token ids, padded to the longest of the texts, (B, T), long;
                - ``indication_mask``: 1 for tokens, 0 for padding, (B, T), long;
                - ``vitals_ids``, ``vitals_mask``: the same for the other text, (B, U).

        Returns:
            Probabilities (B, Q), not calibrated; not a number for a study with nothing to read.
        """
        named = dict(zip(self.names, given, strict=True))
        texts: Texts = {
            name: Tokens(named[f"{name}_ids"], named[f"{name}_mask"].bool())
            for name in TEXTS
            if name in self.params.inputs
        }
        numbers, views = named.get(NUMBERS), [named[view] for view in VIEWS if view in named]
        joint, looks = self.params.architecture == "mmbt", 1
        embedded = {} if joint else self.model.encode_texts(texts)
        if self.model.mirrored and numbers is not None:
            # All mirror images at once: a graph of half the size.
            looks, (views, numbers) = 2, _with_mirrors(views, numbers)
            texts = {
                name: Tokens(t.ids.repeat(2, 1), t.mask.repeat(2, 1)) for name, t in texts.items()
            }
            embedded = {name: text.repeat(2, 1) for name, text in embedded.items()}
        if joint:
            logits = self._jointly(views, numbers, texts)
        else:
            logits = self._fused(views, numbers, texts, embedded)
        return logits.sigmoid().reshape(looks, -1, len(self.model.classes)).mean(0)

    def _fused(
        self,
        views: list[Tensor],
        numbers: Tensor | None,
        texts: Texts,
        embedded: Mapping[Modality, Tensor],
    ) -> Tensor:
        """Logits (B, Q) of ``architecture: camchex``."""
        model, read = self.model, dict[Modality, InputTokens]()
        if numbers is not None:
            read["images"] = self._image_tokens(views, numbers)
        for name, embeddings in embedded.items():
            given = torch.ones_like(embeddings[:, 0], dtype=torch.bool)
            if self.params.input_heads:
                nothing = {"indication": model.no_indication, "vitals": model.no_vitals}
                given = ~_equal(texts[name], nothing[name])
            read[name] = model.fusion.text_tokens(name, embeddings, given)
        logits: Tensor = model.decoder(*model.fusion(read))
        for name, tokens in read.items() if self.params.input_heads else ():
            logits = logits + model.input_heads(name, tokens)
        return logits

    def _image_tokens(self, views: list[Tensor], numbers: Tensor) -> InputTokens:
        fusion = self.model.fusion
        reduced = fusion.reduce(self._maps(views))
        placed = reduced + position_encoding(self.params.position_encoding, reduced)
        tokens = placed.flatten(2).transpose(1, 2)  # (F + L, hw, C)
        blank = tokens.new_zeros(1)
        if not self.params.mask_padding:  # learnt padding fills every slot
            blank, most = fusion.padding[0], self.params.max_images
            numbers = functional.pad(numbers, (0, most), value=NO_IMAGE)[:, :most]
        laid, empty = self._laid_out(tokens, views, numbers, fusion.segments, blank)
        absent = empty.repeat_interleave(laid.shape[2], dim=1)
        return InputTokens(laid.flatten(1, 2), absent, ~empty.all(dim=1))

    def _jointly(self, views: list[Tensor], numbers: Tensor | None, texts: Texts) -> Tensor:
        """Logits (B, Q) of ``architecture: mmbt``."""
        model, joint, count = self.model, self.model.joint, self.params.regions**2
        segments = joint.segments
        sizes = [text.ids for text in texts.values()] if numbers is None else [numbers]
        start = model.text.words(sizes[0].new_full((1, 1), model.tokenizer.start))
        embeddings = [start.expand(sizes[0].shape[0], -1, -1)]
        masks = [torch.ones_like(sizes[0][:, :1], dtype=torch.bool)]
        positions = [torch.zeros(1, dtype=torch.long)]
        if numbers is not None:
            pooled = functional.adaptive_avg_pool2d(self._maps(views), self.params.regions)
            regions = joint.projection(pooled.flatten(2).transpose(1, 2))
            laid, empty = self._laid_out(regions, views, numbers, segments, segments.new_zeros(1))
            embeddings.append(laid.flatten(1, 2))
            masks.append((~empty).repeat_interleave(count, dim=1))
            positions.append(torch.arange(1, count + 1).repeat(numbers.shape[1]))
        for number, text in enumerate(texts.values(), start=len(segments) - len(texts)):
            embeddings.append(model.text.words(text.ids[:, 1:]) + segments[number])
            masks.append(text.mask[:, 1:])
            positions.append(torch.arange(1, text.ids.shape[1]))
        sentence = torch.cat(embeddings, 1), torch.cat(masks, 1), torch.cat(positions)
        logits: Tensor = model.classifier(model.text.read_out(*sentence))
        return logits

    def _maps(self, views: list[Tensor]) -> Tensor:
        """Feature maps of the frontal images, then of the lateral ones: (F + L, C, h, w)."""
        model, (frontal, lateral) = self.model, views
        if self.params.encoders == "shared":
            maps: Tensor = model.frontal(torch.cat(views))
            return maps
        return torch.cat([model.frontal(frontal), model.lateral_projection(model.lateral(lateral))])

    def _laid_out(
        self,
        tokens: Tensor,
        views: list[Tensor],
        numbers: Tensor,
        segments: Tensor,
        blank: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Mark tokens of each view, and lay them out by study: (B, S, n, C), beside empty slots."""
        by_slot = self.params.segments == "by_slot"
        if not by_slot:
            of_views = [
                segments[view].expand(images.shape[0], 1, -1) for view, images in enumerate(views)
            ]
            tokens = tokens + torch.cat(of_views)
        nothing = blank.expand(1, *tokens.shape[1:])
        laid = torch.cat([nothing, tokens])[numbers + 1]
        empty = numbers == NO_IMAGE
        if by_slot:
            marks = segments[: self.params.max_images][: numbers.shape[1], None]  # (S, 1, C)
            laid = torch.where(empty[..., None, None], laid, laid + marks)
        return laid, empty


def _with_mirrors(views: list[Tensor], numbers: Tensor) -> tuple[list[Tensor], Tensor]:
    """Put the mirror image behind each image of a view, and mirrored studies behind the studies."""
    both = [torch.stack([images, images.flip(-1)], 1).flatten(0, 1) for images in views]
    plain, mirrored = (torch.where(numbers < 0, numbers, 2 * numbers + look) for look in (0, 1))
    return both, torch.cat([plain, mirrored])


def names_of(params: FusionArchitecture) -> tuple[str, ...]:
    """Names of the inputs that a model reads, in the order of :class:`PlainCaMChex`."""
    images = (*VIEWS, NUMBERS) if "images" in params.inputs else ()
    texts = (f"{name}_{part}" for name in TEXTS for part in ("ids", "mask"))
    return (*images, *(name for name in texts if name.rpartition("_")[0] in params.inputs))


def plain_inputs(model: CaMChex, batch: StudyBatch) -> dict[str, Tensor]:
    """Arrange a batch, on the CPU and with images in [0, 1], as :class:`PlainCaMChex` reads it."""
    order = batch.lateral.long().argsort(stable=True)  # frontal first
    count, images = int((~batch.lateral).sum()), batch.images[order]
    slots = int(batch.slot.max()) + 1 if len(batch.slot) else 1
    numbers = torch.full((batch.size, slots), NO_IMAGE)
    numbers[batch.study[order], batch.slot[order]] = torch.arange(len(order))
    side = model.image_size
    found = {
        "frontal": images[:count].reshape(-1, 1, side, side),
        "lateral": images[count:].reshape(-1, 1, side, side),
        NUMBERS: numbers,
        "indication_ids": batch.indication.ids,
        "indication_mask": batch.indication.mask.long(),
        "vitals_ids": batch.vitals.ids,
        "vitals_mask": batch.vitals.mask.long(),
    }
    return {name: found[name] for name in names_of(model.config.fusion)}


def _equal(text: Tokens, ids: Tensor) -> Tensor:
    """Tell which texts are the one with the token ids ``ids``, (n,): (B,), bool."""
    start = functional.pad(text.ids, (0, len(ids)), value=-1)[:, : len(ids)]
    return (start == ids).all(1) & (text.mask.sum(1) == len(ids))
