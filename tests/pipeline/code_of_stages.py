"""Code that each stage of dvc.yaml declares, and code that it imports.

``python -m tests.pipeline.code_of_stages`` prints which stages an edit in each room reruns, as
docs/architecture.md shows it.
"""

import shlex
from collections.abc import Iterable, Set
from functools import cache
from pathlib import Path

import grimp
from dvc.dependency import ParamsDependency
from dvc.repo import Repo
from dvc.stage import PipelineStage

from camchex.aggregates.markdown import markdown_table

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "camchex"
IMPORTS = grimp.build_graph("camchex", "stages", cache_dir=None)
NEUTRAL = ("camchex/errors.py", "camchex/runs/", "stages/__init__.py")
"""Code that decides when a stage runs and what it shows meanwhile, never what it computes."""
RESOURCES = {".sql", ".csv", ".yaml", ".html", ".md"}


def load_stages() -> dict[str, PipelineStage]:
    """Every stage of the repository by its address."""
    with Repo(str(ROOT)) as repo:
        return {s.addressing: s for s in repo.index.stages if isinstance(s, PipelineStage)}


STAGES = load_stages()
HEADLINE = {name: stage for name, stage in STAGES.items() if ":" not in name}


def command(stage: PipelineStage) -> tuple[str, list[tuple[str, str]]]:
    """The module that a stage runs, and its options with their values."""
    python, minus_m, module, *words = shlex.split(stage.cmd)
    assert (python, minus_m) == ("python", "-m")
    if (ROOT / Path(*module.split("."))).is_dir():
        module = f"{module}.__main__"
    return module, list(zip(words[::2], words[1::2], strict=True))


def paths(outputs: Iterable) -> set[str]:
    """Paths of dependencies or outputs, without parameters."""
    return {o.def_path for o in outputs if not isinstance(o, ParamsDependency)}


def is_declared(path: str, declared: Iterable[str]) -> bool:
    """Whether a path is declared, or lies in a folder that is."""
    return any(path == d or path.startswith(f"{d}/") for d in declared)


def declared_code(stage: PipelineStage) -> set[str]:
    """Files and folders of code that a stage declares."""
    return {p for p in paths(stage.deps) if p.startswith(("camchex/", "stages/"))}


def source(module: str) -> str:
    """The file of a module, below the repository."""
    path = Path(*module.split("."))
    file = path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")
    return file.as_posix()


def decides(path: str) -> bool:
    """Whether a file of code can change what a stage computes."""
    file = Path(path)
    listed = file.suffix in RESOURCES | {".py"} and file.name != "__init__.py"
    return listed and not path.startswith(NEUTRAL)


def imported_code(stage: PipelineStage) -> Set[str]:
    """Files that a stage's module imports, and the data files in their rooms that they name."""
    return code_behind(command(stage)[0])


@cache
def code_behind(module: str) -> Set[str]:
    """Files that a module imports, its own, and the data files in their rooms that they name."""
    sources = {source(m) for m in IMPORTS.find_upstream_modules(module) | {module}}
    text = "".join((ROOT / path).read_text() for path in sources)
    resources = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*.*")
        if path.suffix in RESOURCES and path.name in text
    }
    return frozenset(path for path in sources | resources if decides(path))


def rooms() -> list[str]:
    """Every package directly in ``camchex``."""
    return sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def kinds(stages: Iterable[str]) -> set[str]:
    """Names of stages without their item: train_student for train_student@1."""
    return {name.partition("@")[0] for name in stages}


def reruns(room: str, stages: dict[str, PipelineStage]) -> set[str]:
    """Kinds of stages that an edit somewhere in a room reruns."""
    folder = f"camchex/{room}"
    return kinds(
        name
        for name, stage in stages.items()
        if any(is_declared(p, {folder}) or p == folder for p in declared_code(stage))
    )


def rerun_table() -> str:
    """Rooms and the stages of dvc.yaml that an edit in them reruns, as a Markdown table."""
    order = {name: place for place, name in enumerate(HEADLINE)}
    place = {name.partition("@")[0]: order[name] for name in reversed(HEADLINE)}
    found = {room: sorted(reruns(room, HEADLINE), key=place.__getitem__) for room in rooms()}
    rows = [
        (f"`{room}`", "every stage" if len(names) == len(place) else ", ".join(names) or "no stage")
        for room, names in found.items()
    ]
    return markdown_table(("an edit in", "reruns"), rows)


if __name__ == "__main__":
    print(rerun_table())  # noqa: T201 - the command's output
