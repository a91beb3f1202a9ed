"""Timing of the steps of a real training: :func:`fit` itself, ended after a few steps."""

import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import nn

from camchex.estimate.random_batches import RepeatedBatches
from camchex.networks.batches import Batch
from camchex.networks.samples import Prevalence
from camchex.runs.devices import device_of
from camchex.runs.runtime import RuntimeParams
from camchex.training.fit import Task, fit
from camchex.training.params import TrainingParams


class _EnoughError(Exception):
    """Ends a training that was only to be timed."""


@dataclass(frozen=True)
class Timing:
    """Duration of some steps.

    Attributes:
        steps: Number of steps.
        seconds: Duration of all of them.
        warm: False where only the very first step was timed.
    """

    steps: int
    seconds: float
    warm: bool

    @property
    def seconds_per_step(self) -> float:
        """Mean duration of a step."""
        return self.seconds / self.steps


@dataclass(frozen=True)
class Window:
    """The steps of a training that are timed.

    Attributes:
        skip: Steps before the first that counts.
        steps: Steps that count, at most.
        seconds: No further step counts after this time; a first step that takes longer is timed
            alone.
        opened: Called at the beginning.
        closed: Called at the end.
        clock: Returns seconds: of the wall, or of this process.
    """

    skip: int
    steps: int
    seconds: float = float("inf")
    opened: Callable[[], None] = lambda: None
    closed: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.perf_counter


class StepClock:
    """Reads the clock as steps begin, and ends the training after the last that counts.

    Args:
        window: The steps that count.
        device: The device to wait for before the clock is read.
    """

    def __init__(self, window: Window, device: torch.device) -> None:
        self.window, self.device = window, device
        self.timing: Timing | None = None
        self._begun = 0  # steps
        self._first = self._opened = 0.0

    def __call__(self, *_: object) -> None:
        """Note that a step begins, which ends the step before.

        Raises:
            _EnoughError: Once all steps that count are timed.
        """
        number, self._begun = self._begun, self._begun + 1
        if number == 0:
            self._first = self._now()
        elif number == 1 and self._now() - self._first >= self.window.seconds:
            self._finish(1, self._first, warm=False)
        if number == self.window.skip:
            self._now()
            self.window.opened()
            self._opened = self._now()
        elif number > self.window.skip:
            counted = number - self.window.skip
            over = self.window.clock() - self._opened >= self.window.seconds
            if over or counted == self.window.steps:
                self._finish(counted, self._opened, warm=True)

    def _now(self) -> float:
        synchronize(self.device)
        return self.window.clock()

    def _finish(self, steps: int, since: float, *, warm: bool) -> None:
        self.timing = Timing(steps, self._now() - since, warm)
        self.window.closed()
        raise _EnoughError


def synchronize(device: torch.device) -> None:
    """Wait until a device has finished its work; a CPU always has."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def time_training(
    task: Task, params: TrainingParams, runtime: RuntimeParams, window: Window
) -> Timing:
    """Train as every stage does, by :func:`fit`, until some steps are timed; show no progress bar.

    A step lasts from one call of the network to the next: forward, loss, backward, optimizer,
    moving average, the next batch and its augmentation.

    Args:
        task: The training, at least two steps longer than ``window``; the weights change.
        params: Settings of the training. The moving average takes part from the first step on.
        runtime: Hardware settings.
        window: The steps that are timed.

    Raises:
        ParamsError: If there is no such device, or not with this precision.
    """
    at_work = params.model_copy(update={"epochs": 1, "warmup_fraction": 0.0})
    clock = StepClock(window, device_of(runtime))
    hook = task.network.register_forward_pre_hook(clock)
    try:
        with suppress(_EnoughError), TemporaryDirectory() as scratch, redirect_stderr(StringIO()):
            fit(task, at_work, runtime, Path(scratch))
    finally:
        hook.remove()
    assert clock.timing is not None, "the task is shorter than the window"
    return clock.timing


def repeated(
    network: nn.Module, augment: nn.Module, batches: Sequence[Batch], window: Window
) -> Task:
    """Build a training on a few batches, repeated for as long as ``window`` may last.

    Args:
        network: Network with an ``image_size``, trained in place.
        augment: Augmentation of the images.
        batches: Batches with as many rows as ``batch_size`` of the training.
        window: The steps that will be timed.
    """
    size, image_size = len(batches[0].rows), network.image_size
    assert isinstance(image_size, int)
    targets = torch.cat([batch.targets for batch in batches])
    return Task(
        network=network,
        augment=augment,
        train=RepeatedBatches(batches, size, window.skip + window.steps + 2, image_size),
        development=RepeatedBatches(batches, size, 0, image_size),
        prevalence=Prevalence(
            targets.sum(0).double().cpu().numpy(), np.full(targets.shape[1], float(len(targets)))
        ),
    )
