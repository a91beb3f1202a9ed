"""The published training step, from its description: docs/method.md, sections 7 and 8.

It shares no code with ``camchex``: what is made faster there does not make this faster. Every
study has four image slots; empty ones are dropped before the encoders, but their tokens are always
there. Texts are padded to 384 and 128 tokens, and each becomes as many identical tokens as an image
has. AdamW as torch makes it by default (fused on no device; ``foreach`` on CUDA, one parameter at a
time on a CPU), a moving average in a loop over the parameters, fp16 autocast with a gradient scaler
on CUDA, single precision on a CPU, which has no fp16 autocast that trains.

Where the description leaves a choice, the cheaper one is taken, so that the comparison is not
flattered: no trainer around the step, BERT without its pooler, scaled-dot-product attention
throughout, the position encoding computed once, no convolution of empty slots.
"""

import copy
import math
from dataclasses import dataclass
from typing import Any

import timm
import torch
from timm.data import resolve_model_data_config
from torch import Tensor, nn
from torch.nn.functional import pad
from transformers import AutoModel, PretrainedConfig

SLOTS = 4
INDICATION_TOKENS, VITALS_TOKENS = 384, 128
FRONTAL, LATERAL = 1, 2  # 0: an empty slot
TEXTS = 2


@dataclass(frozen=True)
class Parts:
    """What both layouts have in common: networks and their widths.

    Attributes:
        backbone: A timm name of a convolutional network.
        backbone_args: Given to timm.
        classes: Number of classes.
        decoder: Width, feed-forward width and heads of the ML-Decoder.
        fusion: Layers, heads, feed-forward width and dropout of the fusion.
        bert: The text encoder.
        frozen: Whether the image encoders are trained.
    """

    backbone: str
    backbone_args: dict[str, Any]
    classes: int
    decoder: tuple[int, int, int]
    fusion: tuple[int, int, int, float] | None = None
    bert: PretrainedConfig | None = None
    frozen: bool = False


@dataclass(frozen=True)
class SlotBatch:
    """Studies in slots.

    Attributes:
        images: (B, 4, 1, H, W), uint8; an empty slot is black.
        views: FRONTAL, LATERAL or 0, (B, 4).
        indication: Token ids and mask, (B, 384).
        vitals: Token ids and mask, (B, 128).
        targets: Labels, (B, Q).
    """

    images: Tensor
    views: Tensor
    indication: tuple[Tensor, Tensor]
    vitals: tuple[Tensor, Tensor]
    targets: Tensor

    def to(self, device: torch.device) -> "SlotBatch":
        """On another device."""
        return SlotBatch(
            self.images.to(device),
            self.views.to(device),
            tuple(part.to(device) for part in self.indication),
            tuple(part.to(device) for part in self.vitals),
            self.targets.to(device),
        )

    def pin_memory(self) -> "SlotBatch":
        """In page-locked memory, as a torch loader pins what it hands out."""
        return SlotBatch(
            self.images.pin_memory(),
            self.views.pin_memory(),
            tuple(part.pin_memory() for part in self.indication),
            tuple(part.pin_memory() for part in self.vitals),
            self.targets.pin_memory(),
        )


def padded(ids: Tensor, mask: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """A text of any length as one of ``length`` tokens."""
    missing = (0, length - ids.shape[1])
    return pad(ids, missing), pad(mask, missing)


def positions(channels: int, rows: int, columns: int) -> Tensor:
    """Two-dimensional sinusoids, (C, H, W): half of the channels for rows, half for columns."""
    half = channels // 2
    rates = 10_000.0 ** (-torch.arange(0, half, 2) / half)

    def axis(length: int) -> Tensor:
        angles = torch.arange(length)[:, None] * rates
        return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)  # (length, half)

    of_rows = axis(rows)[:, None].expand(rows, columns, half)
    of_columns = axis(columns)[None].expand(rows, columns, half)
    return torch.cat([of_rows, of_columns], dim=2).permute(2, 0, 1)


class Placed(nn.Module):
    """Adds the position encoding, computed at the first map of a size and kept."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = torch.empty(0)

    def forward(self, maps: Tensor) -> Tensor:
        """(M, C, h, w), in and out."""
        if self.kept.shape != maps.shape[1:]:
            self.kept = positions(*maps.shape[1:]).to(maps.device)
        return maps + self.kept.to(maps.dtype)


class Backbone(nn.Module):
    """A timm network without its head: grey images (M, 1, H, W) in [0, 1] to (M, C, h, w)."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.network = timm.create_model(
            parts.backbone, num_classes=0, global_pool="", **parts.backbone_args
        )
        self.network.head = nn.Identity()
        data = resolve_model_data_config(self.network)
        self.register_buffer("mean", torch.tensor(data["mean"])[:, None, None])
        self.register_buffer("std", torch.tensor(data["std"])[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        """Normalise as three channels, and encode."""
        return self.network.forward_features((images.expand(-1, 3, -1, -1) - self.mean) / self.std)


class Head(nn.Module):
    """The ML-Decoder: one frozen query per class, cross-attention, one read-out per class."""

    def __init__(self, channels: int, parts: Parts) -> None:
        super().__init__()
        width, ffn, heads = parts.decoder
        self.embed = nn.Linear(channels, width)
        self.register_buffer("queries", torch.randn(parts.classes, width))
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.attention = nn.MultiheadAttention(width, heads, dropout=0.1, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(width, ffn), nn.Linear(ffn, width)
        self.dropout = nn.Dropout(0.1)
        self.pooling = nn.Parameter(nn.init.xavier_normal_(torch.empty(parts.classes, width)))
        self.bias = nn.Parameter(torch.zeros(parts.classes))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) to (B, Q); every token is read."""
        memory = self.embed(tokens).relu()
        t = self.queries.expand(len(tokens), -1, -1)
        t = self.norm1(t + self.dropout(t))
        read, _ = self.attention(t, memory, memory, need_weights=False)
        t = self.norm2(t + self.dropout(read))
        t = self.norm3(t + self.dropout(self.linear2(self.dropout(self.linear1(t).relu()))))
        return (t * self.pooling).sum(2) + self.bias


class PublishedClassifier(nn.Module):
    """Stage 1: backbone, position encoding, ML-Decoder."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.backbone, self.placed = Backbone(parts), Placed()
        self.head = Head(self.backbone.network.num_features, parts)

    def forward(self, images: Tensor) -> Tensor:
        """(M, 1, H, W) in [0, 1] to (M, Q)."""
        return self.head(self.placed(self.backbone(images)).flatten(2).transpose(1, 2))


class PublishedFusion(nn.Module):
    """Stage 2: two encoders, one shared BERT, 4 + 2 groups of tokens, ML-Decoder over all."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.frontal, self.lateral, self.placed = Backbone(parts), Backbone(parts), Placed()
        self.frozen = parts.frozen
        for encoder in (self.frontal, self.lateral):
            encoder.requires_grad_(not parts.frozen)
        width = self.frontal.network.num_features
        self.text = AutoModel.from_config(parts.bert, add_pooling_layer=False)
        own = parts.bert.hidden_size
        self.projection = nn.Identity() if own == width else nn.Linear(own, width)
        self.reduce = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.padding = nn.Parameter(torch.randn(width).clamp(-1, 1))
        self.segments = nn.Parameter(torch.randn(SLOTS + TEXTS, width).clamp(-1, 1))
        layers, heads, ffn, dropout = parts.fusion
        layer = nn.TransformerEncoderLayer(width, heads, ffn, dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = Head(width, parts)

    def train(self, mode: bool = True) -> "PublishedFusion":  # noqa: FBT001, FBT002 - torch's
        """Switch to training; frozen encoders stay as they predict."""
        super().train(mode)
        for encoder in (self.frontal, self.lateral):
            encoder.train(mode and not self.frozen)
        return self

    def forward(self, images: Tensor, batch: SlotBatch) -> Tensor:
        """Logits (B, Q) of images (B, 4, 1, H, W) in [0, 1] and texts."""
        size = len(images)
        maps, present = self._maps(images, batch.views)  # (B * 4, C, h, w), (B, 4)
        rows, columns = maps.shape[2:]
        tokens = maps.unflatten(0, (size, SLOTS)).flatten(3).transpose(2, 3)  # (B, 4, hw, C)
        groups = [(tokens + self.segments[:SLOTS, None]).flatten(1, 2)]
        for segment, (ids, mask) in enumerate((batch.indication, batch.vitals), start=SLOTS):
            states = self.text(input_ids=ids, attention_mask=mask).last_hidden_state
            marked = self.projection(states[:, 0]) + self.segments[segment]
            groups.append(marked[:, None].expand(-1, rows * columns, -1))
        absent = torch.cat([~present, present.new_zeros(size, TEXTS)], dim=1)
        ignore = absent.repeat_interleave(rows * columns, dim=1)
        fused = self.encoder(torch.cat(groups, dim=1), src_key_padding_mask=ignore)
        return self.head(fused)

    def _maps(self, images: Tensor, slots_of: Tensor) -> tuple[Tensor, Tensor]:
        """Reduced and placed maps of all slots, the empty ones learnt; which are not empty."""
        flat, views = images.flatten(0, 1), slots_of.flatten()
        present = flat.flatten(1).sum(1) != 0
        with torch.set_grad_enabled(not self.frozen):
            encoded = [
                (view, encoder(flat[view]))
                for view, encoder in (
                    (present & (views == FRONTAL), self.frontal),
                    (present & (views == LATERAL), self.lateral),
                )
                if bool(view.any())
            ]
        one = encoded[0][1]
        maps = one.new_zeros(len(flat), *one.shape[1:])
        for view, part in encoded:
            maps = maps.index_put((view.nonzero()[:, 0],), part)
        reduced = self.placed(self.reduce(maps[present]))
        blank = self.padding.to(reduced.dtype)[:, None, None].expand(reduced.shape[1:])
        slots = blank.expand(len(flat), *blank.shape)
        return slots.index_put((present.nonzero()[:, 0],), reduced), present.unflatten(
            0, images.shape[:2]
        )


def asymmetric_loss(logits: Tensor, targets: Tensor, share: Tensor) -> Tensor:
    """The weighted asymmetric loss, in single precision (docs/method.md, section 8)."""
    s = logits.float().sigmoid()
    lowered = (1 - s + 0.05).clamp(max=1)
    s, lowered = s.clamp(1e-8, 1 - 1e-8), lowered.clamp(1e-8, 1 - 1e-8)
    weight = targets * (1 - share).exp() + (1 - targets) * share.exp()
    likelihood = targets * s.log() + (1 - targets) * lowered.log()
    base = 1 - (targets * s + (1 - targets) * lowered)
    return -(weight * likelihood * base ** (targets + 4 * (1 - targets))).mean()


class PublishedStep:
    """One training step after another.

    Args:
        network: The network, on its device.
        augment: Maps images (M, 1, H, W) in [0, 1] to such; the same for both layouts.
        learning_rate: Of AdamW.
        clip: Largest norm of the gradient; None: any.
        ema_decay: Of the moving average.
    """

    def __init__(
        self,
        network: PublishedClassifier | PublishedFusion,
        augment: nn.Module,
        learning_rate: float,
        clip: float | None,
        ema_decay: float = 0.9999,
    ) -> None:
        self.network, self.augment = network.train(), augment
        self.clip, self.decay = clip or math.inf, ema_decay
        self.trained = [p for p in network.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.trained, lr=learning_rate)
        self.average = copy.deepcopy(network).requires_grad_(requires_grad=False)
        self.device = next(network.parameters()).device
        self.half = self.device.type == "cuda"
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.half)

    def __call__(self, batch: Any, share: Tensor) -> None:  # noqa: ANN401 - images or studies
        """Augment, predict, learn, average.

        Args:
            batch: A ``SlotBatch``, or images (M, 1, H, W) and their targets.
            share: Of positives by class.
        """
        images, *rest, targets = self._augmented(batch)
        with torch.autocast(self.device.type, torch.float16, enabled=self.half):
            logits = self.network(images, *rest)
        loss = asymmetric_loss(logits, targets, share)
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        if math.isfinite(self.clip):
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.trained, self.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        with torch.no_grad():
            for mean, new in zip(self.average.parameters(), self.network.parameters(), strict=True):
                mean.mul_(self.decay).add_(new, alpha=1 - self.decay)

    def _augmented(self, batch: Any) -> tuple[Any, ...]:  # noqa: ANN401 - images or studies
        """Images in [0, 1], what else the network reads, and targets; empty slots stay black."""
        if not isinstance(batch, SlotBatch):
            images, targets = batch
            return self.augment(images.float() / 255), targets
        flat, filled = batch.images.flatten(0, 1), batch.views.flatten() != 0
        images = torch.zeros(flat.shape, device=flat.device)
        images[filled] = self.augment(flat[filled].float() / 255)
        return images.unflatten(0, batch.views.shape), batch, batch.targets
