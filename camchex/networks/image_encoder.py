"""Image encoder: a timm backbone from a grey image to a feature map without a last norm."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HFValidationError
from timm.data import resolve_model_data_config
from torch import Tensor, nn

from camchex.errors import ModelError
from camchex.networks.folder import WEIGHTS, read_weights
from camchex.networks.params import EncoderParams

NO_WEIGHTS = "none"
HUB = "hub"
MAP_AXES = 4


class ImageEncoder(nn.Module):
    """Backbone without its head, behind the normalisation of grey values it was trained with.

    timm keeps the last LayerNorm of a ConvNeXt in the head, so its maps are not normalised. The
    weights are random: ``params.pretrained`` is not read here. ``image_size`` is in pixels.

    Raises:
        ModelError: If timm does not know the backbone, refuses its arguments, or builds it for
            images of another size.

    Source: paper section 3.1; docs/method.md, section 7.
    """

    backbone: Any  # timm is untyped
    mean: Tensor
    std: Tensor

    def __init__(self, params: EncoderParams, image_size: int) -> None:
        super().__init__()
        self.params = params
        self.backbone = _create(params)
        if (
            self.backbone.pretrained_cfg["fixed_input_size"]
            and params.backbone_args.get("img_size") != image_size
            and not params.backbone_args.get("dynamic_img_size")
        ):
            raise ModelError(
                f"encoder.backbone: {params.backbone} is built for one image size; "
                f"set encoder.backbone_args.img_size to images.size, {image_size}, or "
                "dynamic_img_size to true where the backbone has it"
            )
        self.channels: int = self.backbone.num_features
        published = resolve_model_data_config(self.backbone)
        for name in ("mean", "std"):
            value = torch.tensor(published[name])[:, None, None]  # (3, 1, 1)
            self.register_buffer(name, value, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Encode grey images (B, 1, H, W) in [0, 1] to feature maps (B, C, h, w)."""
        normalised = (images - self.mean) / self.std  # (B, 3, H, W)
        features: Tensor = self.backbone.forward_features(
            normalised.contiguous(memory_format=torch.channels_last)
        )
        if features.ndim == MAP_AXES:
            channels_last = getattr(self.backbone, "output_fmt", "NCHW") == "NHWC"
            return features.permute(0, 3, 1, 2) if channels_last else features
        patches = features[:, getattr(self.backbone, "num_prefix_tokens", 0) :]  # (B, N, C)
        embed = self.backbone.patch_embed
        dynamic = self.params.backbone_args.get("dynamic_img_size")
        rows, columns = embed.dynamic_feat_size(images.shape[2:]) if dynamic else embed.grid_size
        return patches.transpose(1, 2).reshape(len(features), -1, rows, columns)

    def recompute_activations(self, *, on: bool) -> None:
        """Switch gradient checkpointing: activations are computed again for the gradient.

        Raises:
            ModelError: If the backbone keeps running statistics, which would count a batch twice.
        """
        if on and any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in self.modules()):
            raise ModelError(
                f"runtime.checkpoint_gradients: {self.params.backbone} normalises by running "
                "statistics, which would count every batch twice; write false"
            )
        self.backbone.set_grad_checkpointing(on)

    def load_pretrained(self, source: str) -> None:
        """Load published weights into the backbone.

        Args:
            source: ``none`` (nothing is loaded), ``hub``, or a folder with ``model.safetensors``.

        Raises:
            ModelError: If the weights cannot be had, or are not those of this backbone.
        """
        if source == NO_WEIGHTS:
            return
        name = self.backbone.pretrained_cfg.get("hf_hub_id") or ""
        path = Path(source) / WEIGHTS
        try:
            path = Path(hf_hub_download(str(name), WEIGHTS)) if source == HUB else path
        except (OSError, HFValidationError) as error:  # most errors of the Hub are OSErrors
            raise ModelError(
                f"encoder.pretrained: hub: {name} is not to be had from the Hugging Face Hub. "
                f"Without network: put its {WEIGHTS} into a folder, and name the folder there. "
                f"({error})"
            ) from error
        if not path.is_file():
            raise ModelError(
                f"encoder.pretrained: {path}: no such file. Download it from "
                f"https://huggingface.co/{name or 'timm'}, or write hub "
                "(fetch it) or none (start from random weights)."
            )
        self.adopt(read_weights(path), str(path))

    def adopt(self, weights: Mapping[str, Tensor], source: str) -> None:
        """Load weights (by timm's names) of this backbone that were trained on images of any size.

        Position embeddings and the like are resampled. Messages name the ``source``.

        Raises:
            ModelError: If weights are missing.
        """
        # timm renames and resizes the weights, and silently leaves missing ones random: a weight
        # that differs between two models loaded alike was missing.
        loaded, again = (_create(self.params, weights).state_dict() for _ in range(2))
        random = [name for name, tensor in loaded.items() if not torch.equal(tensor, again[name])]
        if random:
            raise ModelError(
                f"{source}: not timm's weights of {self.params.backbone}: "
                f"{len(random)} are missing, {random[0]} among them"
            )
        self.backbone.load_state_dict(loaded)


def _create(params: EncoderParams, weights: Mapping[str, Tensor] | None = None) -> nn.Module:
    """Build the backbone, with random weights or with given ones, which timm adapts."""
    try:
        backbone: nn.Module = timm.create_model(
            params.backbone,
            pretrained=weights is not None,
            pretrained_cfg_overlay=None if weights is None else {"state_dict": dict(weights)},
            num_classes=0,
            global_pool="",
            **params.backbone_args,
        )
    except (RuntimeError, TypeError) as error:
        given = f"{params.backbone} with {params.backbone_args}"
        raise ModelError(f"encoder: {given}: {error}") from error
    if isinstance(getattr(backbone, "head", None), nn.Module):
        backbone.head = nn.Identity()  # its norm would count as trained, but is never used
    return backbone
