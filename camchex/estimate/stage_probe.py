"""A few real steps of one kind of training on this machine's device: speed and memory."""

import platform
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from camchex.errors import ParamsError
from camchex.estimate.probe import Timing, Window, repeated, time_training
from camchex.estimate.random_batches import Shape, random_images, random_studies
from camchex.estimate.random_networks import untrained_camchex, untrained_classifier
from camchex.fusion.camchex import CaMChex
from camchex.fusion.study_data import reader_of
from camchex.networks.batches import Batch
from camchex.networks.image_classifier import ImageClassifier
from camchex.profiles.profiles import Params
from camchex.runs.devices import device_of
from camchex.runs.runtime import RuntimeParams
from camchex.training.augmentation import Augmentation
from camchex.training.params import TrainingParams

CPU_SIDE = 512  # pixels; a CPU needs half a minute for one image of 1024
IMAGES_PER_STUDY = (2, 1, 2, 1, 2, 1, 2, 3)  # nearly as CXR-LT has them (docs/method.md, section 2)
MOST_STEPS = 1000
MEGABYTE = 1e6
Unit = Literal["images", "studies"]


@dataclass(frozen=True)
class Stage:
    """One kind of training, before it is measured.

    Attributes:
        name: As the documentation calls it.
        unit: What it learns from.
        trainings: How often it is run.
        samples: Images or studies of an epoch.
        training: How it trains.
    """

    name: str
    unit: Unit
    trainings: int
    samples: int
    training: TrainingParams


@dataclass(frozen=True)
class Probe:
    """What a few real steps showed.

    Attributes:
        per_second: Images or studies on one device, at the configuration's image size.
        rows: Images or studies in a step.
        image_size: At which it was measured, pixels.
        peak_mb: Most memory of the device, or of the process on a CPU; None: not to be had.
        steps: How many were timed.
        warm: False where a single first step had to do.
        precision: Of the steps.
    """

    per_second: float
    rows: int
    image_size: int
    peak_mb: float | None
    steps: int
    warm: bool
    precision: str


def probe(params: Params, stage: Stage, rows: int, seconds: float) -> Probe:
    """Time a few steps of one stage's training.

    On a CPU the images are at most 512 px and the batch is small, and the rate is scaled by the
    number of pixels. On any other device a batch that does not fit is halved until it does.

    Args:
        params: The configuration.
        stage: What is trained.
        rows: Images or studies per step and device.
        seconds: No step is begun after so long.

    Raises:
        ModelError: If the network cannot be built.
        ParamsError: If the device is not there, or holds not even one sample.
    """
    device = device_of(params.runtime)
    side, precision = params.images.size, stage.training.precision
    if device.type == "cpu":
        side = side if "img_size" in params.encoder.backbone_args else min(side, CPU_SIDE)
        images = max(1, CPU_SIDE**2 // side**2)
        rows = min(rows, images if stage.unit == "images" else max(1, images // 2))
        precision = "32-true" if precision == "16-mixed" else precision
    while rows:
        training = stage.training.model_copy(update={"batch_size": rows, "precision": precision})
        try:
            timing, peak = _timed(params, replace(stage, training=training), side, seconds)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            rows //= 2
            continue
        scale = (side / params.images.size) ** 2
        return Probe(
            per_second=rows / timing.seconds_per_step * scale,
            rows=rows,
            image_size=side,
            peak_mb=peak,
            steps=timing.steps,
            warm=timing.warm,
            precision=precision,
        )
    raise ParamsError(
        f"images.size: {device_name(device)} holds not even one of the {stage.unit} of {side} px "
        f"of the {stage.name}: lower it, or use a larger device"
    )


def _timed(params: Params, stage: Stage, side: int, seconds: float) -> tuple[Timing, float | None]:
    """Steps of noise through the real network, and their peak memory."""
    device = device_of(params.runtime)
    torch.manual_seed(0)
    classifier = untrained_classifier(params.encoder, params.labels.classes, side)
    network: ImageClassifier | CaMChex = classifier
    if stage.unit == "studies":
        network = untrained_camchex(params.fusion, params.text, classifier)
    window = Window(1 if device.type == "cpu" else 3, MOST_STEPS, seconds)
    batches = [_noise(network, stage.training.batch_size, seed) for seed in range(2)]
    task = repeated(network, Augmentation(params.augmentation, side), batches, window)
    runtime = RuntimeParams(
        workers=0,
        accelerator=params.runtime.accelerator,
        devices=1,
        compile=params.runtime.compile,
    )
    _forget_peak(device)
    return time_training(task, stage.training, runtime, window), _peak_mb(device)


def _noise(network: ImageClassifier | CaMChex, rows: int, seed: int) -> Batch:
    draw = np.random.default_rng(seed)
    shape = Shape(network.image_size, len(network.classes))
    if isinstance(network, ImageClassifier):
        return random_images(rows, shape, draw)
    reader = reader_of(network)
    read = replace(
        shape,
        vocabulary=network.tokenizer.size,
        max_tokens_indication=reader.max_tokens_indication,
        max_tokens_vitals=reader.max_tokens_vitals,
        max_images=reader.max_images,
    )
    return random_studies(np.resize(IMAGES_PER_STUDY, rows).tolist(), read, draw)


def _forget_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    elif device.type == "cpu":
        with suppress(OSError):  # Linux only: 5 sets VmHWM back to what is resident now
            Path("/proc/self/clear_refs").write_text("5")


def _peak_mb(device: torch.device) -> float | None:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / MEGABYTE
    status = Path("/proc/self/status")
    if device.type != "cpu" or not status.exists():
        return None
    (line,) = (row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / MEGABYTE


def device_name(device: torch.device) -> str:
    """As a reader knows it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name()
    if device.type == "cpu":
        return f"CPU ({platform.machine()}, {torch.get_num_threads()} threads)"
    return device.type
