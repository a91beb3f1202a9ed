"""Hours that the trainings of a configuration take, reckoned from a few steps of each network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

from camchex.estimate.random_networks import is_local
from camchex.estimate.sample_counts import SampleCounts
from camchex.estimate.stage_probe import Probe, Stage, Unit, device_name, probe
from camchex.profiles.profiles import Params
from camchex.runs.devices import device_of
from camchex.runs.progress import progress

GENERATIONS = 4  # students (paper section 3.1; dvc.yaml)


@dataclass(frozen=True)
class StageTime:
    """Time that one kind of training takes.

    Attributes:
        stage: Name of the training.
        unit: Unit of ``samples`` and ``per_second``.
        trainings: Number of trainings of this kind.
        samples: Images or studies per epoch.
        epochs: Epochs per training.
        per_second: Images or studies per second on one device.
        hours: Hours of all its trainings, one after the other, on all devices.
        probe: The measurement behind ``per_second``.
    """

    stage: str
    unit: Unit
    trainings: int
    samples: int
    epochs: int
    per_second: float
    hours: float
    probe: Probe


@dataclass(frozen=True)
class PipelineTime:
    """Time that all trainings of a configuration take.

    Attributes:
        device: Name of the device that was measured.
        devices: Number of such devices that will train.
        stages: The trainings in the order of the pipeline.
        origins: Source of each number of samples: a file, or ``published``.
        notes: Assumptions and omissions, as sentences.
    """

    device: str
    devices: int
    stages: tuple[StageTime, ...]
    origins: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def hours(self) -> float:
        """Hours of all trainings."""
        return sum(stage.hours for stage in self.stages)


def planned_trainings(params: Params, counts: SampleCounts) -> list[Stage]:
    """List the trainings of the pipeline with their numbers of samples."""
    students, views = params.noisy_student, params.view_finetuning.training
    return [
        Stage("teacher", "images", 1, counts.images, students.teacher),
        Stage("students", "images", GENERATIONS, counts.merged, students.student),
        Stage("frontal encoder", "images", 1, counts.frontal, views),
        Stage("lateral encoder", "images", 1, counts.lateral, views),
        Stage("fusion", "studies", len(params.seeds), counts.studies, params.fusion.training),
    ]


def measure(params: Params, stages: Sequence[Stage], devices: int, seconds: float) -> list[Probe]:
    """Measure a few steps of every training; trainings with equal steps share one measurement.

    Args:
        params: The configuration.
        stages: The trainings.
        devices: Number of devices that will share each batch.
        seconds: Duration of all measurements together, roughly: a step is never broken off.

    Raises:
        ModelError: If a network cannot be built.
        ParamsError: If the device is missing, or its memory cannot hold a single sample.
    """
    keys = [
        (s.unit, s.rows(devices), t.precision, t.accumulate, t.clip_norm, t.ema_decay is None)
        for s in stages
        for t in [s.training]
    ]
    probes: dict[tuple[object, ...], Probe] = {}
    for stage, key in progress(list(zip(stages, keys, strict=True)), "measuring"):
        if key not in probes:
            probes[key] = probe(params, stage, stage.rows(devices), seconds / len(set(keys)))
    return [probes[key] for key in keys]


def training_time(
    params: Params, counts: SampleCounts, devices: int, probes: Sequence[Probe]
) -> PipelineTime:
    """Reckon the hours of every training, as if n devices were n times as fast as one.

    Args:
        params: The configuration.
        counts: The training samples of the configuration.
        devices: Number of devices.
        probes: The measurement of each of :func:`planned_trainings`.

    Raises:
        ParamsError: If the device is missing.
    """
    stages = planned_trainings(params, counts)
    times = tuple(
        StageTime(
            stage=stage.name,
            unit=stage.unit,
            trainings=stage.trainings,
            samples=stage.samples,
            epochs=stage.training.epochs,
            per_second=one.per_second,
            hours=stage.samples_in_all / one.per_second / devices / 3600,
            probe=one,
        )
        for stage, one in zip(stages, probes, strict=True)
    )
    name = device_name(device_of(params.runtime))
    return PipelineTime(
        name, devices, times, counts.origins, _notes(params, stages, probes, devices)
    )


def _notes(
    params: Params, stages: Sequence[Stage], probes: Sequence[Probe], devices: int
) -> tuple[str, ...]:
    """State assumptions and omissions."""
    size = params.images.size
    notes = [
        "The measured steps are real ones, of random weights and of noise images in memory. Not "
        "included: decoding, validation, pseudo-labelling, evaluation and the data stages.",
    ]
    if devices > 1:
        notes.append(f"Assumed: {devices} devices are {devices} times as fast as one.")
    small = sorted({probe.image_size for probe in probes if probe.image_size < size})
    if small:
        notes.append(
            f"Measured on a CPU at {small[0]} px instead of {size} and scaled by the number of "
            "pixels; the memory is that of the small step."
        )
    planned = {stage.rows(devices) for stage in stages}
    if any(probe.rows not in planned for probe in probes):
        rows = ", ".join(str(probe.rows) for probe in dict.fromkeys(probes))
        notes.append(f"Batches were smaller than those of the configuration: {rows} per step.")
    if any(not probe.warm for probe in probes):
        notes.append("The first step alone used up its time: the rate includes the warm-up.")
    if {probe.precision for probe in probes} != {stage.training.precision for stage in stages}:
        notes.append("A CPU has no 16-mixed precision: measured in 32-true.")
    if not is_local(params.text) and set(params.fusion.inputs) - {"images"}:
        notes.append(f"Measured in place of {params.text.model}: a random BERT of base size.")
    return tuple(notes)


def render(found: PipelineTime) -> Group:
    """Render the times as a table, followed by device, origins and notes."""
    right = ("trainings", "samples", "epochs", "per device", "memory", "hours")
    table = Table("stage", *(Column(name, justify="right") for name in right), box=None)
    for stage in found.stages:
        peak = stage.probe.peak_mb
        table.add_row(
            stage.stage,
            str(stage.trainings),
            f"{stage.samples:,} {stage.unit}",
            str(stage.epochs),
            f"{stage.per_second:.3g}/s",
            "" if peak is None else f"{peak / 1000:.1f} GB",
            _hours(stage.hours),
        )
    table.add_row("all", "", "", "", "", "", _hours(found.hours))
    origins = "; ".join(f"{name}: {origin}" for name, origin in found.origins.items())
    lines = [f"{found.devices} x {found.device}", f"Samples from: {origins}", *found.notes]
    return Group(table, *(Text(line) for line in lines))


def _hours(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - digits to show
