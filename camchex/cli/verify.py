"""The command that compares the working folder with the run that git has recorded."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from camchex.cli.machine import machine_differences, python_and_processor
from camchex.cli.scores import AsJson, print_json
from camchex.errors import CamchexError, DataError
from camchex.runs.git import git

if TYPE_CHECKING:
    from camchex.check.recorded_run import (
        ComparedRun,
        ComparedScore,
        ComparedStage,
        Folder,
        Run,
        Scores,
    )
    from camchex.comparisons.seed_spread import SeedScore
    from camchex.comparisons.stage_records import StageRecord

LOCK = "dvc.lock"
FURTHER = ("data/synthetic", "ablations")
"""Folders of the pipelines beside the first; a run is complete without them."""
SUMMARY = "metrics/summary.json"
TABLES = tuple(
    f"metrics/ablations/{name}.json" for name in ("table3", "baselines", "parts", "missing")
)
MODELS = "models"
PARAMS, PINS = "params.yaml", "constraints.txt"
PIPELINE = "dvc.yaml"
RUN = "`make repro` runs the pipeline."
MOST_NAMES = 4  # in a sentence
Read = Callable[[str], str | None]
"""Text of a file of a run, by its path; None where there is none."""

commands = typer.Typer()


@commands.command(epilog="Example: [bold]camchex verify[/], or [bold]camchex verify --json[/]")
def verify(
    *,
    against: Annotated[
        str, typer.Option(metavar="COMMIT", help="The commit that holds the recorded run.")
    ] = "HEAD",
    as_json: AsJson = False,
) -> None:
    """Compare what was made here with the run that git has recorded, stage by stage.

    Says of each stage whether its bytes are equal, its scores are equal within the recorded spread
    over seeds, or neither; then what is known to differ on this machine. The exit status is 0 if
    the whole pipeline was made here and is equal in bytes or within the spread, else 1.
    """
    from camchex.check.recorded_run import Verdict
    from camchex.comparisons.seed_spread import RULE

    commit = git("rev-parse", "--verify", "--quiet", f"{against}^{{commit}}")
    if commit is None:
        raise CamchexError(
            f"git finds no commit {against} in this folder, and so no recorded run. Run "
            "`camchex verify` in a clone of the repository, with git installed."
        )
    found = compare_with(commit)
    differ = found.first(Verdict.DIFFERENT, Verdict.WITHIN) is not None
    machine = _machine(commit) if differ else []
    if as_json:
        print_json(
            {
                "commit": commit,
                "verdict": found.verdict,
                "reproduced": found.reproduced,
                **asdict(found, dict_factory=_plain),
                "rule": RULE,
                "here": python_and_processor(),
                "machine": machine,
            }
        )
    else:
        _show(found, commit, machine, RULE)
    raise typer.Exit(0 if found.reproduced else 1)


def _plain(pairs: list[tuple[str, object]]) -> dict[str, object]:
    return {key: sorted(v) if isinstance(v, set | frozenset) else v for key, v in pairs}


def compare_with(commit: str) -> "ComparedRun":
    """Compare the working folder with a commit.

    Raises:
        DataError: If either has no dvc.lock, or a file of either cannot be read.
    """
    from camchex.check.recorded_run import compare_runs

    recorded = _read_run(
        lambda path: git("show", f"{commit}:./{path}"),
        f"commit {commit[:12]}",
        "`--against` names another commit.",
    )
    here = _read_run(_read_here, "this folder", RUN)
    return compare_runs(
        recorded,
        here,
        _look_at_files(commit, recorded, here),
        trained_below=MODELS,
        required={name for name in recorded.stages if ":" not in name},
    )


def _read_here(path: str) -> str | None:
    return Path(path).read_text("utf-8") if Path(path).is_file() else None


def _read_run(read: Read, where: str, advice: str) -> "Run":
    """Read the stages of all pipelines, named as DVC names them, and the scores."""
    from camchex.check.recorded_run import Run, read_lock, summary_scores, table_scores
    from camchex.comparisons.stage_records import read_stages
    from camchex.contract.yaml_file import parse_yaml

    def text_of(path: str) -> str | None:
        try:
            return read(path)
        except UnicodeDecodeError as error:
            raise DataError(f"{path} of {where}: not UTF-8 text. {advice}") from error

    def stages_of(path: str, text: str) -> dict[str, "StageRecord"]:
        place = f"{path} of {where}"
        return read_stages(read_lock(parse_yaml(text, place), place, advice))

    first = text_of(LOCK)
    if first is None:
        raise DataError(f"{LOCK}: not in {where}, so that no run is known there. {advice}")
    stages = stages_of(LOCK, first)
    for folder in FURTHER:
        path = f"{folder}/{LOCK}"
        found = stages_of(path, text_of(path) or "")
        stages |= {f"{folder}/dvc.yaml:{name}": stage for name, stage in found.items()}
    readers = {SUMMARY: summary_scores, **dict.fromkeys(TABLES, table_scores)}
    texts = {path: text for path in readers if (text := text_of(path)) is not None}
    return Run(
        stages, {p: _scores(readers[p], text, f"{p} of {where}") for p, text in texts.items()}
    )


def _scores(scores_of: Callable[[Mapping[str, Any]], "Scores"], text: str, where: str) -> "Scores":
    try:
        return scores_of(json.loads(text))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DataError(
            f"{where}: not the scores that its stage writes ({error!r}). `dvc repro` makes the "
            "file again."
        ) from error


def _look_at_files(commit: str, *runs: "Run") -> "Folder":
    from camchex.check.recorded_run import Folder

    stages = [stage for run in runs for stage in run.stages.values()]
    outs = sorted({path for stage in stages for path in stage.outs})
    paths = {*outs, *(path for stage in stages for path in stage.deps)}

    def listed(*words: str) -> set[str]:
        """Outputs that a command of git lists, or that hold what it lists."""
        files = (git("-c", "core.quotePath=off", *words, "--", *outs) or "").splitlines()
        held = set(files) | {str(p) for file in files for p in Path(file).parents}
        return held.intersection(outs)

    return Folder(
        absent=frozenset(path for path in paths if not Path(path).exists()),
        in_git=frozenset(listed("ls-tree", "-r", "--name-only", commit)),
        changed=frozenset(
            listed("diff", "--name-only", "--relative", commit)
            | listed("ls-files", "--others", "--exclude-standard")
        ),
    )


def _machine(commit: str) -> list[str]:
    from camchex.contract import params
    from camchex.contract.yaml_file import parse_yaml
    from camchex.runs.runtime import RuntimeParams

    here = params.load("runtime", RuntimeParams)
    text = git("show", f"{commit}:./{PARAMS}") or ""
    then = (parse_yaml(text, f"{PARAMS} of commit {commit[:12]}") or {}).get("runtime")
    where = f"{PARAMS} of commit {commit[:12]}: runtime"
    recorded = here if then is None else params.validate(then, RuntimeParams, where)
    return machine_differences(git("show", f"{commit}:./{PINS}") or "", recorded, here)


def _show(found: "ComparedRun", commit: str, machine: Sequence[str], rule: str) -> None:
    console = Console(markup=False, highlight=False, soft_wrap=True)
    console.print(f"Recorded: commit {commit[:12]}. Here: {python_and_processor()}.\n")
    table = Table(Column("stage", no_wrap=True), Column("verdict", no_wrap=True), box=None)
    for stage in found.stages:
        table.add_row(stage.name, stage.verdict)
    console.print(table)
    if found.not_recorded:
        console.print(f"\nOnly here, not recorded: {', '.join(found.not_recorded)}")
    differ = any(stage.outputs for stage in found.stages)
    if differ and found.scores:
        console.print()
        console.print(_score_table(found.scores))
        console.print(f"\n{rule}")
    console.print()
    for line in conclusion(found):
        console.print(line)
    if differ:
        nothing = ("nothing: packages, settings and tested arithmetic are as recorded",)
        console.print("\nKnown to differ on this machine:")
        for line in machine or nothing:
            console.print(f"  {line}")


def _score_table(scores: Sequence["ComparedScore"]) -> Table:
    names = ("recorded", "here", "here - recorded", "at most", "within the spread")
    table = Table("score", *(Column(name, no_wrap=True) for name in names), box=None)
    for score in scores:
        one, other = score.recorded, score.here
        change = "" if one.mean is None or other.mean is None else f"{other.mean - one.mean:+.4f}"
        cells = (_mean_sd(one), _mean_sd(other), change, f"{score.widest:.4f}")
        table.add_row(score.name, *cells, "yes" if score.within else "no")
    return table


def _mean_sd(score: "SeedScore") -> str:
    mean = "not scored" if score.mean is None else f"{score.mean:.4f}"
    return mean if score.sd is None else f"{mean} ± {score.sd:.4f}"


def conclusion(found: "ComparedRun") -> list[str]:
    """What a reader is told of a whole run, a sentence or two a line."""
    from camchex.check.recorded_run import Verdict

    differs = found.first(Verdict.DIFFERENT, Verdict.WITHIN)
    lines = []
    if found.missing:
        count = f"{len(found.missing)} of the {len(found.required)} stages of {PIPELINE}"
        lines.append(f"Not complete: {count} were not made here: {_some(found.missing)}. {RUN}")
    if differs is None:
        equal = sum(stage.verdict is Verdict.EQUAL for stage in found.stages)
        return (
            [*lines, f"Equal bytes: every stage that was made here ({equal})."] if equal else lines
        )
    different = found.first(Verdict.DIFFERENT)
    if different is None:
        verdict = f"scores are {Verdict.WITHIN}."
    elif different is differs:
        verdict = "this is the first stage that is different."
    else:
        verdict = f"the first stage that is different is {different.name}."
    lines.append(f"Bytes differ from {differs.name} on; {verdict}")
    return [*lines, *_inputs(differs)]


def _inputs(stage: "ComparedStage") -> list[str]:
    """What a stage made that differs, and what it was run with that differs."""
    lines = [f"{stage.name} made other bytes: {_some(stage.outputs)}."]
    if stage.code_and_data:
        lines.append(f"It was run with other code or raw data: {_some(stage.code_and_data)}.")
    if stage.parameters:
        lines.append(f"It was run with other parameters: {_some(stage.parameters)}.")
    if not stage.code_and_data and not stage.parameters:
        lines.append("It was run with the recorded code, raw data and parameters.")
    return lines


def _some(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
