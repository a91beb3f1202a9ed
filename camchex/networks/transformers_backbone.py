"""Vision models of the transformers library as backbones: DINOv2, ViT, ConvNeXt V2 and kin."""

import json
from collections.abc import Mapping
from functools import lru_cache
from math import isqrt
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from pydantic import JsonValue
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoImageProcessor, pytorch_utils

from camchex.errors import ModelError
from camchex.networks.hub import described_folder
from camchex.networks.transformers_models import (
    build,
    described,
    read_config,
    read_model,
    recompute_activations,
    refusing,
)
from camchex.networks.weights import require_same, without_memory

PREFIX = "hf:"
KEY = "encoder.backbone"
PROCESSOR = "preprocessor_config.json"
RANDOM_PATCHES = ("vit_mae",)  # read a random quarter of the patches, in random order
ANTIALIASED = ("dinov2_with_registers",)  # resize their position embeddings with such a filter
GREY_LEVELS = 255
KEPT = "generate_relative_position_index"


def is_transformers(backbone: str) -> bool:
    """Tell whether ``encoder.backbone`` names a model of transformers: ``hf:`` or a folder."""
    return backbone.startswith(PREFIX) or ("/" in backbone and ":" not in backbone)


def transformers_args(backbone: str, changes: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Read how a published model is built and what it is shown: arguments without its folder.

    Args:
        backbone: ``hf:`` and a name on the Hub or a folder, or a folder alone.
        changes: Keys of its ``config.json`` with values of one's own.

    Returns:
        The configuration, with ``mean`` and ``std`` of the grey values, from 0 to 1, that the
        model was trained with.

    Raises:
        ModelError: If the model cannot be had, or does not know one of the keys.
    """
    folder = described_folder(backbone.removeprefix(PREFIX), KEY)
    known = described(read_config(folder, KEY))
    if "vision_config" in known:
        raise ModelError(
            f"{KEY}: {backbone}: a {known.get('model_type')} reads images and texts. Save its "
            "vision part as a folder of its own, and name that folder: docs/backbone.md says how"
        )
    if strange := [key for key in changes if key not in {*known, "mean", "std"}]:
        raise ModelError(
            f"encoder.backbone_args: {strange[0]}: config.json of {backbone} has no such key"
        )
    return {**known, **_normalisation(folder, int(known.get("num_channels", 3))), **changes}


def _normalisation(folder: Path, channels: int) -> dict[str, JsonValue]:
    """Read mean and deviation, for values from 0 to 1, from ``preprocessor_config.json``."""
    path = folder / PROCESSOR
    if not path.is_file():
        raise ModelError(
            f"{KEY}: {path}: no such file, so the grey values that the model was trained with are "
            f"not known. Copy it from the model's page, or write mean and std, {channels} numbers "
            "each, into it as image_mean and image_std"
        )
    with refusing(f"{KEY}: {path}: transformers cannot read it"):
        found: Any = AutoImageProcessor.from_pretrained(folder, trust_remote_code=False)  # type: ignore[no-untyped-call]
    factor = GREY_LEVELS * float(found.rescale_factor) if found.do_rescale else float(GREY_LEVELS)
    normal = bool(found.do_normalize)
    mean = [value / factor for value in found.image_mean] if normal else [0.0] * channels
    std = [value / factor for value in found.image_std] if normal else [1 / factor] * channels
    return {"mean": mean, "std": std}


@lru_cache
def _probe(
    name: str, described: str, channels: int, image_size: int
) -> tuple[torch.Size, frozenset[str]]:
    """Find the shape of the result, and the weights without effect on it; computes nothing.

    A network is built twice when it is loaded, and probed once.

    Args:
        name: What the backbone is called, for messages.
        described: Its configuration as JSON.
        channels: Channels of the images.
        image_size: Their height and width, pixels.
    """
    what = f"{KEY}: {name}: transformers cannot build it"
    with without_memory():
        model = build(json.loads(described), what).eval()
    what = f"{KEY}: {name}: reads no images of {image_size} px (images.size) as a backbone"
    # BEiT keeps a table of positions for all models of a size: one of here has no values.
    uncached = patch.object(pytorch_utils, "is_torchdynamo_compiling", lambda: True)
    with refusing(what), uncached, torch.inference_mode(mode=False), torch.enable_grad():
        with torch.device("meta"):
            images = torch.zeros(1, channels, image_size, image_size)
            states = model(pixel_values=images).last_hidden_state
        states.sum().backward()
    unused = frozenset(name for name, one in model.named_parameters() if one.grad is None)
    return states.shape, unused


class TransformersBackbone(nn.Module):
    """Vision model from normalised images (B, C, H, W) to a map (B, num_features, h, w).

    Tokens before those of the patches (class, registers) are left out. Layers that nothing reads,
    such as a pooler, are replaced by the identity; other unused weights, such as a mask token, are
    not trained.

    Args:
        name: ``encoder.backbone``, for messages.
        args: Result of :func:`transformers_args`.
        image_size: Height and width of the images, pixels.

    Raises:
        ModelError: If transformers cannot build the model, or it gives no map of such images.
    """

    def __init__(self, name: str, args: Mapping[str, JsonValue], image_size: int) -> None:
        super().__init__()
        if "model_type" not in args:
            raise ModelError(
                f"{KEY}: {name}: encoder.backbone_args lack model_type: take the folder as its "
                "training wrote it"
            )
        config: dict[str, Any] = {k: v for k, v in args.items() if k not in {"mean", "std"}}
        self.trained_size = config.get("image_size")
        if isinstance(self.trained_size, int | list):
            config["image_size"] = image_size
        if config["model_type"] in RANDOM_PATCHES:
            raise ModelError(f"{KEY}: {name}: a {config['model_type']} reads patches at random")
        patch = config.get("patch_size")
        patch = patch[0] if isinstance(patch, list) and len({*patch}) == 1 else patch
        self.patch = patch if isinstance(patch, int) else 1
        self.registers = int(config.get("num_register_tokens") or 0)
        if image_size % self.patch:
            fits = image_size // self.patch * self.patch
            raise ModelError(
                f"images.size: {KEY}: {name} reads patches of {self.patch} px, which do not fill "
                f"{image_size} px: write {fits or self.patch} or {fits + self.patch}"
            )
        self.antialias = config["model_type"] in ANTIALIASED
        self.name, self.in_channels = name, int(config.get("num_channels") or 3)
        what = f"{KEY}: {name}: transformers cannot build it"
        shape, self.unused = _probe(name, json.dumps(config), self.in_channels, image_size)
        self.model = build(config, what)
        for child, module in self.model.named_children():
            inside = [f"{child}.{part}" for part, _ in module.named_parameters()]
            if inside and self.unused.issuperset(inside):
                setattr(self.model, child, nn.Identity())
        for parameter, tensor in self.model.named_parameters():
            tensor.requires_grad_(parameter not in self.unused)
        self.num_features, self.prefix, self.side = self._layout(shape, image_size)
        self._keep_positions(image_size // self.patch)

    @torch.inference_mode(mode=False)
    def _keep_positions(self, side: int) -> None:
        """Make the table of positions that BEiT keeps for all models of a size.

        One made in a prediction, without gradients, would let no gradient pass later on.
        """
        for module in self.model.modules():
            if hasattr(module, KEPT) and not module.relative_position_bias_table.is_meta:
                getattr(module, KEPT)((side, side))

    def _layout(self, shape: torch.Size, image_size: int) -> tuple[int, int, int | None]:
        """Return channels, the number of tokens before the patches, and patches per side."""
        if len(shape) == 4:  # noqa: PLR2004 - (1, C, h, w)
            return shape[1], 0, None
        _, tokens, channels = shape
        side = image_size // self.patch
        if side**2 > tokens:  # patches were merged, as in Swin
            side = isqrt(tokens)
        prefix = tokens - side**2
        most = 2 + self.registers  # a class token, one of distillation
        if len(shape) != 3 or prefix > most:  # noqa: PLR2004 - (1, tokens, C)
            raise ModelError(f"{KEY}: {self.name}: gives no map but {tuple(shape[1:])}")
        return channels, prefix, side

    def forward_features(self, images: Tensor) -> Tensor:
        """Encode normalised images (B, C, H, W) to maps (B, num_features, h, w)."""
        states: Tensor = self.model(pixel_values=images).last_hidden_state
        if self.side is None:
            return states
        patches = states[:, self.prefix :].transpose(1, 2)  # (B, C, h * w)
        return patches.reshape(*patches.shape[:2], self.side, self.side)

    def set_grad_checkpointing(self, enable: bool = True) -> None:  # noqa: FBT001, FBT002 - timm's
        """Switch whether activations are computed again for the gradient."""
        recompute_activations(self.model, on=enable)

    def published(self, folder: Path) -> dict[str, Tensor]:
        """Read the weights of a published folder, at the image size of its own configuration."""
        found = read_model(folder, read_config(folder, KEY), self.unused.__contains__, KEY)
        return {f"model.{name}": tensor for name, tensor in found.items()}

    def adopt(self, weights: Mapping[str, Tensor], source: str) -> None:
        """Load weights by the names of this module, with position embeddings resized.

        Raises:
            ModelError: If weights are missing, too much or of another shape.
        """
        own = self.state_dict()
        unused = {f"model.{name}" for name in self.unused}
        given = {name: t for name, t in weights.items() if name in own or name not in unused}
        missing = own.keys() - given.keys() - unused
        require_same(missing, given.keys() - own.keys(), own, source, self.name)
        fitted = {name: self._fitted(name, t, own[name], source) for name, t in given.items()}
        self.load_state_dict(own | fitted)

    def _fitted(self, name: str, tensor: Tensor, own: Tensor, source: str) -> Tensor:
        """Resize a table of positions, (..., tokens, C), to the patches of these images.

        Bicubic, as the models of transformers do in their interpolation.
        """
        if tensor.shape == own.shape:
            return tensor
        before = own.shape[-2] - (self.side or 0) ** 2 if own.ndim > 1 else -1
        old = isqrt(max(tensor.shape[-2] - before, 0)) if tensor.ndim == own.ndim > 1 else 0
        whole = before >= 0 and old and old**2 == tensor.shape[-2] - before
        if "position" not in name or not whole or tensor.shape[-1] != own.shape[-1]:
            advice = f". Write images.size: {self.trained_size}" if self.trained_size else ""
            raise ModelError(
                f"{source}: {name} is of shape {tuple(tensor.shape)}, where {self.name} with these "
                f"images has {tuple(own.shape)}{advice}"
            )
        first, patches = tensor.flatten(0, -2).tensor_split([before])
        grid = patches.T.reshape(1, -1, old, old)
        assert self.side is not None
        size = (self.side, self.side)
        resized = functional.interpolate(
            grid, size, mode="bicubic", align_corners=False, antialias=self.antialias
        )
        return torch.cat([first, resized.flatten(2)[0].T]).reshape(own.shape)
