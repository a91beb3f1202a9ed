"""Model folders: ``config.json``, ``model.safetensors``, and further text files.

The file names are those of the Hugging Face Hub. Its mixin is not used, because it reads a pickle
where it finds no safetensors, accepts missing weights, and writes a model card beside them.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from safetensors.torch import save_file
from torch import nn

from camchex.contract.files import whole_file, write_text
from camchex.errors import ModelError, wrong_values
from camchex.networks.hub import NO_OPTIONS, WEIGHTS, HubOptions, published_folder
from camchex.networks.model_files import read_text, require_bounded, require_network
from camchex.networks.weights import read_weights, require_finite

CONFIG = "config.json"
HUB_PARTS = 2  # owner and name

C = TypeVar("C", bound=BaseModel)
M = TypeVar("M", bound=nn.Module)


def write_model(
    folder: str | Path,
    config: BaseModel,
    model: nn.Module,
    files: Mapping[str, str] | None = None,
) -> None:
    """Write a model folder; equal models give equal bytes. ``config.json`` is written last.

    Args:
        folder: Folder to fill; made where it does not exist.
        config: Everything that is needed to build the network again.
        model: Network whose weights are written.
        files: Further text files by name.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).unlink(missing_ok=True)
    # Copies on the CPU: safetensors refuses weights that share memory or lie channels-last.
    state = {name: t.detach().cpu().contiguous().clone() for name, t in model.state_dict().items()}
    with whole_file(folder / WEIGHTS) as file:
        save_file(state, file.name, metadata={"format": "pt"})
    for name, text in (files or {}).items():
        write_text(folder / name, text)
    write_text(folder / CONFIG, config.model_dump_json(indent=2) + "\n")


def open_model(name: str | Path, config: type[C], hub: HubOptions = NO_OPTIONS) -> tuple[Path, C]:
    """Find a model folder, or make a local copy of the Hub's, and read its ``config.json``.

    Args:
        name: Folder as a path; or, as text, a folder or the Hub's ``owner/name``.
        config: Class of the configuration.
        hub: How a model of the Hub is had.

    Raises:
        ModelError: If there is no such model, or it is damaged or of another kind.
    """
    folder = Path(name)
    if folder.is_dir():
        if hub.revision:
            raise ModelError(f"{folder}: is a folder, which has no revision {hub.revision}")
    else:
        owner_and_name = len(folder.parts) == HUB_PARTS and not folder.is_absolute()
        if isinstance(name, Path) or not owner_and_name:
            raise ModelError(f"{folder}: no such model folder. `dvc repro` makes it.")
        folder = published_folder(name, "model", hub=hub)
    text, path = read_text(folder, CONFIG), folder / CONFIG
    require_bounded(text, path)
    try:
        return folder, config.model_validate_json(text)
    except ValidationError as error:
        raise ModelError(
            f"{path}: not a {config.__name__} of this version of camchex: {wrong_values(error)}"
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


def build_loaded(folder: Path, build: Callable[[], M]) -> M:
    """Build the network of a model folder with its weights: every one, and nothing else.

    Args:
        folder: The model folder.
        build: Builds the network that its ``config.json`` describes. It is called twice, at first
            without memory, so that a file of another network is refused before it is read.

    Raises:
        ModelError: If the file of the weights is missing or broken, its weights are not those of
            the network, or one is not a number, as after a training that diverged.
    """
    require_network(folder, build)
    weights = read_weights(folder / WEIGHTS)
    require_finite(weights, str(folder / WEIGHTS))
    model = build()
    model.load_state_dict(weights)
    return model
