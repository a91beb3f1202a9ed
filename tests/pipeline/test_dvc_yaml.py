"""dvc.yaml names what each stage imports, reads and writes: no more, no less."""

import importlib
import inspect
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, get_args, get_origin

import grimp
import pytest
import yaml
from dvc.dependency import ParamsDependency
from dvc.repo import Repo
from dvc.stage import PipelineStage

from stages import Input, Output

ROOT = Path(__file__).resolve().parents[2]
IMPORTS = grimp.build_graph("camchex", "stages", cache_dir=None)
# These change when a stage runs and what it shows meanwhile, never what it computes.
NEUTRAL = {
    Path("camchex/__init__.py"),
    Path("camchex/errors.py"),
    Path("camchex/runs/lock.py"),
    Path("camchex/runs/progress.py"),
    Path("camchex/runs/runtime.py"),
    Path("stages/__init__.py"),
}
RESOURCES = {".sql", ".csv", ".yaml", ".html"}
HEADLINE_STAGES = 33
DATA_STAGES = (
    "ingest_mimic",
    "ingest_external",
    "prepare_images",
    "extract_indications",
    "link_vitals",
    "build_cohort",
    "evaluate",
    "audit_leakage",
    "report",
    "make_synthetic",
    "compare_variants",
    "score_late",
)


def load_stages() -> list[PipelineStage]:
    with Repo(str(ROOT)) as repo:
        return [s for s in repo.index.stages if isinstance(s, PipelineStage)]


STAGES = {stage.addressing: stage for stage in load_stages()}
HEADLINE = {name: stage for name, stage in STAGES.items() if ":" not in name}
every_stage = pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES.keys())


def command(stage: PipelineStage) -> tuple[str, list[tuple[str, str]]]:
    """The module a stage runs, and its options."""
    python, minus_m, module, *words = shlex.split(stage.cmd)
    assert (python, minus_m) == ("python", "-m")
    return module, list(zip(words[::2], words[1::2], strict=True))


def source(module: str) -> Path:
    path = Path(*module.split("."))
    return path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")


def files_needed(module: str) -> set[Path]:
    """Source files a module imports, and the data files (SQL, CSV, ...) that these name."""
    sources = {source(m) for m in IMPORTS.find_upstream_modules(module) | {module}}
    text = "".join((ROOT / path).read_text() for path in sources)
    resources = {
        path.relative_to(ROOT)
        for path in (ROOT / "camchex").rglob("*.*")
        if path.suffix in RESOURCES and path.name in text
    }
    return {p for p in sources | resources if (ROOT / p).stat().st_size} - NEUTRAL


def paths(outputs: list) -> set[str]:
    return {o.def_path for o in outputs if not isinstance(o, ParamsDependency)}


@every_stage
def test_every_file_of_code_a_stage_uses_is_a_dependency(stage: PipelineStage) -> None:
    needed = files_needed(command(stage)[0])
    declared = {Path(p) for p in paths(stage.deps)}
    assert not {str(f) for f in needed if not declared & {f, *f.parents}}


@every_stage
def test_no_code_is_declared_that_a_stage_does_not_use(stage: PipelineStage) -> None:
    needed = files_needed(command(stage)[0])
    used = needed | {parent for f in needed for parent in f.parents}
    code = {Path(p) for p in paths(stage.deps) if p.startswith(("camchex", "stages"))}
    assert not {str(f) for f in code - used}


@pytest.mark.parametrize("stage", HEADLINE.values(), ids=HEADLINE.keys())
def test_a_folder_of_code_is_declared_only_where_all_of_it_is_used(stage: PipelineStage) -> None:
    needed = files_needed(command(stage)[0])
    for name in paths(stage.deps):
        if (ROOT / name).is_dir() and name.startswith("camchex"):
            held = {p.relative_to(ROOT) for p in (ROOT / name).rglob("*.*") if code_of(p)}
            assert not {str(f) for f in held - needed - NEUTRAL}


def code_of(path: Path) -> bool:
    """Whether a file decides what a stage does."""
    return path.suffix in RESOURCES | {".py"} and path.name != "__init__.py"


def is_declared(path: str, declared: set[str]) -> bool:
    return any(path == d or path.startswith(f"{d}/") for d in declared)


@every_stage
def test_every_path_option_is_a_declared_dependency_or_output(stage: PipelineStage) -> None:
    module, options = command(stage)
    options = [(option, value) for option, value in options if option != "--set"]
    allowed = {Input: paths(stage.deps), Output: paths(stage.outs)}
    parameters = inspect.signature(importlib.import_module(module).main).parameters
    for option, value in options:
        annotation = parameters[option.removeprefix("--").replace("-", "_")].annotation
        if get_origin(annotation) is Annotated and get_args(annotation)[0] is Path:
            assert is_declared(value, allowed[annotation]), option


@every_stage
def test_every_output_is_private_or_a_tracked_aggregate(stage: PipelineStage) -> None:
    for out in stage.outs:
        tracked = not out.use_cache and out.def_path.startswith("metrics/")
        assert tracked or out.can_push is False, f"{out.def_path} lacks push: false"


@every_stage
def test_every_stage_says_what_it_does(stage: PipelineStage) -> None:
    assert stage.desc


def test_the_headline_pipeline_has_as_many_stages_as_it_declares() -> None:
    assert len(HEADLINE) == HEADLINE_STAGES, sorted(HEADLINE)


def test_runtime_is_a_parameter_of_no_stage() -> None:
    params = {
        key
        for stage in STAGES.values()
        for dep in stage.deps
        if isinstance(dep, ParamsDependency)
        for key in dep.params
    }
    assert params
    assert not {key for key in params if key.split(".")[0] == "runtime"}


def loaded_sections(module: str) -> set[str]:
    """Sections that a stage's own source loads from params.yaml."""
    text = (ROOT / source(module)).read_text()
    return set(re.findall(r'params\.load\(\s*f?"(\w+)', text))


@every_stage
def test_every_section_a_stage_loads_is_declared(stage: PipelineStage) -> None:
    declared = {
        key.split(".")[0]
        for dep in stage.deps
        if isinstance(dep, ParamsDependency)
        for key in dep.params
    }
    assert loaded_sections(command(stage)[0]) - {"runtime"} <= declared


def test_data_stages_do_not_load_torch() -> None:
    code = f"""
import importlib, sys
for name in {DATA_STAGES!r}:
    importlib.import_module("stages." + name)
    heavy = {{"torch", "timm", "transformers", "lightning"}} & set(sys.modules)
    assert not heavy, (name, heavy)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_the_fusion_model_is_no_dependency_of_the_noisy_student() -> None:
    noisy_student = [s for n, s in HEADLINE.items() if n.startswith(("train_teacher", "train_st"))]
    assert noisy_student
    for stage in noisy_student:
        assert not is_declared("camchex/fusion/camchex.py", paths(stage.deps))


def downstream(start: str) -> Iterator[str]:
    """Stages that read, directly or not, what ``start`` writes."""
    outputs = paths(HEADLINE[start].outs)
    for name, stage in HEADLINE.items():
        reads = paths(stage.deps)
        if any(is_declared(o, reads) for o in outputs):
            yield name
            yield from downstream(name)


def test_editing_the_section_splitter_reruns_everything_after_it() -> None:
    extract = HEADLINE["extract_indications"]
    assert is_declared("camchex/reports/sections.py", paths(extract.deps))
    after = set(downstream("extract_indications"))
    assert {"build_cohort", "train_teacher", "train_student@4", "report"} <= after


def test_the_lock_is_of_this_code_these_parameters_and_these_metrics() -> None:
    lock = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"]
    assert set(lock) == set(HEADLINE), "stale or missing entries: run `dvc repro`, commit dvc.lock"
    stale = [line for name, stage in HEADLINE.items() for line in stale_parts(name, stage)]
    assert not stale, "dvc.lock is stale: run `dvc repro` and commit it"


def stale_parts(name: str, stage: PipelineStage) -> Iterator[str]:
    """What of a stage differs from its lock entry, looking only at files that git tracks."""
    if stage.cmd_changed:
        yield f"{name}: command"
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            if dep.workspace_status():
                yield f"{name}: {dep.workspace_status()}"
        elif dep.def_path.startswith(("camchex", "stages")) and dep.changed_checksum():
            yield f"{name}: {dep.def_path}"
    for out in stage.outs:
        if not out.use_cache and (not out.exists or out.changed_checksum()):
            yield f"{name}: {out.def_path}"


def test_stages_agree_in_the_lock_on_what_passes_between_them() -> None:
    written = {o.def_path: o.hash_info for s in HEADLINE.values() for o in s.outs}
    read = [(n, d) for n, s in HEADLINE.items() for d in s.deps if d.def_path in written]
    assert len(read) > HEADLINE_STAGES
    assert not [(n, d.def_path) for n, d in read if d.hash_info != written[d.def_path]]
