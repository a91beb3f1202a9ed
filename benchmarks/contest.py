"""Two ways to train a step, timed in turns in one process."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from record import Comparison

from camchex.estimate.probe import Timing, Window, synchronize
from camchex.profiles.profiles import Params
from camchex.runs.runtime import RuntimeParams
from camchex.training.params import TrainingParams

EMA_DECAY = 0.9999


@dataclass(frozen=True)
class Run:
    """What is measured, and how often.

    Attributes:
        params: The profile.
        device: Where.
        batch: Studies, or images, per step.
        steps: Steps per repetition.
        repeats: Repetitions of each layout.
        skip: Steps before the clock starts.
        compile: Whether our networks are compiled.
        checkpoint: Whether ours compute activations again for the gradient.
    """

    params: Params
    device: torch.device
    batch: int
    steps: int
    repeats: int
    skip: int = 3
    compile: bool = False
    checkpoint: bool = False

    @property
    def runtime(self) -> RuntimeParams:
        """One device; nothing is decoded."""
        return RuntimeParams(
            workers=0,
            accelerator=self.device.type,
            devices=1,
            compile=self.compile,
            checkpoint_gradients=self.checkpoint,
        )

    @property
    def per_core(self) -> str:
        """What a rate is of: on a CPU, of the time of the one core that is used."""
        return " per core" if self.device.type == "cpu" else ""

    def window(
        self, opened: Callable[[], None] | None = None, closed: Callable[[], None] | None = None
    ) -> Window:
        """The steps of one repetition; on a CPU in processor time, which others cannot take."""
        clock = time.process_time if self.device.type == "cpu" else time.perf_counter
        nothing = Window.opened
        return Window(
            self.skip, self.steps, opened=opened or nothing, closed=closed or nothing, clock=clock
        )

    def training(self, stage: TrainingParams) -> TrainingParams:
        """A stage's training at the batch size of the run, an optimizer step every batch."""
        return stage.model_copy(
            update={"batch_size": self.batch, "accumulate": 1, "ema_decay": EMA_DECAY}
        )


@dataclass(frozen=True)
class Contest:
    """Two steps over the same batches.

    Attributes:
        what: What is compared.
        unit: Of a step's rows.
        ours: Times some steps of ours.
        theirs: The same of the baseline.
        baseline: Its name.
    """

    what: str
    unit: str
    ours: Callable[[Window], Timing]
    theirs: Callable[[Window], Timing]
    baseline: str = "published layout"


def time_loop(
    step: Callable[[Any], None], batches: Iterable[Any], device: torch.device, window: Window
) -> Timing:
    """Time a step of the bare loop as :func:`time_training` times ours."""
    start = 0.0
    for number, batch in enumerate(batches):
        if number == window.skip:
            synchronize(device)
            window.opened()
            start = window.clock()
        if number == window.skip + window.steps:
            synchronize(device)
            timing = Timing(window.steps, window.clock() - start, warm=True)
            window.closed()
            return timing
        step(batch)
    raise ValueError(f"{window.skip + window.steps} steps asked for, {number} batches there")


def over_and_over(batches: Sequence[Any]) -> Iterable[Any]:
    """The batches in turn, without end."""
    while True:
        yield from batches


def compared(contest: Contest, run: Run) -> tuple[Comparison, str]:
    """Both layouts in turns: medians, and the range of either."""
    window = run.window()
    rates: tuple[list[float], list[float]] = ([], [])
    for _ in range(run.repeats):
        for timed, found in zip((contest.ours, contest.theirs), rates, strict=True):
            found.append(run.batch / timed(window).seconds_per_step)
    mine, other = (median(found) for found in rates)
    row = Comparison(
        contest.what,
        f"{contest.unit}/s{run.per_core}",
        mine,
        contest.baseline,
        other,
        mine / other,
    )
    spread = ", ".join(
        f"{name} {min(found):.1f} to {max(found):.1f}"
        for name, found in zip(("ours", contest.baseline), rates, strict=True)
    )
    return row, f"{spread} {contest.unit}/s in {run.repeats} turns of {run.steps} steps"
