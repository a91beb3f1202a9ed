"""Stages of a pipeline as its lock file records them: what each read and wrote, and their order."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StageRecord:
    """What a lock file holds of one stage.

    Attributes:
        outs: Hash of each output, by path.
        deps: Hash of each dependency, by path.
        params: Values that the stage was run with, by section or dotted key.
    """

    outs: Mapping[str, str]
    deps: Mapping[str, str]
    params: Mapping[str, object]


def read_stages(lock: Mapping[str, Any] | None) -> dict[str, StageRecord]:
    """Read the stages of a parsed lock file, by name; none where it is empty."""
    return {
        name: StageRecord(
            outs=_hashes(stage.get("outs", ())),
            deps=_hashes(stage.get("deps", ())),
            params={k: v for file in stage.get("params", {}).values() for k, v in file.items()},
        )
        for name, stage in ((lock or {}).get("stages") or {}).items()
    }


def _hashes(entries: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {entry["path"]: entry.get("md5", "") for entry in entries}


def all_outs(stages: Mapping[str, StageRecord]) -> dict[str, str]:
    """Hash of every output of some stages, by path."""
    return {path: md5 for stage in stages.values() for path, md5 in stage.outs.items()}


def within(path: str, folder: str) -> bool:
    """Whether a path is a folder, or lies below it."""
    return path == folder or path.startswith(f"{folder}/")


def made_from(stages: Mapping[str, StageRecord]) -> dict[str, list[str]]:
    """For each stage the stages that it reads from: each made what it reads, or a part of it."""
    makers = [(out, name) for name, stage in stages.items() for out in stage.outs]
    return {
        name: list(
            {
                maker: None  # a dict keeps the order
                for dep in stage.deps
                for out, maker in makers
                if maker != name and (within(dep, out) or within(out, dep))
            }
        )
        for name, stage in stages.items()
    }


def in_order(stages: Mapping[str, StageRecord]) -> list[str]:
    """Names of the stages, each after those that it reads from, else in the given order."""
    before = made_from(stages)
    found: dict[str, None] = {}

    def visit(name: str) -> Iterator[str]:
        if name not in found:
            found[name] = None
            for maker in before[name]:
                yield from visit(maker)
            yield name

    return [name for start in stages for name in visit(start)]
