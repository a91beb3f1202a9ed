"""dvc.yaml names what each stage imports, reads and writes, and reruns what an edit can change."""

import importlib
import inspect
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, get_args, get_origin

import pytest
import typer
from dvc.dependency import ParamsDependency
from dvc.stage import PipelineStage

from camchex.contract.yaml_file import read_yaml
from stages import Input, Output, score_curated
from tests.pipeline.code_of_stages import (
    HEADLINE,
    IMPORTS,
    ROOT,
    STAGES,
    command,
    decides,
    declared_code,
    imported_code,
    is_declared,
    kinds,
    paths,
    rerun_table,
    reruns,
    rooms,
    source,
)
from tests.pipeline.test_imports import forbidden

MOST_CODE = 6  # files and folders of code of one stage
MOST_LINES = 500  # of dvc.yaml
HEADLINE_STAGES = 35
DATA_STAGES = (
    "ingest_mimic",
    "ingest_external",
    "prepare_images",
    "classify_views",
    "find_duplicates",
    "extract_indications",
    "link_vitals",
    "build_cohort",
    "evaluate",
    "audit_leakage",
    "report",
    "make_synthetic",
    "compare_missing",
    "compare_variants",
    "late_fusion",
    "score_curated",
    "score_predictions",
)
PREPARATION = {"prepare_images_mimic", "prepare_images"}
NOISY_STUDENT = {"train_teacher", "pseudo_label", "train_student"}
TRAININGS = {"train_teacher", "train_student", "finetune_view", "train_fusion"}
NETWORK_STAGES = TRAININGS | {"pseudo_label", "predict"}
DATA = {
    *("ingest_mimic", "ingest_external", "extract_indications", "link_vitals"),
    *("build_cohort", "find_duplicates"),
}
AFTER = {"evaluate", "audit_leakage", "report"}
EVERY = DATA | {"classify_views"} | PREPARATION | NETWORK_STAGES | AFTER
RERUNS = {
    "aggregates": DATA | PREPARATION | {"classify_views", "pseudo_label"} | AFTER,
    "app": set(),
    "audit": {"audit_leakage"},
    "check": set(),
    "cli": set(),
    "cohort": {"build_cohort", "find_duplicates"},
    "comparisons": {"report"},
    "contract": EVERY,
    "estimate": set(),
    "explanations": set(),
    "export": set(),
    "many_studies": set(),
    "fusion": {"train_fusion", "predict"},
    "images": PREPARATION,
    "networks": NETWORK_STAGES,
    "noisy_student": {"train_teacher", "train_student", "finetune_view"},
    "prediction": {"predict"},
    "profiles": set(),
    "pseudo_labels": {"pseudo_label"},
    "report": {"report"},
    "reports": {"extract_indications"},
    "runs": set(),
    "scores": AFTER,
    "sources": DATA | {"pseudo_label"},
    "synthetic": set(),
    "texts": {
        *("extract_indications", "link_vitals", "build_cohort", "find_duplicates"),
        *("train_fusion", "predict", "evaluate", "audit_leakage"),
    },
    "training": TRAININGS,
    "views": PREPARATION | {"classify_views"},
    "vitals": {"link_vitals"},
}
"""Kinds of stages of dvc.yaml that an edit in a room reruns: what a user may count on."""
every_stage = pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES.keys())


@every_stage
def test_every_file_of_code_a_stage_uses_is_a_dependency(stage: PipelineStage) -> None:
    declared = declared_code(stage)
    assert not {path for path in imported_code(stage) if not is_declared(path, declared)}


@every_stage
def test_no_code_is_declared_of_which_a_stage_uses_nothing(stage: PipelineStage) -> None:
    used = imported_code(stage)
    assert not {d for d in declared_code(stage) if not any(is_declared(u, {d}) for u in used)}


@every_stage
def test_the_code_of_a_stage_is_at_most_six_files_and_folders(stage: PipelineStage) -> None:
    assert len(declared_code(stage)) <= MOST_CODE


@pytest.mark.parametrize(
    "name", sorted(n for n in HEADLINE if kinds([n]) <= TRAININGS | PREPARATION)
)
def test_what_takes_hours_declares_no_code_that_it_does_not_use(name: str) -> None:
    declared, used = declared_code(HEADLINE[name]), imported_code(HEADLINE[name])
    held = {
        path.relative_to(ROOT).as_posix()
        for folder in declared
        for path in (ROOT / folder).rglob("*.*")
    }
    assert not {path for path in held if decides(path) and "__pycache__" not in path} - used


@pytest.mark.parametrize("room", rooms())
def test_an_edit_in_a_room_reruns_these_stages_and_no_other(room: str) -> None:
    assert reruns(room, HEADLINE) == RERUNS[room]


@pytest.mark.parametrize("room", rooms())
def test_every_stage_that_imports_from_a_room_is_rerun_by_an_edit_in_it(room: str) -> None:
    importing = kinds(
        name
        for name, stage in HEADLINE.items()
        if any(is_declared(path, {f"camchex/{room}"}) for path in imported_code(stage))
    )
    assert importing <= RERUNS[room]


@pytest.mark.parametrize("room", ["fusion", "texts", "prediction", "audit", "scores", "report"])
def test_the_noisy_student_is_not_rerun_by_what_comes_after_it(room: str) -> None:
    assert not RERUNS[room] & NOISY_STUDENT


def test_the_parameters_of_the_fusion_are_no_code_of_the_noisy_student() -> None:
    section = "camchex/fusion/section.py"
    assert "class FusionParams" in (ROOT / section).read_text()
    of_noisy_student = [stage for name, stage in HEADLINE.items() if kinds([name]) <= NOISY_STUDENT]
    assert len(of_noisy_student) == 9  # a teacher, four students, four rounds of labels
    assert not [s.addressing for s in of_noisy_student if is_declared(section, declared_code(s))]


def test_the_page_on_architecture_holds_the_rerun_table() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    block = re.search(r"<!-- reruns -->\n(.*?)\n<!-- /reruns -->", page, re.DOTALL)
    assert block, "docs/architecture.md lacks the block <!-- reruns -->"
    remake = "print it with `python -m tests.pipeline.code_of_stages`"
    assert block[1].strip() == rerun_table().strip(), remake


def test_the_pipeline_can_be_read_top_to_bottom() -> None:
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) <= MOST_LINES


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
def test_the_command_line_of_a_stage_reads_every_option_that_it_is_given(
    stage: PipelineStage,
) -> None:
    module, options = command(stage)
    program = typer.Typer()
    program.command()(importlib.import_module(module).main)
    known = {name for one in typer.main.get_command(program).params for name in one.opts}
    assert {option for option, _ in options} <= known


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
    """Sections that a stage's own source loads from params.yaml, for its result."""
    text = (ROOT / source(module)).read_text().replace('params.load("text.model", str)', "")
    return set(re.findall(r'\b(?:params\.load|load_section)\(\s*f?"(\w+)', text))


@every_stage
def test_every_section_a_stage_loads_is_declared(stage: PipelineStage) -> None:
    declared = {
        key.split(".")[0]
        for dep in stage.deps
        if isinstance(dep, ParamsDependency)
        for key in dep.params
    }
    assert loaded_sections(command(stage)[0]) - {"runtime"} <= declared


def test_labels_that_people_gave_are_a_stage_where_a_parameter_names_their_file() -> None:
    assert not [name for name in HEADLINE if name.startswith("score_curated")]  # not in the demo
    template = read_yaml(ROOT / "dvc.yaml")["stages"]["score_curated"]["do"]
    words = shlex.split(template["cmd"])[3:]
    given = dict(zip(words[::2], words[1::2], strict=True))
    parameters = inspect.signature(score_curated.main).parameters
    assert {option.removeprefix("--") for option in given} == set(parameters)
    written = {path for out in template["outs"] for path in out}
    for name, parameter in parameters.items():
        declared = written if parameter.annotation == Output else template["deps"]
        assert given[f"--{name}"] in declared
    code = {path for path in template["deps"] if path.startswith(("camchex", "stages"))}
    imported = {source(m) for m in IMPORTS.find_upstream_modules("stages.score_curated")}
    assert all(is_declared(path, code) for path in imported if decides(path))
    assert len(code) <= MOST_CODE
    private = [out for out in template["outs"] if "metrics/" not in next(iter(out))]
    assert all(settings == {"push": False} for out in private for settings in out.values())


def test_data_stages_do_not_load_torch() -> None:
    modules, packages = forbidden()  # which test_imports imports
    assert {f"stages.{name}" for name in DATA_STAGES} <= set(modules)
    assert {"torch", "timm", "transformers", "lightning"} <= set(packages)


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
    lock = read_yaml(ROOT / "dvc.lock")["stages"]
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


def test_a_checkout_converts_no_line_ends_whatever_git_is_told() -> None:
    files = ["dvc.yaml", "params.yaml", "stages/predict.py", "metrics/summary.json"]
    command = ["git", "check-attr", "text", "--", *files]
    found = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert [line.rpartition(": ")[2] for line in found.splitlines()] == ["unset"] * len(files)
