"""Hours that the trainings of a configuration take, reckoned from a few steps of each network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

from camchex.estimate.probe import Probe, Stage, Unit, device_name, probe
from camchex.estimate.random_networks import is_local
from camchex.estimate.sample_counts import SampleCounts
from camchex.profiles.profiles import Params
from camchex.runs.devices import device_of
from camchex.runs.progress import progress

GENERATIONS = 4  # students (paper section 3.1; dvc.yaml)


@dataclass(frozen=True)
class StageTime:
    """Time of one kind of training, and the ``probe`` behind it.

    ``samples`` are read per epoch, ``per_second`` on one device; ``hours`` is the time of all its
    trainings, one after the other, on all devices.
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
    """Time that all trainings of a configuration take, in the order of the pipeline.

    ``devices`` like the measured ``device`` train. ``origins`` names the source of each number of
    samples, a file or ``published``; ``notes`` are assumptions and omissions, as sentences.
    """

    device: str
    devices: int
    stages: tuple[StageTime, ...]
    origins: Mapping[str, str]
    notes: tuple[str, ...]
    hours: float


def planned_trainings(params: Params, counts: SampleCounts) -> list[Stage]:
    """List the trainings of the pipeline with their numbers of samples."""
    students, views = params.noisy_student, params.view_finetuning.training
    merged = counts.images + sum(counts.external.values())
    return [
        Stage("teacher", "images", 1, counts.images, students.teacher),
        Stage("students", "images", GENERATIONS, merged, students.student),
        Stage("frontal encoder", "images", 1, counts.images - counts.lateral, views),
        Stage("lateral encoder", "images", 1, counts.lateral, views),
        Stage("fusion", "studies", len(params.seeds), counts.studies, params.fusion.training),
    ]


def measure(params: Params, stages: Sequence[Stage], devices: int, seconds: float) -> list[Probe]:
    """Measure a few steps of every training; trainings with equal steps share one measurement.

    Each batch will be shared by ``devices``. All measurements together take ``seconds``, roughly:
    a step is never broken off.

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

    ``probes`` are the measurements of :func:`planned_trainings`.

    Raises:
        ParamsError: If the device is missing.
    """
    stages = planned_trainings(params, counts)
    times = tuple(
        StageTime(
            *(s.name, s.unit, s.trainings, s.samples, s.training.epochs, one.per_second),
            hours=s.trainings * s.training.epochs * s.samples / one.per_second / devices / 3600,
            probe=one,
        )
        for s, one in zip(stages, probes, strict=True)
    )
    name, notes = device_name(device_of(params.runtime)), _notes(params, stages, probes, devices)
    hours = sum(time.hours for time in times)
    return PipelineTime(name, devices, times, counts.origins, notes, hours)


def _notes(
    params: Params, stages: Sequence[Stage], probes: Sequence[Probe], devices: int
) -> tuple[str, ...]:
    """State assumptions and omissions."""
    sides, rows = {one.image_size for one in probes}, [one.rows for one in dict.fromkeys(probes)]
    notes = {
        "The measured steps are real ones, of random weights and of noise images in memory. Not "
        "included: decoding, validation, pseudo-labelling, evaluation and the data stages.": True,
        f"Assumed: {devices} devices are {devices} times as fast as one.": devices > 1,
        f"Measured on a CPU at {min(sides)} px instead of {params.images.size} and scaled by the "
        "number of pixels; the memory is that of the small step.": min(sides) < params.images.size,
        "Batches were smaller than those of the configuration: "
        f"{', '.join(map(str, rows))} per step.": set(rows) - {s.rows(devices) for s in stages},
        "The first step alone used up its time: the rate includes the warm-up.": any(
            not one.warm for one in probes
        ),
        "A CPU has no 16-mixed precision: measured in 32-true.": (
            {one.precision for one in probes} != {stage.training.precision for stage in stages}
        ),
        f"Measured in place of {params.text.model}: a random BERT of base size.": (
            not is_local(params.text) and set(params.fusion.inputs) - {"images"}
        ),
    }
    return tuple(note for note, holds in notes.items() if holds)


def render(found: PipelineTime) -> Group:
    """Render the times as a table, followed by device, origins and notes."""
    right = ("trainings", "samples", "epochs", "per device", "memory", "hours")
    table = Table("stage", *(Column(name, justify="right") for name in right), box=None)
    for stage in found.stages:
        peak = stage.probe.peak_mb
        memory = "" if peak is None else f"{peak / 1000:.1f} GB"
        samples, rate = f"{stage.samples:,} {stage.unit}", f"{stage.per_second:.3g}/s"
        counts = (str(stage.trainings), samples, str(stage.epochs))
        table.add_row(stage.stage, *counts, rate, memory, _hours(stage.hours))
    table.add_row("all", *[""] * 5, _hours(found.hours))
    origins = "; ".join(f"{name}: {origin}" for name, origin in found.origins.items())
    lines = [f"{found.devices} x {found.device}", f"Samples from: {origins}", *found.notes]
    return Group(table, *(Text(line) for line in lines))


def _hours(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - digits to show
