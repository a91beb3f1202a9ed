"""Speed and memory of one kind of training, from a few real steps on the device of this machine."""

import platform
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import torch

from camchex.errors import ParamsError
from camchex.estimate.probe import Timing, Window, repeated, time_training
from camchex.estimate.random_batches import Shape, random_images, random_studies
from camchex.estimate.random_networks import untrained_camchex, untrained_classifier
from camchex.fusion.camchex import CaMChex
from camchex.networks.image_classifier import ImageClassifier
from camchex.profiles.profiles import Params
from camchex.runs.devices import device_of
from camchex.training.augmentation import Augmentation
from camchex.training.params import TrainingParams

CPU_SIDE = 512  # pixels; a CPU needs half a minute for one image of 1024
IMAGES_PER_STUDY = (2, 1, 2, 1, 2, 1, 2, 3)  # nearly as in CXR-LT (docs/method.md, section 2)
MOST_STEPS = 1000
MEGABYTE = 1e6
Unit = Literal["images", "studies"]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Stage:
    """One kind of training.

    Attributes:
        name: Name of the training in the documentation.
        unit: Unit of the samples.
        trainings: Number of trainings of this kind.
        samples: Images or studies per epoch.
        training: Settings of the training.
    """

    name: str
    unit: Unit
    trainings: int
    samples: int
    training: TrainingParams

    @property
    def samples_in_all(self) -> int:
        """Samples of all epochs of all trainings."""
        return self.trainings * self.training.epochs * self.samples

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
    """Time a few steps of one training.

    On a CPU images and batches are small, and the rate is scaled by the number of pixels. On any
    other device a batch that does not fit is halved until it does.

    Args:
        params: The configuration.
        stage: The training.
        rows: Images or studies per step and device.
        seconds: No step begins after this time.

    Raises:
        ModelError: If the network cannot be built.
        ParamsError: If the device is missing, or its memory cannot hold a single sample.
    """
    device = device_of(params.runtime)
    side, rows, precision = affordable(params, stage, rows, device)

    def attempt(rows: int) -> tuple[Timing, float | None]:
        training = stage.training.model_copy(update={"batch_size": rows, "precision": precision})
        return _time_steps(params, replace(stage, training=training), side, seconds)

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


def _time_steps(
    params: Params, stage: Stage, side: int, seconds: float
) -> tuple[Timing, float | None]:
    """Train the real network on noise; return the timing and the peak memory in MB."""
    device = device_of(params.runtime)
    torch.manual_seed(0)
    classifier = untrained_classifier(params.encoder, params.labels.classes, side)
    rows, draws = stage.training.batch_size, [np.random.default_rng(seed) for seed in range(2)]
    network: ImageClassifier | CaMChex = classifier
    if stage.unit == "images":
        shape = Shape(side, len(classifier.classes))
        batches = [random_images(rows, shape, draw) for draw in draws]
    else:
        network = untrained_camchex(params.fusion, params.text, classifier)
        images, shape = np.resize(IMAGES_PER_STUDY, rows).tolist(), Shape.of(network)
        batches = [random_studies(images, shape, draw) for draw in draws]
    window = Window(1 if device.type == "cpu" else 3, MOST_STEPS, seconds)
    task = repeated(network, Augmentation(params.augmentation, side), batches, window)
    runtime = params.runtime.model_copy(
        update={"workers": 0, "devices": 1, "nodes": 1, "checkpoint_gradients": False}
    )
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    elif device.type == "cpu":
        with suppress(OSError):  # Linux only: 5 sets VmHWM back to what is resident now
            Path("/proc/self/clear_refs").write_text("5")
    return time_training(task, stage.training, runtime, window), _peak_mb(device)


def _peak_mb(device: torch.device) -> float | None:
    """Return the peak memory of the device, or of the process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / MEGABYTE
    status = Path("/proc/self/status")
    if device.type != "cpu" or not status.exists():
        return None
    (line,) = (row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / MEGABYTE


def device_name(device: torch.device) -> str:
    """Return the name of a device, and of a CPU its number of threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name()
    if device.type == "cpu":
        return f"CPU ({platform.machine()}, {torch.get_num_threads()} threads)"
    return device.type
