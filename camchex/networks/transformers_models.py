"""Models of the transformers library: read from a folder without its code, built from a config.

The library fills what a file lacks with random weights and says so in its log only; here a weight
that is missing, too much or of another shape is an error.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel, PretrainedConfig
from transformers.utils import logging as library_logging

from camchex.errors import ModelError
from camchex.networks.weights import best_fit, read_published, require_same, some, without_memory

CONFIG = "config.json"
MOST_LETTERS = 400  # of what the library says
NOT_KEPT = (
    *("_name_or_path", "transformers_version", "dtype", "torch_dtype"),
    *("architectures", "auto_map", "id2label", "label2id"),
)
"""Keys of a configuration that describe a machine, a file, code or a head."""


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Turn any error of the library, of which every model raises its own kinds, into a ModelError.

    Args:
        what: What was attempted, with the parameter that names the model.
    """
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:MOST_LETTERS]
        raise ModelError(f"{what}: {type(error).__name__}: {reason}") from error


def read_config(folder: Path, key: str) -> PretrainedConfig:
    """Read ``config.json`` of a published model, without any code beside it.

    Raises:
        ModelError: If there is none, or the library does not know the model by itself.
    """
    if not (folder / CONFIG).is_file():
        raise ModelError(f"{key}: {folder / CONFIG}: no such file. Copy it from the model's page")
    advice = "the transformers library cannot read it (code beside a model is never run)"
    with refusing(f"{key}: {folder / CONFIG}: {advice}"):
        config: PretrainedConfig = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    return config


def described(config: PretrainedConfig) -> dict[str, Any]:
    """Return a configuration as plain values, from which :func:`build` makes the same model."""
    values: dict[str, Any] = json.loads(config.to_json_string(use_diff=False))
    return {name: value for name, value in values.items() if name not in NOT_KEPT}


def build(config: PretrainedConfig | dict[str, Any], what: str) -> Any:  # noqa: ANN401 - untyped
    """Build a model with random weights from its configuration.

    Raises:
        ModelError: If the library cannot; the message starts with ``what``.
    """
    with refusing(what):
        known = AutoConfig.for_model(**config) if isinstance(config, dict) else config
        return AutoModel.from_config(known, trust_remote_code=False)  # type: ignore[no-untyped-call]


def read_model(
    folder: Path, config: PretrainedConfig, spare: Callable[[str], bool], key: str
) -> dict[str, Tensor]:
    """Read the weights of a published model, by the names that the library gives them today.

    Args:
        folder: Folder with ``model.safetensors``, whole or in parts.
        config: Its configuration.
        spare: Whether a weight may be missing, because nothing uses it.
        key: Parameter that names the model, for messages.

    Returns:
        Weights in single precision.

    Raises:
        ModelError: If a weight is missing, too much (but for a head, which is named), of another
            shape, or no number.
    """
    with without_memory():
        model = build(config, f"{key}: {folder}: transformers cannot build it")
    base, own, source = model.base_model_prefix, set(model.state_dict()), f"{key}: {folder}"
    named = own | {f"{base}.{name}" for name in own}

    def load(weights: Mapping[str, Tensor]) -> tuple[tuple[Any, Any], list[str]]:
        loaded, found = _loaded(type(model), config, weights)
        integers = {name for name, tensor in weights.items() if not tensor.is_floating_point()}
        found["unexpected_keys"] = set(found["unexpected_keys"]) - integers  # numbers of positions
        return (loaded, found), [name for name in found["missing_keys"] if not spare(name)]

    weights = read_published(folder)
    if twice := [name for name in sorted(own & weights.keys()) if f"{base}.{name}" in weights]:
        raise ModelError(
            f"{source}: holds two sets of the same weights: {some(twice)} are there with {base}. "
            "before them, too. Take the file of one model"
        )
    with refusing(f"{source}: its weights cannot be read"):
        loaded, found = best_fit(weights, named, load, source)
    missing = [name for name in found["missing_keys"] if not spare(name)]
    unread = {name.removeprefix(f"{base}.") for name in found["unexpected_keys"]}
    surplus = [name for name in unread if not spare(name)]
    require_same(missing, surplus, own, source, type(model).__name__)
    if found["mismatched_keys"] or found["error_msgs"]:
        wrong = [str(one) for one in (*found["mismatched_keys"], *found["error_msgs"])]
        raise ModelError(f"{source}: its weights are not of the shapes in {CONFIG}: {some(wrong)}")
    state: dict[str, Tensor] = loaded.state_dict()
    return state


def _loaded(kind: Any, config: PretrainedConfig, weights: Mapping[str, Tensor]) -> tuple[Any, Any]:  # noqa: ANN401
    """Let the library load weights, and return the model and what it says of their names."""
    with _quiet():
        loaded, found = kind.from_pretrained(
            None,
            config=config,
            state_dict=dict(weights),
            dtype=torch.float32,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # reported by name, by read_model
            output_loading_info=True,
        )
    return loaded, found


def recompute_activations(model: Any, *, on: bool) -> None:  # noqa: ANN401 - untyped
    """Switch whether activations are computed again for the gradient instead of kept.

    Raises:
        ModelError: If the model cannot.
    """
    # The older name is deprecated where the newer one exists.
    newer = hasattr(model, "activation_checkpointing_enable")
    name = "activation_checkpointing" if newer else "gradient_checkpointing"
    kind = type(model).__name__
    with refusing(f"runtime.checkpoint_gradients: {kind} cannot: write false"):
        switch = getattr(model, f"{name}_{'enable' if on else 'disable'}")
        switch(*([{"use_reentrant": False}] if on else []))


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the library's own report and progress bar: :func:`read_model` reports itself."""
    level = library_logging.get_verbosity()
    bars = library_logging.is_progress_bar_enabled()
    library_logging.set_verbosity(logging.CRITICAL)
    library_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        library_logging.set_verbosity(level)
        if bars:
            library_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
