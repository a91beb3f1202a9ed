"""``make chaos``: train, kill, train again, compare."""

import argparse
import multiprocessing
import signal
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from ctypes import c_int
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing.context import ForkProcess
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from tests.chaos.trainee import CURVES, OUT, PARTS, TIMES, part_of, train

MOST_KILLS = 3  # of one training
SECONDS = 120  # that a training left alone may take
POLL = 5e-4  # seconds

# This process has imported torch already: a start takes milliseconds.
FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Moment:
    """When to kill: in a state of the training, after a share of the time that it takes."""

    state: int
    after_s: float


@dataclass(frozen=True)
class Trial:
    """One training: in which parts it was killed, and whether its outputs are right."""

    parts: Sequence[int]
    differing: Sequence[str] = field(default=())


def main() -> int:
    """Run, print the table, and say whether all went well."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        trials = chaos(options.kills, options.seed, Path(folder))
    report(trials, time.monotonic() - start)
    return int(any(trial.differing for trial in trials))


def chaos(kills: int, seed: int, folder: Path) -> list[Trial]:
    """Kill trainings until ``kills`` have been killed, evenly over the parts of a training."""
    expected, spans = undisturbed(folder / "straight")
    draw = np.random.default_rng(seed)
    trials: list[Trial] = []
    while (done := sum(len(trial.parts) for trial in trials)) < kills:
        most = min(int(draw.integers(1, MOST_KILLS + 1)), kills - done)
        moments = draw_moments(spans, most, draw)
        trials.append(disturbed(folder / f"{len(trials)}", moments, expected))
    return trials


def undisturbed(folder: Path) -> tuple[Mapping[str, bytes], Mapping[int, float]]:
    """What an undisturbed training publishes, and how long it is in each state, in seconds."""
    folder.mkdir()
    _run(folder, None)
    lines = [line.split() for line in (folder / TIMES).read_text().splitlines()]
    spans: dict[int, float] = defaultdict(float)
    for (state, start), (_, end) in pairwise(lines):
        spans[int(state)] += float(end) - float(start)
    return published(folder), spans


def draw_moments(
    spans: Mapping[int, float], count: int, draw: np.random.Generator
) -> Sequence[Moment]:
    """Moments in the order of a training: each part as likely, then each of its states."""
    moments = []
    for part in draw.integers(len(PARTS), size=count):
        states = [state for state in spans if part_of(state) == part]
        state = int(draw.choice(states))
        moments.append(Moment(state, float(draw.random() * spans[state])))
    return sorted(moments, key=lambda moment: (moment.state, moment.after_s))


def disturbed(folder: Path, moments: Sequence[Moment], expected: Mapping[str, bytes]) -> Trial:
    """Train in ``folder``, killed at ``moments``, then to the end."""
    folder.mkdir()
    parts = [_run(folder, moment) for moment in moments]
    _run(folder, None)
    found = published(folder)
    differing = [n for n in sorted(expected | found) if expected.get(n) != found.get(n)]
    return Trial([part for part in parts if part is not None], differing)


def published(folder: Path) -> dict[str, bytes]:
    """The files of a training's outputs, and whatever it left beside them."""
    files = [
        p for out in (OUT, CURVES) for p in sorted((folder / out).parent.glob(f"{out.name}/*"))
    ]
    left = [p for p in (folder / ".camchex/scratch").iterdir() if p.is_dir()]
    contents = {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}
    return contents | {f"left: {p.name}": b"" for p in left}


def _run(folder: Path, moment: Moment | None) -> int | None:
    """Train in a process, killed at a moment if there is one; the part it was killed in."""
    state = FORK.Value(c_int, -1, lock=False)
    process = FORK.Process(target=train, args=(folder, state))
    process.start()
    if moment is None:
        process.join(SECONDS)
        if process.exitcode != 0:
            process.kill()
            raise AssertionError(f"a training left alone ended with {process.exitcode}")
        return None
    _wait(process, state, moment)
    process.kill()
    process.join()
    return part_of(state.value) if process.exitcode == -signal.SIGKILL else None


def _wait(process: ForkProcess, state: c_int, moment: Moment) -> None:
    """Wait for a moment, or for the end of a process that has passed it already."""
    while state.value < moment.state and process.is_alive():
        time.sleep(POLL)
    until = time.monotonic() + moment.after_s
    while time.monotonic() < until and process.is_alive():
        time.sleep(POLL)


def report(trials: Sequence[Trial], seconds: float) -> None:
    """Print where trainings were killed and what became of them."""
    table = Table("killed in", "kills", "in trainings", "same bytes", "DIFFERENT", box=None)
    for name, chosen in [*((n, {i}) for i, n in enumerate(PARTS)), ("all", set(range(len(PARTS))))]:
        hit = [trial for trial in trials if chosen & set(trial.parts)]
        kills = sum(part in chosen for trial in hit for part in trial.parts)
        wrong = sum(bool(trial.differing) for trial in hit)
        table.add_row(name, *map(str, (kills, len(hit), len(hit) - wrong, wrong)))
    console = Console()
    console.print(table)
    several = Counter(len(trial.parts) for trial in trials)
    counts = ", ".join(f"{n} times {several[n]}" for n in sorted(several))
    console.print(f"{len(trials)} trainings in {seconds:.0f} s, killed {counts}")
    for number, trial in enumerate(trials):
        if trial.differing:
            where = ", ".join(PARTS[part] for part in trial.parts)
            console.print(f"training {number}, killed in {where}: {', '.join(trial.differing)}")
