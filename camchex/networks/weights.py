"""Weights from outside, held against the network that they are for: name by name, number by number.

A network whose weights are missing in a file keeps random ones, or constants that make a layer do
nothing, and trains on without an error. So both sets of names are compared, and nothing is dropped
unsaid.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from rich.console import Console
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from camchex.errors import ModelError
from camchex.networks.hub import SHARDS, WEIGHTS

WRAPPERS = (
    *("module.", "_orig_mod.", "model.", "base_model.", "auto_model.", "net.", "network."),
    *("backbone.", "encoder.", "image_encoder.", "visual.", "student.", "teacher."),
)
"""What trainings put before the names of a network that is a part of theirs."""
CODED = (torch.int8, torch.uint8, torch.int16, torch.complex64, torch.complex128)
"""Types that weights have no values of; positions are longer whole numbers, masks are bool."""
MOST_NAMES = 4  # in a message
INITIALISERS = frozenset(
    getattr(nn.init, name) for name in dir(nn.init) if name.endswith("_") and name[0] != "_"
)
IN_PLACE = {
    *(Tensor.uniform_, Tensor.normal_, Tensor.fill_, Tensor.zero_),
    *(Tensor.erfinv_, Tensor.mul_, Tensor.add_, Tensor.clamp_),
}
"""What initialisers of timm do to a weight, without gradient."""
T = TypeVar("T")


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file; a missing or broken one is a ModelError."""
    try:
        return load_file(path)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such file. `dvc repro` makes it.") from error
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise ModelError(f"{path}: not a whole safetensors file: {error}") from error


def read_published(folder: Path) -> dict[str, Tensor]:
    """Read ``model.safetensors`` of a folder, or the files that its index of parts names.

    Raises:
        ModelError: If a file is missing, broken, without weights or outside the folder, or a
            weight is not a number, or only the code of one.
    """
    path = folder / WEIGHTS
    if path.is_file():
        weights = read_weights(path)
    else:
        path = folder / SHARDS
        try:
            files = set(json.loads(path.read_text())["weight_map"].values())
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{path}: not an index of safetensors files: {error}") from error
        if strange := [file for file in files if Path(str(file)).name != file]:
            raise ModelError(f"{path}: names a file outside its folder: {strange[0]}")
        if lost := [file for file in sorted(files) if not (folder / file).is_file()]:
            raise ModelError(
                f"{folder / lost[0]}: no such file, which {SHARDS} names: take the whole folder "
                "again from the page of the model"
            )
        weights = {}
        for file in sorted(files):
            weights |= read_weights(folder / file)
    if not weights:
        raise ModelError(f"{path}: holds no weights")
    require_finite(weights, str(path))
    if coded := [name for name, tensor in weights.items() if tensor.dtype in CODED]:
        raise ModelError(
            f"{path}: {some(coded)}: no real numbers, but {weights[coded[0]].dtype}, as of a "
            "quantised model. Take the file of the model before that"
        )
    return weights


def require_finite(weights: Mapping[str, Tensor], source: str) -> None:
    """Raise a ModelError that names the weights which hold NaN or infinity."""
    damaged = [
        name
        for name, tensor in weights.items()
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all())
    ]
    if damaged:
        raise ModelError(
            f"{source}: {some(damaged)}: not all numbers (NaN or infinity). The file is damaged, "
            "or its training diverged: take another copy, or train it anew"
        )


def best_fit(
    weights: Mapping[str, Tensor],
    wanted: Collection[str],
    load: Callable[[Mapping[str, Tensor]], tuple[T, Collection[str]]],
    source: str,
) -> T:
    """Load weights as they are named; if some are missing, also without what stands before names.

    A training puts, for example, ``module.`` before all names of its network. The reading that
    misses the fewest is taken, and what was dropped is said; names of the file without it belong to
    other parts of that training.

    Args:
        weights: Weights as the file names them.
        wanted: Names of the network's own weights.
        load: Loads weights; returns its result, and the names of what was missing.
        source: The file, for what is said.
    """
    best, missing = load(weights)
    least, taken, dropped = len(missing), "", ""
    names = dict(weights)
    while least and (prefix := next((p for p in WRAPPERS if _wraps(p, names, wanted)), None)):
        names = {name.removeprefix(prefix): tensor for name, tensor in names.items()}
        dropped += prefix
        found, missing = load(names)
        if len(missing) < least:
            best, least, taken = found, len(missing), dropped
    if taken:
        say(f"{source}: read without {taken!r}, which stands before the names of the weights")
    return best


def _wraps(prefix: str, names: Collection[str], wanted: Collection[str]) -> bool:
    """Tell whether most names start with a prefix that is none of the network's own.

    ``encoder.`` may be either: then it is the one without which more names are the network's.
    """
    inside = [name for name in names if name.startswith(prefix)]
    if 2 * len(inside) <= len(names):
        return False
    as_they_are = sum(name in wanted for name in inside)
    without = sum(name.removeprefix(prefix) in wanted for name in inside)
    own = any(name.startswith(prefix) for name in wanted)
    return without > as_they_are if own else True


def require_same(
    missing: Iterable[str], surplus: Iterable[str], wanted: Iterable[str], source: str, network: str
) -> None:
    """Compare the names of a file with those of a network.

    Args:
        missing: Names that the network needs and the file lacks.
        surplus: Names of the file that the network does not know.
        wanted: Names of the network's own weights.
        source: The file.
        network: The network, as a reader knows it.

    Raises:
        ModelError: If a name is missing, or too much inside a part that the network has (a block,
            a bias): it is another network's file. Other names (a head, a second network) are said.
    """
    parts = {name.partition(".")[0] for name in wanted}
    missing, surplus = sorted(missing), sorted(surplus)
    foreign = [name for name in surplus if name.partition(".")[0] in parts]
    if missing or foreign:
        lacks = f"{len(missing)} are missing: {some(missing)}. " if missing else ""
        has = f"{len(surplus)} are too much: {some(foreign or surplus)}. " if surplus else ""
        raise ModelError(
            f"{source}: not the weights of {network}: {lacks}{has}Name the network that these "
            "weights are of, or take its own file"
        )
    if surplus:
        say(f"{source}: not read, as {network} has no such weights: {some(surplus)}")


def some(names: Collection[str]) -> str:
    """Name a few of many, and count the rest."""
    shown = ", ".join([*names][:MOST_NAMES])
    return shown if len(names) <= MOST_NAMES else f"{shown} and {len(names) - MOST_NAMES} more"


def say(text: str) -> None:
    """Tell the user what was done with a file, on standard error."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(text, markup=False)


class _Unfilled(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        kwargs = kwargs or {}
        if func in INITIALISERS or (func in IN_PLACE and not torch.is_grad_enabled()):
            tensor: Tensor = args[0] if args else kwargs["tensor"]
            if tensor.is_meta:
                return tensor
        return func(*args, **kwargs)


@contextmanager
def without_memory() -> Iterator[None]:
    """Build networks whose weights have names, types and shapes, and no values.

    Initial values are left out: without memory they change nothing, and torch takes four times as
    long over them as over the rest. What a network computes with gradients is as ever.
    """
    with torch.device("meta"), _Unfilled():
        yield
