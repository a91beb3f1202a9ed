"""Model folders: ``config.json``, ``model.safetensors``, and further text files.

The file names are those of the Hugging Face Hub. Its mixin is not used, because it reads a pickle
where it finds no safetensors, accepts missing weights, and writes a model card beside them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from safetensors.torch import save_file
from torch import nn

from camchex.contract.files import whole_file, write_text
from camchex.errors import ModelError
from camchex.networks.hub import WEIGHTS, published_folder
from camchex.networks.weights import read_weights, require_finite

CONFIG = "config.json"
HUB_PARTS = 2  # owner and name

C = TypeVar("C", bound=BaseModel)


def write_model(
    folder: Path, config: BaseModel, model: nn.Module, files: Mapping[str, str] | None = None
) -> None:
    """Write a model folder; equal models give equal bytes. ``config.json`` is written last.

    Args:
        folder: Folder to fill; made where it does not exist.
        config: Everything that is needed to build the network again.
        model: Network whose weights are written.
        files: Further text files by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).unlink(missing_ok=True)
    # Copies on the CPU: safetensors refuses weights that share memory or lie channels-last.
    state = {name: t.detach().cpu().contiguous().clone() for name, t in model.state_dict().items()}
    with whole_file(folder / WEIGHTS) as file:
        save_file(state, file.name, metadata={"format": "pt"})
    for name, text in (files or {}).items():
        write_text(folder / name, text)
    write_text(folder / CONFIG, config.model_dump_json(indent=2) + "\n")


def open_model(name: str | Path, config: type[C]) -> tuple[Path, C]:
    """Find a model folder, or make a local copy of the Hub's, and read its ``config.json``.

    Args:
        name: Folder as a path; or, as text, a folder or the Hub's ``owner/name``.
        config: Class of the configuration.

    Raises:
        ModelError: If there is no such model, or it is of another kind.
    """
    folder = Path(name)
    if not folder.is_dir():
        owner_and_name = len(folder.parts) == HUB_PARTS and not folder.is_absolute()
        if isinstance(name, Path) or not owner_and_name:
            raise ModelError(f"{folder}: no such model folder. `dvc repro` makes it.")
        folder = published_folder(name, "model")
    try:
        return folder, config.model_validate_json(read_text(folder, CONFIG))
    except ValidationError as error:
        raise ModelError(
            f"{folder / CONFIG}: not a {config.__name__} of this version of camchex: {error}"
        ) from error


def read_text(folder: Path, name: str) -> str:
    """Read a text file of a model folder; a missing one is a ModelError."""
    try:
        return (folder / name).read_text()
    except UnicodeDecodeError as error:
        raise ModelError(f"{folder / name}: not a text file: {error}") from error
    except OSError as error:
        raise ModelError(
            f"{folder / name}: no such file. A model folder is complete once its training has "
            "ended: `dvc repro`."
        ) from error


def check_classes(folder: Path, own: Sequence[str], data: Sequence[str] | None) -> None:
    """Raise a ModelError if the model's ``own`` classes are not those of the ``data``, in order."""
    if data is None or list(own) == list(data):
        return
    unknown = [name for name in data if name not in own]
    superfluous = [name for name in own if name not in data]
    found = "the same in another order"
    if unknown or superfluous:
        found = f"it lacks {unknown or 'none'}, and the data lack {superfluous or 'none'}"
    raise ModelError(
        f"{folder}: its classes are not those of the data: {found}. Set labels.space to that of "
        "the model, or train it anew: `dvc repro`."
    )


def load_weights(folder: Path, model: nn.Module) -> None:
    """Load ``model.safetensors`` into ``model``: every weight, and nothing else.

    Raises:
        ModelError: If the file is missing or broken, its weights are not those of ``model``, or one
            is not a number, as after a training that diverged.
    """
    path = folder / WEIGHTS
    weights = read_weights(path)
    require_finite(weights, str(path))
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelError(f"{path}: does not fit the {CONFIG} beside it: {error}") from error
