"""Trainings that survive being stopped, never run twice at once, and publish only what is whole."""

import ast
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from rich.console import Console

from camchex.contract.files import publish_folder, sha256, write_text
from camchex.contract.params import Section
from camchex.errors import DataError
from camchex.runs.devices import first_device
from camchex.runs.scratch import SCRATCH, locked, run_name, scratch_folder

STORE_FILES = ("shards.json", "index.arrow")  # identify an image store
CODE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Run:
    """One training: what it follows from, and what it makes.

    Attributes:
        stage: The file of the stage.
        inputs: Files and folders that it reads; an image store counts by its index and checksums.
        parameters: The sections that it reads.
        outputs: Folders that appear when the training is complete.
        scratch: Folder of checkpoints and locks.
    """

    stage: Path
    inputs: Sequence[Path]
    parameters: Sequence[Section]
    outputs: Sequence[Path]
    scratch: Path = SCRATCH


def fingerprint(run: Run) -> str:
    """Digest of code, inputs and parameters: a checkpoint is resumed only where it is the same.

    Raises:
        DataError: If an input is missing.
    """
    parts = [f"torch {torch.__version__}"]
    parts += [f"{path.name} {sha256(path)}" for path in [run.stage, *code_behind(run.stage)]]
    parts += map(_content, run.inputs)
    parts += [f"{type(section).__name__} {section.model_dump_json()}" for section in run.parameters]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def code_behind(stage: Path) -> list[Path]:
    """Files of the package that a stage imports, itself or through others, in order.

    Found in the text of the files: what the process has imported depends on who started the stage.
    """
    found: set[Path] = set()
    waiting = [stage]
    while waiting:
        new = set(_imported(waiting.pop())) - found
        found |= new
        waiting += new
    return sorted(found)


def _imported(file: Path) -> Iterator[Path]:
    """Files of the package that the import statements of a file name."""
    for name in _names(file.read_bytes()):
        package, *below = name.split(".")
        path = CODE.joinpath(*below)
        files = (path.with_suffix(".py"), path / "__init__.py") if package == CODE.name else ()
        yield from (file for file in files if file.is_file())


@cache
def _names(text: bytes) -> frozenset[str]:
    """What the import statements of a Python file name."""
    names = set[str]()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def run_once(run: Run, train: Callable[[Path], None]) -> None:
    """Train and publish, unless another process has just done so.

    A second process waits for the first. If the outputs are then those of its own key, it is
    done; otherwise it trains, from the checkpoint if there is one for its key. The checkpoint is
    deleted once the outputs are published, and older ones of the same outputs at the start.

    Args:
        run: What is trained.
        train: Trains with checkpoints in the folder it is given, and publishes the outputs.

    Raises:
        DataError: If an input is missing.
    """
    key, name = fingerprint(run), run_name(run.outputs[0])
    record = run.scratch / f"{name}.json"  # says for which key which outputs were published

    def outputs() -> dict[str, object]:
        return {"key": key, "outputs": [_content(path) for path in run.outputs]}

    def is_published() -> bool:
        whole = record.exists() and all(path.is_dir() for path in run.outputs)
        return whole and bool(json.loads(record.read_text()) == outputs())

    folder = scratch_folder(run.outputs[0], key, run.scratch)
    if not first_device():  # only the first of several devices holds the lock
        if not is_published():
            train(folder)
        return
    with locked(folder, "trains this"):
        if is_published():
            Console(stderr=True, soft_wrap=True).print(
                f"{name}: already trained with this code and data"
            )
            return
        train(folder)
        write_text(record, json.dumps(outputs()))


def publish(folder: Path, write: Callable[[Path], None]) -> None:
    """Publish a folder as :func:`publish_folder` does, on the first of several devices only."""
    if first_device():
        publish_folder(folder, write)


def _content(path: Path) -> str:
    """Digest of a file, or of the names and contents of a folder."""
    if not path.exists():
        raise DataError(f"{path}: no such file or folder. `dvc repro` makes it.")
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file())
    files = [file for file in files if file.name in STORE_FILES] or files
    lines = [f"{file.relative_to(path).as_posix()} {sha256(file)}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
