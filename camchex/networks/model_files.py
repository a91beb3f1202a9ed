"""Files of a model folder, which may come from anybody: whole, bounded, and inside the folder.

Everything here looks before it reads: at sizes, at links, and at the header of a safetensors file,
which has the type and the shape of every tensor. A network is built without memory first. So a
folder that is damaged, oversized or of another network is refused before memory is spent on it.
"""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from camchex.errors import ModelError
from camchex.networks.hub import SHARDS, WEIGHTS
from camchex.networks.transformers_models import refusing
from camchex.networks.weights import some, without_memory

MIB, GIB = 2**20, 2**30
MOST_TEXT = 64 * MIB  # tokenizers of a million words have 20
MOST_WEIGHTS = 16 * GIB  # eight times the largest network of the profiles
MOST_BUFFERS = 256 * MIB  # of what a network computes for itself, beside its weights
MOST_DIGITS = 8  # of a whole number in a config.json
MOST_PARTS = 4  # parameters registered, as a multiple of the tensors in the file
SPARE_PARTS = 256
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
DVC_CACHE = re.compile(r".*/files/md5/[0-9a-f]{2}/[0-9a-f]{30}")
DTYPES = dict(
    [("F64", "float64"), ("F32", "float32"), ("F16", "float16"), ("BF16", "bfloat16")]
    + [(f"I{bits}", f"int{bits}") for bits in (8, 16, 32, 64)]
    + [("U8", "uint8"), ("BOOL", "bool")]
)
"""Types of torch by their name in a safetensors file."""
M = TypeVar("M", bound=nn.Module)
Shapes = Mapping[str, tuple[str, tuple[int, ...]]]
"""Type and shape of each tensor by name."""


def own_file(folder: Path, name: str) -> Path:
    """Find a file of a model folder; a link may lead to the cache of the Hub or of DVC alone.

    Raises:
        ModelError: If there is none, it is no regular file, or it lies outside of the folder.
    """
    path, home = folder / name, folder.resolve()
    if not path.exists():
        raise ModelError(f"{path}: no such file. {_instead(folder, name)}")
    target = path.resolve()
    of_the_hub = home.parent.name == "snapshots" and target.parent == home.parents[1] / "blobs"
    in_a_cache = of_the_hub or DVC_CACHE.fullmatch(target.as_posix())
    if not target.is_relative_to(home) and not in_a_cache:
        raise ModelError(f"{path}: is a link out of its folder, and is not read. Copy the file")
    if not target.is_file():
        raise ModelError(f"{path}: is no regular file, and is not read")
    return path


def _instead(folder: Path, name: str) -> str:
    """Say what is there in place of a missing file, or what makes it."""
    pickles = (
        sorted(p.name for p in folder.iterdir() if p.suffix in PICKLES) if name == WEIGHTS else []
    )
    if pickles:
        return f"{some(pickles)}: a pickle can run code and is never loaded. Ask for {WEIGHTS}"
    if name == WEIGHTS and (folder / SHARDS).exists():
        return "Weights in several files are not read: join them"
    return "A model folder is complete once its training has ended: `dvc repro`."


def read_text(folder: Path, name: str) -> str:
    """Read a text file of a model folder.

    Raises:
        ModelError: If it is missing, larger than ``MOST_TEXT``, no text, or outside of the folder.
    """
    path = own_file(folder, name)
    if (size := path.stat().st_size) > MOST_TEXT:
        raise ModelError(
            f"{path}: {size / MIB:,.0f} MiB, and at most {MOST_TEXT // MIB} are read. "
            "It is no file of a model of camchex"
        )
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: not a text file: {error}") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error


def require_bounded(text: str, path: Path) -> None:
    """Check that a ``config.json`` is JSON, with each key once and no number that no network has.

    Raises:
        ModelError: Naming the file and what is wrong.
    """

    def whole(digits: str) -> int:
        if len(digits.lstrip("-")) > MOST_DIGITS:
            raise ValueError(f"{digits[:20]}: larger than any number of a network")
        return int(digits)

    def no_number(name: str) -> float:
        raise ValueError(f"{name}: not a number")

    def each_once(pairs: list[tuple[str, object]]) -> None:
        counts = Counter(name for name, _ in pairs)
        if twice := [name for name, number in counts.items() if number > 1]:
            raise ValueError(f"{twice[0]!r} is there several times")

    try:
        json.loads(text, parse_int=whole, parse_constant=no_number, object_pairs_hook=each_once)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: damaged: {error}") from error


def read_shapes(folder: Path) -> Shapes:
    """Read the header of ``model.safetensors``: type and shape of every tensor, and no tensor.

    Raises:
        ModelError: If the file is missing, cut, damaged, too large, or outside of the folder.
    """
    path = own_file(folder, WEIGHTS)
    if (size := path.stat().st_size) > MOST_WEIGHTS:
        raise ModelError(
            f"{path}: {size / GIB:,.0f} GiB, and at most {MOST_WEIGHTS // GIB} are read. "
            "It is no model of camchex"
        )
    try:
        with safe_open(path, framework="pt") as file:
            parts = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            return {name: (p.get_dtype(), tuple(p.get_shape())) for name, p in parts.items()}
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelError(f"{path}: not a whole safetensors file: {error}") from error


def require_network(folder: Path, build: Callable[[], nn.Module]) -> None:
    """Check that ``model.safetensors`` is of the network of its folder; neither takes memory.

    Args:
        folder: The model folder.
        build: Builds the network that its ``config.json`` describes. The random state stays.

    Raises:
        ModelError: If the network cannot be built, or is larger than the file; if a weight is
            missing, too much, or of another type or shape.
    """
    found, path = read_shapes(folder), folder / WEIGHTS
    with (
        refusing(f"{folder}: no network can be built from its config.json"),
        torch.random.fork_rng(devices=[]),
        without_memory(),
        _at_most(MOST_PARTS * len(found) + SPARE_PARTS, path),
    ):
        network = build()
    _require_same(found, network.state_dict(), path)
    buffers = sum(one.numel() * one.element_size() for one in network.buffers())
    if buffers > path.stat().st_size + MOST_BUFFERS:
        raise ModelError(
            f"{folder}: the network of its config.json computes {buffers / GIB:,.1f} GiB of tables "
            f"for {path.stat().st_size / MIB:,.1f} MiB of weights: a number in it is too large"
        )


def _require_same(found: Shapes, own: Mapping[str, Tensor], path: Path) -> None:
    """Compare names, types and shapes of a file with those of a network."""
    beside = f"does not fit the config.json beside it: {path.parent.name}"
    for names, what in ((own.keys() - found.keys(), "lacks"), (found.keys() - own.keys(), "adds")):
        if names:
            raise ModelError(f"{path}: {beside} {what} {some(sorted(names))}")
    for name, tensor in own.items():
        dtype, shape = found[name]
        here = str(tensor.dtype).removeprefix("torch.")
        if (DTYPES.get(dtype, dtype), shape) != (here, tuple(tensor.shape)):
            raise ModelError(
                f"{path}: {beside}: {name} is {dtype} of shape {[*shape]}, and the network has "
                f"{here} of shape {[*tensor.shape]}"
            )


@contextmanager
def _at_most(parts: int, path: Path) -> Iterator[None]:
    """Refuse a network that this thread builds once it has more parameters than its file can."""
    thread, count = threading.get_ident(), 0

    def counted(_module: nn.Module, _name: str, _parameter: Any) -> None:  # noqa: ANN401 - torch's
        nonlocal count
        count += threading.get_ident() == thread
        if count > parts:
            raise ModelError(
                f"{path}: does not fit the config.json beside it, whose network has many times as "
                "many weights"
            )

    handle = register_module_parameter_registration_hook(counted)
    try:
        yield
    finally:
        handle.remove()
