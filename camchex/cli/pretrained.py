"""Published models that a configuration names: can they be had, and are they safetensors."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from camchex.contract.files import whole_file
from camchex.errors import CamchexError, ModelError
from camchex.fusion.params import TINY, TextParams
from camchex.fusion.text_encoder import TextEncoder, text_config
from camchex.fusion.tokenizer import build_tokenizer
from camchex.networks.hub import PICKLES, WEIGHTS, require_published
from camchex.networks.image_classifier import build_image_classifier
from camchex.networks.image_encoder import HUB
from camchex.networks.params import EncoderParams
from camchex.networks.transformers_models import refusing
from camchex.networks.weights import require_finite, some

WRAPPED = ("state_dict", "model")  # keys below which a training keeps its weights


def check_pretrained(
    encoder: EncoderParams, text: TextParams, image_size: int, heads: int | None = None
) -> dict[str, str | None]:
    """Tell whether image encoder and text encoder can be had, within seconds.

    A model in a folder is built and probed as its training will do it; of one on the Hub, only that
    it is there with safetensors. The fusion has as many channels as an image encoder that is built,
    and ``heads``, where given, has to divide their number.

    Returns:
        What is wrong with each of the two, by parameter; None if nothing is.
    """
    return {
        "encoder": _problem(lambda: _check_encoder(encoder, image_size, heads)),
        "text.model": _problem(lambda: _check_text(text)),
    }


def _problem(check: Callable[[], None]) -> str | None:
    try:
        check()
    except CamchexError as error:
        return str(error)
    return None


def _check_encoder(encoder: EncoderParams, image_size: int, heads: int | None) -> None:
    _, _, place = encoder.backbone.rpartition(":")
    if ("/" in place or ":" in encoder.backbone) and not Path(place).is_dir():
        require_published(place, "encoder.backbone")  # a copy of it would take minutes
        return
    if encoder.pretrained == HUB and "/" not in place:
        with refusing(f"encoder.backbone: {encoder.backbone}"):
            published: Any = timm.get_pretrained_cfg(encoder.backbone, allow_unregistered=False)
        require_published(str(published.hf_hub_id), "encoder.pretrained: hub")
        return
    channels = build_image_classifier(encoder, ["any"], image_size).encoder.channels
    if heads and channels % heads:
        raise ModelError(f"fusion.heads: {heads} do not divide its {channels} channels")


def _check_text(text: TextParams) -> None:
    if not Path(text.model).is_dir() or text.model == TINY:
        require_published(text.model, "text.model")
        return
    tokenizer = build_tokenizer(text, [])
    model = TextEncoder(text_config(text, tokenizer), None)
    model.load_pretrained(text.model, tokenizer)
    model.require_reading(tokenizer, text.longest)


def convert_pickle(folder: Path) -> Path:
    """Write ``model.safetensors`` beside ``pytorch_model.bin``, of which no code is run.

    Args:
        folder: Folder of a published model, with a pickle of its weights, whole or in parts.

    Returns:
        The file written.

    Raises:
        ModelError: If there is no such pickle, it holds more than tensors, or a weight is not a
            number; nothing is written then. Or if there are safetensors already.
    """
    out = folder / WEIGHTS
    if out.exists():
        raise ModelError(f"{out}: is there already. Remove it to convert the pickle again")
    weights: dict[str, Tensor] = {}
    for path in _pickles(folder):
        weights |= _tensors(path)
    if not weights:
        raise ModelError(f"{folder}: its pickle holds no weights")
    require_finite(weights, str(folder))
    # Copies: in a pickle, weights may share memory.
    apart = {name: tensor.detach().contiguous().clone() for name, tensor in weights.items()}
    with whole_file(out) as file:
        save_file(apart, file.name, metadata={"format": "pt"})
    return out


def _pickles(folder: Path) -> list[Path]:
    """List the files of a pickle: one, or those that its index names."""
    whole, index = (folder / name for name in PICKLES)
    if whole.is_file():
        return [whole]
    if not index.is_file():
        raise ModelError(f"{folder}: no {PICKLES[0]} or {PICKLES[1]} in it. Name its folder")
    with refusing(f"{index}: not an index of parts"):
        names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    if strange := [name for name in names if Path(str(name)).name != name]:
        raise ModelError(f"{index}: names a file outside its folder: {strange[0]}")
    return [folder / name for name in names]


def _tensors(path: Path) -> Mapping[str, Tensor]:
    """Read a pickle of tensors by name; any other object in it is refused before it is made."""
    with refusing(f"{path}: not a whole pickle of tensors alone, so nothing of it was read"):
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
        for key in WRAPPED:
            inner = found.get(key)
            found = inner if isinstance(inner, Mapping) else found
        other = [name for name, value in found.items() if not isinstance(value, Tensor)]
    if other:
        raise ModelError(f"{path}: more than tensors: {some([*map(str, other)])}")
    weights: Mapping[str, Tensor] = found
    return weights
