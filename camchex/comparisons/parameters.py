"""The keys on which two parameter files differ, and the profile that one is nearest to."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from camchex.contract import params
from camchex.contract.params import PARAMS
from camchex.errors import ParamsError

# Keys that say on which machine a profile runs; a configuration has others elsewhere.
LOCAL = ("data.root", "data.tables", "runtime.")


@dataclass(frozen=True)
class Difference:
    """One key on which two configurations differ.

    Attributes:
        key: Dotted, as ``dvc exp run -S`` takes it.
        left: Value in the first configuration, as JSON; empty where it has no such key.
        right: Value in the second configuration, as JSON; empty where it has no such key.
    """

    key: str
    left: str
    right: str


def parameter_differences(left: Path, right: Path) -> list[Difference]:
    """Every key on which two parameter files differ, in the order of the files.

    Raises:
        ParamsError: If either cannot be read.
    """
    ours = dict(_flat(params.read_file(left)))
    theirs = dict(_flat(params.read_file(right)))
    pairs = {key: (ours.get(key, ""), theirs.get(key, "")) for key in {**ours, **theirs}}
    return [Difference(key, *pair) for key, pair in pairs.items() if pair[0] != pair[1]]


def _flat(values: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    """Dotted key and JSON value of every leaf; a list or an empty mapping is a leaf."""
    for name, value in values.items():
        key = f"{above}{name}"
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{key}.")
        else:
            yield key, json.dumps(value, default=str)


def nearest_profile(folder: Path, path: Path = PARAMS) -> tuple[str, list[Difference]]:
    """The profile that a parameter file differs least from, and on which keys.

    Keys on where the data lie and what runs (``LOCAL``) do not count. If several profiles differ
    as little, the first by name is returned.

    Args:
        folder: Folder of profiles, complete parameter files.
        path: The parameter file; ``right`` of each difference.

    Raises:
        ParamsError: If there is no profile, or a file cannot be read.
    """
    profiles = sorted(folder.glob("*.yaml"))
    if not profiles:
        raise ParamsError(f"{folder}: no profiles, expected demo.yaml and others.")
    found = {
        profile.stem: [
            d for d in parameter_differences(profile, path) if not d.key.startswith(LOCAL)
        ]
        for profile in profiles
    }
    name = min(found, key=lambda stem: len(found[stem]))
    return name, found[name]
