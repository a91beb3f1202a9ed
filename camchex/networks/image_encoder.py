"""Image encoder: a backbone from a grey image to a feature map, of timm or of transformers."""

import logging
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import timm
import torch
from pydantic import JsonValue
from timm.data import resolve_model_data_config
from timm.models import parse_model_name
from timm.models._hub import load_model_config_from_hf, load_model_config_from_path
from torch import Tensor, nn

from camchex.errors import ModelError, counted
from camchex.networks.hub import published_folder
from camchex.networks.params import EncoderParams
from camchex.networks.transformers_backbone import (
    TransformersBackbone,
    is_transformers,
    transformers_args,
)
from camchex.networks.transformers_models import refusing
from camchex.networks.weights import best_fit, read_published, require_same, say

NO_WEIGHTS = "none"
HUB = "hub"
MAP_AXES = 4
CHANNELS = 3  # of every backbone of timm here
NORMALISATION = ("mean", "std")  # of grey values from 0 to 1; keys of backbone_args
LOCAL, ON_THE_HUB = "local-dir", "hf-hub"  # what timm calls its sources
BUILDER = logging.getLogger("timm.models._builder")
SURPLUS = re.compile(r"Unexpected keys \((.*)\) found")
ALIKE = 1e-6  # two maps are one within this share of their largest value
HEADS = ("head.", "classifier.", "fc.")  # of timm's backbones; nothing here reads them


class ImageEncoder(nn.Module):
    """Backbone without its head, behind the normalisation of grey values it was trained with.

    A grey image becomes as many equal channels as the backbone has means, which are three.

    timm keeps the last LayerNorm of a ConvNeXt in the head, so its maps are not normalised. The
    weights are random: ``params.pretrained`` is not read here. ``image_size`` is in pixels.

    Raises:
        ModelError: If timm, or transformers, does not know the backbone, refuses its arguments, or
            builds it for images of another size.

    Source: paper section 3.1; docs/method.md, section 7.
    """

    backbone: Any  # timm is untyped
    mean: Tensor
    std: Tensor

    def __init__(self, params: EncoderParams, image_size: int) -> None:
        super().__init__()
        self.params, self.image_size = params, image_size
        if is_transformers(params.backbone):
            args = params.backbone_args
            self.backbone = TransformersBackbone(params.backbone, args, image_size)
        elif ":" in params.backbone:
            raise ModelError(
                f"encoder.backbone: {params.backbone}: a trained model names its network itself; "
                "take the folder as its training wrote it"
            )
        else:
            self.backbone = _create(params)
            _require_size(self.backbone, params, image_size)
        self.channels: int = self.backbone.num_features
        for name, values in self._normalisation().items():
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def _normalisation(self) -> dict[str, Any]:
        """Return mean and standard deviation by channel, (3,) each: the model's own, or given."""
        args: dict[str, Any] = self.params.backbone_args
        given = {name: args[name] for name in NORMALISATION if name in args}
        if len(given) < len(NORMALISATION):
            published = resolve_model_data_config(self.backbone)
            given = {name: published[name] for name in NORMALISATION} | given
        channels = getattr(self.backbone, "in_channels", CHANNELS)
        for name, values in given.items():
            if len(values) != channels:
                raise ModelError(
                    f"encoder.backbone_args: {name}: "
                    f"{counted(len(values), 'number')}, where "
                    f"{self.params.backbone} reads {channels} channels"
                )
        return given

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
        # The shape, as len(features) would be a fixed number in an exported graph.
        return patches.transpose(1, 2).reshape(features.shape[0], -1, rows, columns)

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

    def load_pretrained(self, published: EncoderParams) -> None:
        """Load the weights that ``published.pretrained`` names into the backbone.

        ``none`` loads nothing, ``hub`` what was published with ``published.backbone``; else a
        folder with ``model.safetensors``.

        Raises:
            ModelError: If the weights cannot be had, or are not those of this backbone.
        """
        source, key = published.pretrained, "encoder.pretrained"
        if source == NO_WEIGHTS:
            return
        name = published.backbone
        if is_transformers(name) or ":" in name:
            name = name.partition(":")[2] or name
        else:
            name = str(self.backbone.pretrained_cfg.get("hf_hub_id") or "")
        if source == HUB and not name:
            raise ModelError(
                f"{key}: hub: timm publishes no weights of {published.backbone} on the Hugging "
                f"Face Hub. Write {NO_WEIGHTS}, or a folder that has some"
            )
        folder = published_folder(name if source == HUB else source, key, name)
        if isinstance(self.backbone, TransformersBackbone):
            self.adopt(self.backbone.published(folder), str(folder))
        else:
            self.adopt(read_published(folder), str(folder))
        self._require_seeing(str(folder))

    @torch.no_grad()
    def _require_seeing(self, source: str) -> None:
        """Raise a ModelError unless two images give two maps of numbers: weights may be empty."""
        mode = self.training
        self.eval()
        ramp = torch.linspace(0, 1, self.image_size).expand(1, 1, self.image_size, -1)
        first, second = (self(image) for image in (ramp, ramp.mT * ramp))
        self.train(mode)
        apart = float((first - second).abs().max())
        if not apart > ALIKE * float(first.abs().max()):
            raise ModelError(
                f"{source}: with these weights {self.params.backbone} sees no difference between "
                "two images, or gives no numbers. Take another copy of the file"
            )

    def adopt(self, weights: Mapping[str, Tensor], source: str) -> None:
        """Load weights of this backbone that were trained on images of any size.

        Position embeddings and the like are resampled; a prefix such as ``module.`` is dropped, and
        said. Messages name the ``source``.

        Raises:
            ModelError: If weights are missing or too much; those of the head may be.
        """
        if isinstance(self.backbone, TransformersBackbone):
            self.backbone.adopt(weights, source)
            return
        own = self.backbone.state_dict()
        if "norm.weight" in own and "fc_norm.weight" in weights and "norm.weight" not in weights:
            weights = {
                f"norm.{n.removeprefix('fc_norm.')}" if n.startswith("fc_norm.") else n: t
                for n, t in weights.items()
            }
            say(f"{source}: fc_norm, trained behind the mean over patches, norms every patch here")

        def load(named: Mapping[str, Tensor]) -> tuple[_Adapted, list[str]]:
            found = _adapted(self.params, named)
            return found, found.missing

        loaded, missing, surplus = best_fit(weights, own, load, source)
        require_same(missing, surplus, own, source, self.params.backbone)
        self.backbone.load_state_dict(loaded)


def resolved(params: EncoderParams) -> EncoderParams:
    """Write all that is needed to build a backbone again into its section ``encoder``.

    For a plain timm name, that is the section itself. A model of transformers, and one of timm's
    ``local-dir:`` and ``hf-hub:``, is described in a file of its own, which is read here.

    Raises:
        ModelError: If the model cannot be had, or its files cannot be read.
    """
    name, given = params.backbone, params.backbone_args
    if is_transformers(name):
        return params.model_copy(update={"backbone_args": transformers_args(name, given)})
    if ":" not in name:
        return params
    with refusing(f"encoder.backbone: {name}"):
        source, place = parse_model_name(name)
        read = load_model_config_from_path if source == LOCAL else load_model_config_from_hf
        if source == ON_THE_HUB:
            published_folder(place, "encoder.backbone")  # within seconds, or an error
        published, architecture, own = read(place)
    kept: dict[str, JsonValue] = {k: list(published[k]) for k in NORMALISATION if k in published}
    args = {**(own or {}), **kept, **given}
    return params.model_copy(update={"backbone": architecture, "backbone_args": args})


def _require_size(backbone: Any, params: EncoderParams, image_size: int) -> None:  # noqa: ANN401
    """Refuse images of another size than timm builds the backbone for."""
    if (
        backbone.pretrained_cfg["fixed_input_size"]
        and params.backbone_args.get("img_size") != image_size
        and not params.backbone_args.get("dynamic_img_size")
    ):
        raise ModelError(
            f"encoder.backbone: {params.backbone} is built for one image size; "
            f"set encoder.backbone_args.img_size to images.size, {image_size}, or "
            "dynamic_img_size to true where the backbone has it"
        )


def _create(params: EncoderParams, weights: Mapping[str, Tensor] | None = None) -> nn.Module:
    """Build the backbone, with random weights or with given ones, which timm adapts."""
    args = {k: v for k, v in params.backbone_args.items() if k not in NORMALISATION}
    overlay = None if weights is None else {"state_dict": dict(weights), "num_classes": -1}
    with refusing(f"encoder: {params.backbone} with {args}"):
        backbone: nn.Module = timm.create_model(
            params.backbone,
            pretrained=weights is not None,
            pretrained_cfg_overlay=overlay,
            num_classes=0,
            global_pool="",
            **args,
        )
    if isinstance(getattr(backbone, "head", None), nn.Module):
        backbone.head = nn.Identity()  # its norm would count as trained, but is never used
    return backbone


class _Adapted(NamedTuple):
    """Weights as timm read them, and the names that it missed or left over."""

    loaded: dict[str, Tensor]
    missing: list[str]
    surplus: list[str]


def _adapted(params: EncoderParams, weights: Mapping[str, Tensor]) -> _Adapted:
    """Let timm rename and resize weights, and find which are missing and which too much.

    timm leaves what is missing at random or at a constant, unsaid. So the same names are read again
    with NaN for every number: what is then not NaN was not read.
    """
    nothing = {
        name: torch.full_like(tensor, torch.nan) if tensor.is_floating_point() else tensor
        for name, tensor in weights.items()
    }
    log = _Surplus()
    BUILDER.addHandler(log)
    propagate, BUILDER.propagate = BUILDER.propagate, False
    try:
        loaded, again = (_create(params, read).state_dict() for read in (weights, nothing))
    finally:
        BUILDER.removeHandler(log)
        BUILDER.propagate = propagate
    missing = [
        name
        for name, tensor in again.items()
        if tensor.is_floating_point() and not bool(tensor.isnan().all())
    ]
    surplus = {name for name in log.names if not name.startswith(HEADS)}
    return _Adapted(loaded, missing, sorted(surplus))


class _Surplus(logging.Handler):
    """Collects the names that timm found too much; only its log has them."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.names: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Read the names off a message of timm's."""
        if found := SURPLUS.match(record.getMessage()):
            self.names += found[1].split(", ")
