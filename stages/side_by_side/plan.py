"""What DVC knows: which stages a run has, what each waits for, and which are up to date."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dvc.repo import Repo, lock_repo
from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro
from dvc.stage import PipelineStage, Stage
from dvc.utils.serialize import load_yaml, modify_yaml


@dataclass(frozen=True)
class Plan:
    """The stages of a run.

    Attributes:
        upstream: The stages that each stage waits for, by address, in the order of ``dvc repro``.
        current: Stages that are up to date, as is all that they depend on.
        modules: What the commands of the other stages run as ``python -m stages.<name>``, in order.
        records: Names of the entries of each dvc.lock, in the order that ``dvc repro`` would leave.
    """

    upstream: dict[str, frozenset[str]]
    current: frozenset[str]
    modules: Sequence[str]
    records: Mapping[Path, Sequence[str]]


def read_plan(targets: Sequence[str]) -> Plan:
    """Ask DVC, as ``dvc repro`` does.

    Args:
        targets: Stages or files of stages; none: dvc.yaml.

    Raises:
        DvcException: If a dvc.yaml is not valid, or a target does not exist.
    """
    with Repo(_wait_for_lock=True) as repo, lock_repo(repo):
        graph = get_active_graph(repo.index.graph)
        wanted = set(plan_repro(graph, collect_stages(repo, targets or ["dvc.yaml"])))
        graph.remove_nodes_from([stage for stage in graph if stage not in wanted])
        order: list[Stage] = plan_repro(graph)
        current: set[Stage] = set()
        for stage in order:
            if current.issuperset(graph.successors(stage)) and not stage.changed():
                current.add(stage)
        return Plan(
            {s.addressing: frozenset(u.addressing for u in graph.successors(s)) for s in order},
            frozenset(stage.addressing for stage in current),
            _modules(stage for stage in order if stage not in current),
            _records(order),
        )


def _modules(stages: Iterable[Stage]) -> list[str]:
    commands = " ".join(str(stage.cmd) for stage in stages)  # a command, or a list of several
    return list(dict.fromkeys(re.findall(r"python -m (stages\.\w+)", commands)))


def _records(order: Iterable[Stage]) -> dict[Path, list[str]]:
    """Entries of each dvc.lock: those that it has keep their place, new ones follow in order."""
    names = defaultdict(list)
    for stage in order:
        if isinstance(stage, PipelineStage):
            names[Path(stage.path).with_suffix(".lock")].append(stage.name)
    return {path: list(dict.fromkeys(_recorded(path) + found)) for path, found in names.items()}


def _recorded(path: Path) -> list[str]:
    return list(load_yaml(path).get("stages", {})) if path.exists() else []


def order_records(records: Mapping[Path, Sequence[str]]) -> None:
    """Put the entries of each dvc.lock in order; DVC appends a new one when its stage ends."""
    with Repo(_wait_for_lock=True) as repo, lock_repo(repo):
        for path, names in records.items():
            found = _recorded(path)
            place = {name: number for number, name in enumerate(names)}
            ordered = sorted(found, key=lambda name: place.get(name, len(place)))
            if ordered != found:
                with modify_yaml(path) as data:
                    entries = [(name, data["stages"].pop(name)) for name in ordered]
                    for name, entry in entries:
                        data["stages"][name] = entry
