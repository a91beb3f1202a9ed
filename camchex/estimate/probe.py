"""Speed and memory of one kind of training, from a few steps of :func:`fit` on this machine."""

import platform
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, TypeVar

import numpy as np
import torch
from torch import nn

from camchex.errors import ParamsError
from camchex.estimate.random_batches import RepeatedBatches, random_images, random_studies
from camchex.estimate.random_networks import untrained_camchex, untrained_classifier
from camchex.fusion.camchex import CaMChex
from camchex.networks.batches import Batch
from camchex.networks.image_classifier import ImageClassifier
from camchex.networks.samples import Prevalence
from camchex.profiles.profiles import Params
from camchex.runs.devices import device_of
from camchex.runs.runtime import RuntimeParams
from camchex.training.augmentation import Augmentation
from camchex.training.fit import fit
from camchex.training.params import TrainingParams
from camchex.training.task import Task

CPU_SIDE = 512  # pixels; a CPU needs half a minute for one image of 1024
IMAGES_PER_STUDY = (2, 1, 2, 1, 2, 1, 2, 3)  # nearly as in CXR-LT (docs/method.md, section 2)
MOST_STEPS = 1000
MEGABYTE = 1e6
Unit = Literal["images", "studies"]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Timing:
    """Duration of some steps together; not ``warm`` where only the very first one was timed."""

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
        skip: Steps before the first that counts, at least 1.
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


class _EnoughError(Exception):
    """Ends a training that was only to be timed."""


def synchronize(device: torch.device) -> None:
    """Wait until a device has finished its work; a CPU always has."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def _time_steps(window: Window, device: torch.device) -> Generator[None, None, Timing]:
    """Read the clock as steps begin: resumed once per step, ended by the last one that counts."""

    def now() -> float:
        synchronize(device)
        return window.clock()

    first = now()
    yield
    if now() - first >= window.seconds:
        return Timing(1, now() - first, warm=False)
    for _ in range(window.skip - 1):
        yield
    synchronize(device)
    window.opened()
    start, steps = now(), 0
    while not steps or (steps < window.steps and window.clock() - start < window.seconds):
        yield
        steps += 1
    return Timing(steps, now() - start, warm=True)


def time_training(
    task: Task, params: TrainingParams, runtime: RuntimeParams, window: Window
) -> Timing:
    """Train as every stage does, by :func:`fit`, until some steps are timed; show no progress bar.

    A step lasts from one call of the augmentation to the next: augmentation, forward, loss,
    backward, optimizer, moving average, and the next batch.

    ``task`` is at least two steps longer than ``window``, and its weights change. The moving
    average takes part from the first step on.

    Raises:
        ParamsError: If there is no such device, or not with this precision.
    """
    at_work = params.model_copy(update={"epochs": 1, "warmup_fraction": 0.0})
    steps = _time_steps(window, device_of(runtime))
    found: list[Timing] = []

    def begin_step(*_: object) -> None:
        try:
            next(steps)
        except StopIteration as end:
            found.append(end.value)
            window.closed()
            raise _EnoughError from None

    hook = task.augment.register_forward_pre_hook(begin_step)  # the network may be compiled
    try:
        with suppress(_EnoughError), TemporaryDirectory() as scratch, redirect_stderr(StringIO()):
            fit(task, at_work, runtime, Path(scratch))
    finally:
        hook.remove()
    assert found, "the task is shorter than the window"
    return found[0]


def repeated(
    network: nn.Module, augment: nn.Module, batches: Sequence[Batch], window: Window
) -> Task:
    """Build a training on a few batches, repeated for as long as ``window`` may last.

    The network has an ``image_size`` and is trained in place; each batch has as many rows as
    ``batch_size`` of the training.
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


@dataclass(frozen=True)
class Stage:
    """One kind of training, run ``trainings`` times over ``samples`` of a ``unit`` per epoch."""

    name: str
    unit: Unit
    trainings: int
    samples: int
    training: TrainingParams

    def rows(self, devices: int) -> int:
        """Return the images or studies per batch on each of several devices."""
        return -(-self.training.batch_size // devices)


@dataclass(frozen=True)
class Probe:
    """Measurement of a few real steps.

    Attributes:
        per_second: Images or studies on one device, at the image size of the configuration.
        rows: Images or studies in a step.
        image_size: Image size of the measured steps, pixels.
        peak_mb: Peak memory of the device, or of the process on a CPU; None: unknown.
        steps: Number of steps that were timed.
        warm: False where only the very first step was timed.
        precision: Precision of the steps.
    """

    per_second: float
    rows: int
    image_size: int
    peak_mb: float | None
    steps: int
    warm: bool
    precision: str


def affordable(
    params: Params, stage: Stage, rows: int, device: torch.device
) -> tuple[int, int, str]:
    """Choose what to measure: on a CPU small images, few rows, and no 16-mixed precision.

    Returns:
        Side of the images (pixels), images or studies per step, and precision.
    """
    side, precision = params.images.size, stage.training.precision
    if device.type != "cpu":
        return side, rows, precision
    side = side if "img_size" in params.encoder.backbone_args else min(side, CPU_SIDE)
    images = max(1, CPU_SIDE**2 // side**2)
    rows = min(rows, images if stage.unit == "images" else max(1, images // 2))
    return side, rows, "32-true" if precision == "16-mixed" else precision


def halve_until_it_fits(rows: int, attempt: Callable[[int], Result]) -> tuple[int, Result] | None:
    """Call ``attempt`` with half as many rows after each lack of memory; None if one is too many.

    Returns:
        The first number of rows that fits, and the result of the attempt.
    """
    while rows:
        try:
            return rows, attempt(rows)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            rows //= 2
    return None


def probe(params: Params, stage: Stage, rows: int, seconds: float) -> Probe:
    """Train the network of one training on noise, for a few steps, and time them.

    On a CPU images and batches are small, and the rate is scaled by the number of pixels. On any
    other device a batch that does not fit is halved until it does.

    A step has ``rows`` images or studies per device; none begins after ``seconds``.

    Raises:
        ModelError: If the network cannot be built.
        ParamsError: If the device is missing, or its memory cannot hold a single sample.
    """
    device = device_of(params.runtime)
    side, rows, precision = affordable(params, stage, rows, device)
    window = Window(1 if device.type == "cpu" else 3, MOST_STEPS, seconds)
    runtime = params.runtime.model_copy(
        update={"workers": 0, "devices": 1, "nodes": 1, "checkpoint_gradients": False}
    )

    def attempt(rows: int) -> tuple[Timing, float | None]:
        training = stage.training.model_copy(update={"batch_size": rows, "precision": precision})
        network, batches = _on_noise(params, stage.unit, rows, side)
        task = repeated(network, Augmentation(params.augmentation, side), batches, window)
        forget_peak(device)
        return time_training(task, training, runtime, window), peak_mb(device)

    fitting = halve_until_it_fits(rows, attempt)
    if fitting is None:
        raise ParamsError(
            f"images.size: {device_name(device)} holds not even one of the {stage.unit} of "
            f"{side} px of the {stage.name}: lower it, or use a larger device"
        )
    rows, (timing, peak) = fitting
    scale = (side / params.images.size) ** 2
    per_second = rows / timing.seconds_per_step * scale
    return Probe(per_second, rows, side, peak, timing.steps, timing.warm, precision)


def _on_noise(
    params: Params, unit: Unit, rows: int, side: int
) -> tuple[ImageClassifier | CaMChex, list[Batch]]:
    """Build the network of a training, untrained, and two batches of noise for it."""
    draws = [np.random.default_rng(seed) for seed in range(2)]
    torch.manual_seed(0)
    classifier = untrained_classifier(params.encoder, params.labels.classes, side)
    if unit == "images":
        classes = len(classifier.classes)
        return classifier, [random_images(rows, side, classes, draw) for draw in draws]
    network = untrained_camchex(params.fusion, params.text, classifier)
    images = np.resize(IMAGES_PER_STUDY, rows).tolist()
    return network, [random_studies(images, network, draw) for draw in draws]


def forget_peak(device: torch.device) -> None:
    """Begin anew to look for the peak memory."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    elif device.type == "cpu":
        with suppress(OSError):  # Linux only: 5 sets VmHWM back to what is resident now
            Path("/proc/self/clear_refs").write_text("5")


def peak_mb(device: torch.device) -> float | None:
    """Return the peak memory of the device, or of the process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / MEGABYTE
    status = Path("/proc/self/status")
    if device.type != "cpu" or not status.exists():
        return None
    return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024 / MEGABYTE


def device_name(device: torch.device) -> str:
    """Return the name of a device, and of a CPU its number of threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name()
    if device.type == "cpu":
        return f"CPU ({platform.machine()}, {torch.get_num_threads()} threads)"
    return device.type
