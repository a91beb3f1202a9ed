"""Trainings that survive being stopped, never run twice at once, and publish only what is whole."""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from camchex.contract.params import Section
from camchex.errors import DataError
from camchex.runs.devices import first_device
from camchex.runs.lock import SCRATCH, exclusive

STORE_FILES = ("shards.json", "index.arrow")  # what identifies an image store
KEY_DIGITS = 16
CODE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Run:
    """One training: what it follows from, and what it makes.

    Attributes:
        stage: The file of the stage.
        inputs: Files and folders it reads; of an image store, its index and checksums count.
        parameters: The sections it reads.
        outputs: Folders that appear when the training is complete.
        scratch: Where checkpoints and locks live.
    """

    stage: Path
    inputs: Sequence[Path]
    parameters: Sequence[Section]
    outputs: Sequence[Path]
    scratch: Path = SCRATCH

    @property
    def name(self) -> str:
        """Name of the run: its first output."""
        return run_name(self.outputs[0])


def run_name(out: Path) -> str:
    """Name of the run that makes the folder ``out`` first: the parts of its path."""
    return "-".join(part for part in out.parts if part != out.anchor)


def fingerprint(run: Run) -> str:
    """A digest of code, inputs and parameters: what a checkpoint may be resumed for.

    Raises:
        DataError: If an input is missing.
    """
    digest = hashlib.sha256(f"torch {torch.__version__}\n".encode())
    for path in [run.stage, *_loaded_code()]:
        digest.update(_line(path.name, path))
    for path in run.inputs:
        digest.update(_content(path).encode())
    for section in run.parameters:
        digest.update(f"{type(section).__name__} {section.model_dump_json()}\n".encode())
    return digest.hexdigest()


def _loaded_code() -> list[Path]:
    """The files of camchex that this process has imported."""
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return sorted(path for path in map(Path, filter(None, files)) if path.is_relative_to(CODE))


def run_once(run: Run, train: Callable[[Path], None]) -> None:
    """Train and publish, unless another process has just done so.

    A second process waits for the first. If the outputs are then those of its own key, it is
    done; otherwise it trains, from the checkpoint if there is one for its key. The checkpoint is
    deleted once the outputs are published, and older ones of the same name at the start.

    Args:
        run: What is trained.
        train: Trains with checkpoints in the folder it is given, and publishes the outputs.

    Raises:
        DataError: If an input is missing.
    """
    key = fingerprint(run)
    folder = run.scratch / f"{run.name}-{key[:KEY_DIGITS]}"
    if not first_device():  # only the first of several devices holds the lock
        if not _is_published(run, key):
            train(folder)
        return
    with exclusive(run.scratch / f"{run.name}.lock", "trains this"):
        if _is_published(run, key):
            Console(stderr=True, soft_wrap=True).print(
                f"{run.name}: already trained with this code and data"
            )
            shutil.rmtree(folder, ignore_errors=True)  # left if it was killed at its very end
            return
        for stale in run.scratch.glob(f"{run.name}-{'[0-9a-f]' * KEY_DIGITS}"):
            if stale != folder:
                shutil.rmtree(stale)
        train(folder)
        record = {"key": key, "outputs": [_content(path) for path in run.outputs]}
        unfinished = _record(run).with_suffix(".unfinished")
        unfinished.write_text(json.dumps(record))
        unfinished.replace(_record(run))
        shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a folder, which then takes its place whole; nothing half-written is seen.

    On the first of several devices only.
    """
    if not first_device():
        return
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    write(unfinished)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


def _record(run: Run) -> Path:
    """Says for which key which outputs were published."""
    return run.scratch / f"{run.name}.json"


def _is_published(run: Run, key: str) -> bool:
    if not _record(run).exists() or not all(path.is_dir() for path in run.outputs):
        return False
    published = {"key": key, "outputs": [_content(path) for path in run.outputs]}
    return bool(json.loads(_record(run).read_text()) == published)


def _content(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in _files(folder):
        digest.update(_line(file.relative_to(folder).as_posix(), file))
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise DataError(f"{path}: no such file or folder. `dvc repro` makes it.")
    if path.is_file():
        return [path]
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return [file for file in files if file.name in STORE_FILES] or files


def _line(name: str, file: Path) -> bytes:
    with file.open("rb") as content:
        return f"{name} {hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode()
