"""Measurements in processes of their own, which end in time whatever happens in them.

A lack of memory, an error of a driver or an endless compilation costs that measurement alone; a
failure is a result, with its message. The next process imports its libraries while one measures.
"""

import importlib
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from record import Comparison

SPAWN = multiprocessing.get_context("spawn")  # CUDA does not outlive a fork
LONGEST = 1000  # characters of a message
Finding = Comparison | tuple[str, object]
"""What a measurement finds: a comparison, or a note with its name."""


@dataclass(frozen=True)
class Options:
    """What is measured, and where.

    Attributes:
        profile: A profile's name, or a YAML file.
        device: ``cuda`` or ``cpu``.
        batch: Images or studies per step; None: as many as the profile says.
        steps: Steps per repetition.
        repeats: Repetitions.
        workers: Processes that decode.
        module: Holds ``MEASUREMENTS``, functions of the options by name.
    """

    profile: str = "paper"
    device: str = "cuda"
    batch: int | None = None
    steps: int = 8
    repeats: int = 2
    workers: int = 8
    module: str = "gpu_measurements"


@dataclass
class Outcome:
    """What became of one measurement."""

    outcome: str = "done"
    seconds: float = 0.0
    comparisons: list[Comparison] = field(default_factory=list)
    notes: dict[str, object] = field(default_factory=dict)

    def add(self, finding: Finding) -> None:
        """Keep what was found."""
        if isinstance(finding, Comparison):
            self.comparisons.append(finding)
        else:
            self.notes |= dict([finding])


class Worker:
    """The process of one measurement: it imports at once, and measures when it is told to."""

    def __init__(self, name: str, options: Options) -> None:
        self.name = name
        self.channel, other = SPAWN.Pipe()
        self.process = SPAWN.Process(target=measure, args=(name, options, other))
        self.process.start()
        other.close()  # so that the end of the process is the end of its messages

    def outcome(self, seconds: float, left: float) -> Outcome:
        """Measure for at most some seconds, once all is imported, of those that are left."""
        start, found = time.monotonic(), Outcome()
        try:
            if not self.channel.poll(left):
                found.outcome = "stopped while it imported its libraries"
            elif isinstance(said := self.channel.recv(), str):
                found.outcome = said
            else:
                self.channel.send(None)
                self._collect(found, min(seconds, start + left - time.monotonic()))
        except (EOFError, OSError):
            self.process.join(5)
            found.outcome = f"failed: its process ended with {self.process.exitcode}"
        self.stop()
        found.seconds = round(time.monotonic() - start, 1)
        return found

    def _collect(self, found: Outcome, seconds: float) -> None:
        """Take what is found until the end, or until the time is up."""
        until = time.monotonic() + seconds
        while self.channel.poll(max(0.0, until - time.monotonic())):
            said = self.channel.recv()
            if isinstance(said, str):
                found.outcome = said
                return
            found.add(said)
        found.outcome = f"stopped after its {seconds:.0f} s"

    def stop(self) -> None:
        """End the process, and those that it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid or 0, signal.SIGKILL)
        self.process.kill()
        self.process.join()


def measure(name: str, options: Options, channel: Connection) -> None:
    """Import, say so, wait for the start, and send what is found, then how it ended."""
    os.setpgid(0, 0)
    try:
        measurement = importlib.import_module(options.module).MEASUREMENTS[name]
        channel.send(None)
        channel.recv()
        for finding in measurement(options):
            channel.send(finding)
        channel.send("done")
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is this measurement's result
        traceback.print_exc()
        channel.send(f"failed: {type(error).__name__}: {error}"[:LONGEST])


def run_all(
    budgets: Mapping[str, float], options: Options, seconds: float
) -> Iterator[tuple[str, Outcome]]:
    """Measure one after the other, in at most some seconds together."""
    until, names = time.monotonic() + seconds, list(budgets)
    waiting: Worker | None = None
    try:
        for name, following in zip(names, [*names[1:], None], strict=True):
            left = until - time.monotonic()
            if left <= 0:
                yield name, Outcome("not begun: the time was up")
                continue
            worker = waiting or Worker(name, options)
            waiting = Worker(following, options) if following else None
            yield name, worker.outcome(budgets[name], left)
    finally:
        if waiting:
            waiting.stop()
