"""A run: which stage is started when, what is shown meanwhile, and how it ends."""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

import typer
from dvc.exceptions import DvcException
from dvc.scm import SCMError
from rich.console import Console
from rich.live import Live
from rich.text import Text

from camchex.errors import CamchexError, counted
from stages.side_by_side.plan import Plan, order_records, read_plan
from stages.side_by_side.processes import Processes, log_of, only_run

LINES_SHOWN = 40  # of the output of a stage that failed


class StageError(CamchexError):
    """A stage failed, or DVC could not be asked."""


@dataclass
class Run:
    """What a run has done so far.

    Attributes:
        plan: Its stages.
        waiting: Stages not yet started, the most urgent first.
        done: Stages that are up to date.
        running: Process and start (``time.monotonic``) of each stage that runs.
        began: When the run began.
    """

    plan: Plan
    waiting: list[str]
    done: set[str]
    running: dict[str, tuple[BaseProcess, float]] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def ready(self) -> list[str]:
        """Stages that can start now, the most urgent first."""
        return [name for name in self.waiting if self.plan.upstream[name] <= self.done]

    def line(self) -> str:
        """How far the run is, in one line."""
        now, running = time.monotonic(), dict(self.running)
        names = ", ".join(f"{name} ({now - since:.0f} s)" for name, (_, since) in running.items())
        place = len(self.done) + len(running)
        return f"stage {place} of {len(self.plan.upstream)} · {now - self.began:.0f} s · {names}"


def reproduce(targets: Sequence[str], jobs: int) -> None:
    """Bring stages and all that they depend on up to date.

    Args:
        targets: As ``dvc repro`` takes them; none: dvc.yaml.
        jobs: Stages at a time.

    Raises:
        StageError: If a stage fails. Those that then run are let to end.
        typer.Exit: If the run is interrupted (SIGINT, SIGTERM), with status 130.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with only_run():
            _reproduce(targets, jobs)
    except SCMError as error:
        raise StageError(
            f"{error}, which DVC needs. Clone the project, or make a repository of this copy: "
            "git init && git add --all && git commit -m 'A copy of camchex'"
        ) from error
    except DvcException as error:
        raise StageError(f"{error}. `dvc status` may say more.") from error
    except KeyboardInterrupt:
        again = "The same command goes on from here; what is finished is kept."
        typer.secho(f"interrupted. {again}", err=True)
        raise typer.Exit(130) from None


def _reproduce(targets: Sequence[str], jobs: int) -> None:
    plan = read_plan(targets)
    urgency = urgencies(plan.upstream)
    waiting = [name for name in plan.upstream if name not in plan.current]
    run = Run(plan, sorted(waiting, key=urgency.__getitem__, reverse=True), set(plan.current))
    if waiting:
        try:
            _run_waiting(run, jobs)
        finally:
            order_records(plan.records)
    typer.echo(
        f"{counted(len(run.done), 'stage')} up to date: {len(plan.current)} before, "
        f"{len(waiting)} run or checked in {time.monotonic() - run.began:.0f} s"
    )


def urgencies(upstream: dict[str, frozenset[str]]) -> dict[str, tuple[int, int]]:
    """Stages on the longest chain that is still before each stage, then on that behind it.

    Args:
        upstream: What each stage waits for, in an order in which no stage comes before those.
    """
    after, before = dict.fromkeys(upstream, 0), dict.fromkeys(upstream, 0)
    for name, needed in upstream.items():
        before[name] = max((before[other] + 1 for other in needed), default=0)
    for name in reversed(upstream):
        for other in upstream[name]:
            after[other] = max(after[other], after[name] + 1)
    return {name: (after[name], before[name]) for name in upstream}


def _run_waiting(run: Run, jobs: int) -> None:
    """Run every stage of ``run.waiting``; after one has failed, start no more."""
    failed: list[str] = []
    with Processes(run.plan.modules if jobs > 1 else ()) as processes, _shown(run):
        while run.running or (run.waiting and not failed):
            for name in run.ready()[: 0 if failed else jobs - len(run.running)]:
                run.waiting.remove(name)
                run.running[name] = (processes.start(name), time.monotonic())
            wait([process.sentinel for process, _ in run.running.values()])
            for name, (process, _) in list(run.running.items()):
                if process.exitcode is not None:
                    del run.running[name]
                    (failed.append if process.exitcode else run.done.add)(name)
    if failed:
        raise StageError(_failure(failed))


@contextmanager
def _shown(run: Run) -> Iterator[None]:
    """A line that is rewritten while the run lasts; nothing where standard error is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return

    def line() -> Text:
        return Text(run.line(), no_wrap=True, overflow="ellipsis")

    with Live(get_renderable=line, console=console, refresh_per_second=2, transient=True):
        yield


def _failure(failed: Sequence[str]) -> str:
    """What stages that failed have printed, and what to do next."""
    for name in failed:
        lines = log_of(name).read_text(errors="replace").splitlines()
        typer.echo("\n".join([f"--- {name}", *lines[-LINES_SHOWN:], "---"]), err=True)
    logs = ", ".join(str(log_of(name)) for name in failed)
    return (
        f"{', '.join(failed)} failed, as shown above; the whole output: {logs}. When its cause is "
        "put right, the same command goes on from here: what is finished is not made again."
    )
