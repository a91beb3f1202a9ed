"""Checkpoint of a training as one safetensors file, without pickle: tensors, all else as JSON."""

import json
from pathlib import Path
from typing import Any

from lightning.fabric.plugins import CheckpointIO
from rich.console import Console
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from camchex.contract.files import whole_file

CHECKPOINT = "last.safetensors"
PREVIOUS = "previous.safetensors"
"""Names of the newest checkpoint of a training, and of the one that it replaced."""


class SafeCheckpoints(CheckpointIO):
    """Writes a checkpoint whole or not at all, and reads it without running code from it."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, *_: object, **__: object
    ) -> None:
        """Write ``checkpoint`` (tensors, numbers, text, and containers of them) to ``path``."""
        tensors: dict[str, Tensor] = {}
        state = json.dumps(_to_json(checkpoint, tensors))
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            save_file(tensors, file.name, metadata={"state": state})

    def load_checkpoint(self, path: str | Path, *_: object, **__: object) -> dict[str, Any]:
        """Read a checkpoint of :meth:`save_checkpoint` to the CPU, whatever else Lightning asks."""
        with safe_open(path, framework="pt") as file:
            state = json.loads(file.metadata()["state"])
        checkpoint: dict[str, Any] = _from_json(state, load_file(path))
        return checkpoint

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete a checkpoint."""
        Path(path).unlink(missing_ok=True)


def last_good(path: Path) -> Path | None:
    """Find the newest checkpoint that a training can go on from.

    A file that was cut off, or that holds values that are no numbers, would stop every further
    run: it is deleted, which is said on standard error.

    Args:
        path: The newest checkpoint; the one before it is ``PREVIOUS`` beside it.

    Returns:
        ``path``, the one before, or None where neither is there and whole.
    """
    for found in (path, path.with_name(PREVIOUS)):
        if not found.exists():
            continue
        if not (damage := _damage(found)):
            return found
        found.unlink(missing_ok=True)
        Console(stderr=True, soft_wrap=True).print(
            f"{found}: {damage}; deleted. The training goes on from the checkpoint before it, or "
            "from its start if there is none."
        )
    return None


def _damage(path: Path) -> str | None:
    """Say what is wrong with a checkpoint; None: nothing."""
    try:
        with safe_open(path, framework="pt") as file:
            json.loads(file.metadata()["state"])
            # One tensor at a time: together they may be larger than the memory of a process.
            names = file.keys()
            finite = all(bool(file.get_tensor(name).isfinite().all()) for name in names)
    except (OSError, SafetensorError, TypeError, LookupError, ValueError) as error:
        return f"not a whole checkpoint ({error})"
    return None if finite else "holds values that are no numbers"


def _to_json(value: object, tensors: dict[str, Tensor]) -> object:
    """Move every tensor in ``value`` to ``tensors``; keys of a dict keep their types."""
    match value:
        case Tensor():
            name = f"{len(tensors):06d}"
            tensors[name] = value.detach().to("cpu", copy=True).contiguous()
            return {"tensor": name}
        case dict():
            return {"dict": [[key, _to_json(item, tensors)] for key, item in value.items()]}
        case list() | tuple():
            items = [_to_json(item, tensors) for item in value]
            return {"tuple": items} if isinstance(value, tuple) else items
        case None | bool() | int() | float() | str():
            return value
        case _:
            raise TypeError(f"a checkpoint cannot hold a {type(value).__name__}: {value!r}")


def _from_json(value: object, tensors: dict[str, Tensor]) -> Any:  # noqa: ANN401 - any JSON
    match value:
        case {"tensor": str(name)}:
            return tensors[name]
        case {"dict": list(items)}:
            return {key: _from_json(item, tensors) for key, item in items}
        case {"tuple": list(items)}:
            return tuple(_from_json(item, tensors) for item in items)
        case list():
            return [_from_json(item, tensors) for item in value]
        case _:
            return value
