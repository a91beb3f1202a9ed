"""A run of the pipeline beside the recorded one: stage by stage, what is equal and what is not.

Bytes are compared first. Where they differ, a stage before any training is different: it computes
nothing that a seed decides, so that no spread excuses it. A stage from the first training on is
judged by the scores that depend on it, and, if none do, by all scores: each must be within the
recorded spread over seeds, by :data:`camchex.comparisons.seed_spread.RULE`.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Any

from pydantic import BaseModel, ValidationError

from camchex.aggregates.results import Results
from camchex.comparisons.parameters import differences
from camchex.comparisons.seed_spread import SeedScore, is_within_spread, widest_difference
from camchex.comparisons.stage_records import StageRecord, all_outs, in_order, made_from, within
from camchex.errors import DataError, wrong_values

LEVELS, SCORES = ("study", "image"), ("mAP", "AUROC")
Scores = Mapping[str, SeedScore]


class Verdict(StrEnum):
    """What is said of a stage."""

    EQUAL = "equal bytes"
    WITHIN = "equal within the recorded spread over seeds"
    DIFFERENT = "different"
    NOT_MADE = "not made here"


class LockedFile(BaseModel):
    """An output or a dependency in a lock file."""

    path: str
    md5: str


class LockedStage(BaseModel):
    """A stage in a lock file."""

    outs: tuple[LockedFile, ...] = ()
    deps: tuple[LockedFile, ...] = ()
    params: dict[str, dict[str, object]] = {}


class Lock(BaseModel):
    """What is read of a lock file of DVC."""

    stages: dict[str, LockedStage] = {}


@dataclass(frozen=True)
class Run:
    """What is known of a run.

    Attributes:
        stages: Stages by name, in the order of their lock files.
        scores: Scores over seeds by the path of the file that holds them, and their name.
    """

    stages: Mapping[str, StageRecord]
    scores: Mapping[str, Scores]


@dataclass(frozen=True)
class Folder:
    """Facts about files of the working folder, by path.

    Attributes:
        absent: Outputs and dependencies of stages that are not there.
        in_git: Outputs that git has recorded, so that a clone has them before a stage was run.
        changed: Outputs that are not as git has recorded them.
    """

    absent: Set[str]
    in_git: Set[str]
    changed: Set[str]


@dataclass(frozen=True)
class ComparedScore:
    """A score of both runs.

    Attributes:
        file: The file that holds it.
        name: Name of the score.
        recorded: Over the seeds of the recorded run.
        here: Over the seeds of this run.
        widest: Largest difference of the means that is within the spread.
        within: Whether the difference is.
    """

    file: str
    name: str
    recorded: SeedScore
    here: SeedScore
    widest: float
    within: bool


@dataclass(frozen=True)
class ComparedStage:
    """A stage of both runs.

    Attributes:
        name: Name of the stage.
        verdict: What is said of it.
        outputs: Outputs whose bytes differ.
        code_and_data: Code and raw data that it was run with and that differ: nothing that another
            stage makes.
        parameters: Parameters that differ, as ``key: recorded -> here``.
    """

    name: str
    verdict: Verdict
    outputs: Sequence[str] = ()
    code_and_data: Sequence[str] = ()
    parameters: Sequence[str] = ()


@dataclass(frozen=True)
class ComparedRun:
    """Two runs, stage by stage.

    Attributes:
        stages: Every recorded stage, in the order of the pipeline.
        scores: Every score of files that were made here.
        required: Stages that a complete run has made.
        not_recorded: Stages that are only here.
    """

    stages: Sequence[ComparedStage]
    scores: Sequence[ComparedScore]
    required: Set[str]
    not_recorded: Sequence[str]

    def first(self, *verdicts: Verdict) -> ComparedStage | None:
        """First stage of the pipeline with one of some verdicts."""
        return next((stage for stage in self.stages if stage.verdict in verdicts), None)

    @property
    def missing(self) -> list[str]:
        """Required stages that were not made here."""
        unmade = [s.name for s in self.stages if s.verdict is Verdict.NOT_MADE]
        return [name for name in unmade if name in self.required]

    @property
    def verdict(self) -> Verdict:
        """What is said of the whole run."""
        if self.first(Verdict.DIFFERENT):
            return Verdict.DIFFERENT
        if self.missing:
            return Verdict.NOT_MADE
        return Verdict.WITHIN if self.first(Verdict.WITHIN) else Verdict.EQUAL

    @property
    def reproduced(self) -> bool:
        """Whether a complete run is equal, in bytes or within the spread."""
        return self.verdict in (Verdict.EQUAL, Verdict.WITHIN)


def read_lock(content: object, where: str, advice: str) -> dict[str, Any]:
    """Check that a parsed lock file has what is read of it; an empty one has no stage.

    Raises:
        DataError: Naming what DVC does not write so.
    """
    try:
        return Lock.model_validate({} if content is None else content).model_dump()
    except ValidationError as error:
        raise DataError(f"{where}: damaged: {wrong_values(error)}. {advice}") from error


def summary_scores(summary: Results) -> dict[str, SeedScore]:
    """Headline scores of a summary, as :func:`camchex.report.summary.summary_metrics` writes it."""
    (details,) = summary["details"]
    seeds = len(details["seeds"])
    return {
        f"{score} per {level}": _seed_score(details[level][score], seeds)
        for level in LEVELS
        for score in SCORES
    }


def table_scores(table: Results) -> dict[str, SeedScore]:
    """Scores of a table of variants, or of missing inputs, whose rows all have every seed.

    Rows of single models have no spread and are left out.
    """
    seeds = len(table["seeds"])
    return {
        f"{score}, {row['label']}": _seed_score(row[score], row.get("models", seeds))
        for row in table["rows"].values()
        if row.get("models", seeds) > 1
        for score in SCORES
    }


def _seed_score(score: Results, seeds: int) -> SeedScore:
    """Read a score over seeds; each of its numbers may be null."""
    found = SeedScore(**score, seeds=seeds)
    numbers = [value for value in (found.mean, found.sd) if value is not None]
    if seeds < 1 or not all(type(v) in (int, float) and isfinite(v) and v >= 0 for v in numbers):
        raise ValueError(f"{score} over {seeds} seeds")
    return found


def compare_runs(
    recorded: Run, here: Run, folder: Folder, *, trained_below: str, required: Set[str]
) -> ComparedRun:
    """Compare every stage of a recorded run with the same stage of another.

    Args:
        recorded: The recorded run.
        here: The run of the working folder.
        folder: Facts about its files.
        trained_below: Folder of trained models: a stage that writes there, and every stage after
            it, is judged by scores.
        required: Stages that a complete run has made.
    """
    order, before = in_order(recorded.stages), made_from(recorded.stages)
    made = _made_here(order, before, recorded, here, folder)
    trained = {
        n for n, s in recorded.stages.items() if any(within(o, trained_below) for o in s.outs)
    }
    maker_of = {out: name for name, stage in recorded.stages.items() for out in stage.outs}
    scores = {
        maker_of[file]: _compare_scores(file, found, here.scores.get(file, {}))
        for file, found in recorded.scores.items()
        if maker_of.get(file) in made
    }
    ancestors = _with_ancestors(order, before)
    everything = [score for found in scores.values() for score in found]

    def compare(name: str) -> ComparedStage:
        if name not in made:
            return ComparedStage(name, Verdict.NOT_MADE)
        one, other = recorded.stages[name], here.stages[name]
        outs = _differ(one.outs, other.outs, folder.changed)
        if not outs:
            return ComparedStage(name, Verdict.EQUAL)
        depend = [score for maker in scores if name in ancestors[maker] for score in scores[maker]]
        judged = depend or everything
        excused = trained & ancestors[name] and judged and all(score.within for score in judged)
        verdict = Verdict.WITHIN if excused else Verdict.DIFFERENT
        own = [dep for dep in _differ(one.deps, other.deps) if not _is_made(dep, maker_of)]
        changed = differences(one.params, other.params)
        parameters = [f"{c.key}: {c.left or 'none'} -> {c.right or 'none'}" for c in changed]
        return ComparedStage(name, verdict, outs, own, parameters)

    return ComparedRun(
        stages=[compare(name) for name in order],
        scores=everything,
        required=required,
        not_recorded=[name for name in here.stages if name not in recorded.stages],
    )


def _differ(
    one: Mapping[str, str], other: Mapping[str, str], also: Set[str] = frozenset()
) -> list[str]:
    """Paths whose hashes differ, or that only one has, or that ``also`` names, in order."""
    paths = dict.fromkeys((*one, *other))
    return [path for path in paths if path in also or one.get(path) != other.get(path)]


def _is_made(path: str, outs: Iterable[str]) -> bool:
    """Whether stages make a path, a folder that it lies in, or a part of it."""
    return any(within(path, out) or within(out, path) for out in outs)


def _with_ancestors(
    order: Sequence[str], before: Mapping[str, Sequence[str]]
) -> dict[str, set[str]]:
    """For each stage itself and all stages that its inputs come from."""
    found: dict[str, set[str]] = {}
    for name in order:
        found[name] = {name}.union(*(found[maker] for maker in before[name]))
    return found


def _made_here(
    order: Sequence[str],
    before: Mapping[str, Sequence[str]],
    recorded: Run,
    here: Run,
    folder: Folder,
) -> set[str]:
    """Stages whose outputs are there, and are of the dependencies that the folder now has.

    A stage that was not run since its input was made anew does not count, nor does what is made of
    it. A clone has the outputs that git holds before any stage was run. So a stage with no other
    output counts only where all that it reads is there, and was made here too.
    """
    made: set[str] = set()
    stale: set[str] = set()
    for name in order:
        stage = here.stages.get(name)
        if stage is None:
            continue
        if stale.intersection(before[name]) or _is_stale(name, recorded, here):
            stale.add(name)
            continue
        needed = set(stage.outs)
        if needed <= folder.in_git:
            needed.update(stage.deps)
            if not made.issuperset(before[name]):
                continue
        if not folder.absent & needed:
            made.add(name)
    return made


def _is_stale(name: str, recorded: Run, here: Run) -> bool:
    """Whether a dependency was made anew since a stage was run.

    The hash of a folder says nothing of the files in it: where one of these is not as recorded, the
    hash of the folder cannot be as recorded either.
    """
    before, outs = all_outs(recorded.stages), all_outs(here.stages)
    known = recorded.stages[name].deps
    for dep, used in here.stages[name].deps.items():
        if dep in outs and used != outs[dep]:
            return True
        parts = [path for path in {**before, **outs} if within(path, dep) and path != dep]
        if used == known.get(dep) and any(before.get(p) != outs.get(p) for p in parts):
            return True
    return False


def _compare_scores(file: str, recorded: Scores, here: Scores) -> list[ComparedScore]:
    found = []
    for name, one in recorded.items():
        other = here.get(name, SeedScore(None, None, one.seeds))
        widest, equal = widest_difference(one, other), is_within_spread(one, other)
        found.append(ComparedScore(file, name, one, other, widest, equal))
    return found
