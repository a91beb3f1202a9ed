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

    Numbers of one value are the same, however they are written: 8e-4 and 0.0008, 1 and 1.0.

    Raises:
        ParamsError: If either cannot be read.
    """
    return differences(params.read_file(left), params.read_file(right))


def differences(left: Mapping[str, object], right: Mapping[str, object]) -> list[Difference]:
    """Every key on which two sets of parameters differ, as :func:`parameter_differences`."""
    ours, theirs = dict(_flat(left)), dict(_flat(right))
    return [
        Difference(key, _shown(ours, key), _shown(theirs, key))
        for key in {**ours, **theirs}
        if not (key in ours and key in theirs and _same(ours[key], theirs[key]))
    ]


def _flat(values: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    """Dotted key and value of every leaf; a list or an empty mapping is a leaf."""
    for name, value in values.items():
        key = f"{above}{name}"
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{key}.")
        else:
            yield key, value


def _shown(values: Mapping[str, object], key: str) -> str:
    return json.dumps(values[key], default=str) if key in values else ""


def _same(ours: object, theirs: object) -> bool:
    """Whether two values are equal; unlike ``==``, a truth value is no number, at any depth."""
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_same, ours, theirs))
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        return ours.keys() == theirs.keys() and all(_same(ours[k], theirs[k]) for k in ours)
    return ours == theirs and isinstance(ours, bool) == isinstance(theirs, bool)


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
