"""Published models by name: a folder that is there, or a local copy of one of the Hub's."""

from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from camchex.errors import ModelError

WEIGHTS = "model.safetensors"
SHARDS = "model.safetensors.index.json"
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")
WANTED = ["*.json", "*.safetensors", "*.txt", "*.model"]
NESTED = ["*/*"]
REACH_SECONDS = 5
TINY = "tiny"  # a value of text.model that is made here
CONVERT = "`camchex convert-text FOLDER` turns a local pickle into one"


@dataclass(frozen=True)
class HubOptions:
    """How a model of the Hub is had: keywords of ``from_pretrained``, which describes them."""

    revision: str | None = None
    cache_dir: str | Path | None = None
    local_files_only: bool = False
    force_download: bool = False
    token: str | bool | None = None


NO_OPTIONS = HubOptions()


def published_folder(name: str, key: str, page: str = "", hub: HubOptions = NO_OPTIONS) -> Path:
    """Find the folder of a published model, or make a local copy of the Hub's.

    Args:
        name: A folder, or ``owner/name`` or ``owner/name@revision`` of the Hugging Face Hub.
        key: Parameter that names the model, for messages.
        page: Name on the Hub of what a folder without weights should hold, if that is known.
        hub: How a model of the Hub is had; a revision may stand in the name instead.

    Raises:
        ModelError: Within seconds, if there is no such folder, and the Hub has no such model with
            safetensors, or cannot be reached and no copy of the model is here.
    """
    folder = Path(name)
    if name and folder.is_dir():
        require_safetensors(folder, key, page)
        return folder
    if hub.revision:
        name = f"{name.partition('@')[0]}@{hub.revision}"
    if hub.local_files_only:
        if (kept := _copy_of(name, hub)) is None:
            raise ModelError(
                f"{key}: {name}: no such folder, and no copy of it is here, where the Hugging Face "
                f"Hub is not to be asked (local_files_only). `hf download "
                f"{name.partition('@')[0]}` makes one"
            )
        return kept
    if (reached := _on_the_hub(name, key, hub)) is not None:
        repository, revision = reached
        try:
            return Path(
                snapshot_download(
                    repository,
                    revision=revision,
                    cache_dir=hub.cache_dir,
                    force_download=hub.force_download,
                    token=hub.token,
                    allow_patterns=WANTED,
                    ignore_patterns=NESTED,
                )
            )
        except (OSError, HfHubHTTPError) as error:
            raise ModelError(_out_of_reach(name, key, error)) from error
    copy = _copy_of(name, hub)
    assert copy is not None  # or _on_the_hub would have raised
    return copy


def described_folder(name: str, key: str) -> Path:
    """Find a folder as :func:`published_folder` does; one that is here may lack weights."""
    return Path(name) if name and Path(name).is_dir() else published_folder(name, key)


def require_published(name: str, key: str) -> None:
    """Raise a ModelError, within seconds, if a model cannot be had; nothing is downloaded.

    ``tiny`` is always there; else as :func:`published_folder`.
    """
    if name == TINY:
        return
    if name and Path(name).is_dir():
        require_safetensors(Path(name), key)
    else:
        _on_the_hub(name, key)


def require_safetensors(folder: Path, key: str, page: str = "") -> None:
    """Raise a ModelError if a folder holds no weights as safetensors."""
    if (folder / WEIGHTS).is_file() or (folder / SHARDS).is_file():
        return
    if any((folder / pickle).is_file() for pickle in PICKLES):
        raise ModelError(
            f"{key}: {folder}: its weights are a pickle, which can run code and is never loaded. "
            f"`camchex convert-text {folder}` writes {WEIGHTS} beside it"
        )
    place = f"https://huggingface.co/{page}" if page else "the page of the model"
    raise ModelError(f"{key}: {folder / WEIGHTS}: no such file. Download it from {place}")


def _on_the_hub(name: str, key: str, hub: HubOptions = NO_OPTIONS) -> tuple[str, str] | None:
    """Repository and revision of a model that the Hub has; None if out of reach, with a copy here.

    One question of ``REACH_SECONDS``: the library would repeat each of its own for half a minute.
    """
    if not name or Path(name).is_file():
        raise ModelError(f"{key}: {name or 'nothing'}: not a folder. Name the one with {WEIGHTS}")
    repository, _, revision = name.partition("@")
    try:
        found = HfApi(token=hub.token).model_info(
            repository, revision=revision or None, timeout=REACH_SECONDS
        )
    except HFValidationError as error:
        raise ModelError(
            f"{key}: {name}: no such folder, and no name of the Hugging Face Hub (owner/name)"
        ) from error
    except HfHubHTTPError as error:  # the Hub has answered
        if _copy_of(name, hub) is not None:
            return None
        raise ModelError(
            f"{key}: {name}: no such folder, and the Hugging Face Hub does not give it: {error}"
        ) from error
    except Exception as error:  # of the network: the HTTP library of the Hub's decides which
        if _copy_of(name, hub) is not None:
            return None
        raise ModelError(_out_of_reach(name, key, error)) from error
    files = [file.rfilename for file in found.siblings or ()]
    if not any(file in {WEIGHTS, SHARDS} for file in files):
        pickles = [file for file in files if file in PICKLES]
        offered = f"only a pickle, {pickles[0]}, which is never loaded" if pickles else "neither"
        raise ModelError(
            f"{key}: {name}: the Hugging Face Hub has no {WEIGHTS} or {SHARDS} of it, but "
            f"{offered}. Download it (`hf download {repository} --local-dir FOLDER`); {CONVERT}; "
            f"then write the folder as {key}"
        )
    return repository, found.sha or revision or "main"


def _copy_of(name: str, hub: HubOptions = NO_OPTIONS) -> Path | None:
    """Folder of an earlier download with its weights, if there is one."""
    repository, _, revision = name.partition("@")
    try:
        folder = Path(
            snapshot_download(
                repository,
                revision=revision or None,
                cache_dir=hub.cache_dir,
                local_files_only=True,
            )
        )
    except (HFValidationError, LocalEntryNotFoundError):
        return None
    return folder if any((folder / file).is_file() for file in (WEIGHTS, SHARDS)) else None


def _out_of_reach(name: str, key: str, error: Exception) -> str:
    return (
        f"{key}: {name}: no such folder, and the Hugging Face Hub is out of reach over the network "
        f"(https://huggingface.co: {error}). Without network: on a machine that has one, `hf "
        f"download {name.partition('@')[0]} --local-dir FOLDER`; copy the folder here, with "
        f"{WEIGHTS} and the JSON and text files in it, and write its path as {key}"
    )
