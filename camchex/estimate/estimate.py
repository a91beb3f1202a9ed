"""What a configuration would take on this machine's device, from a few steps of every network."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

from camchex.estimate.random_networks import is_local
from camchex.estimate.sample_counts import SampleCounts
from camchex.estimate.stage_probe import Probe, Stage, Unit, device_name, probe
from camchex.profiles.profiles import Params
from camchex.runs.devices import device_of

GENERATIONS = 4  # students (paper section 3.1; dvc.yaml)


@dataclass(frozen=True)
class StageEstimate:
    """What one kind of training takes.

    Attributes:
        stage: Its name.
        unit: Of ``samples`` and ``per_second``.
        trainings: How often it is run.
        samples: Of an epoch.
        epochs: Of a training.
        per_second: On one device.
        hours: Of all its trainings, one after the other, on all devices.
        probe: What that rests on.
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
class Estimate:
    """What a configuration takes.

    Attributes:
        device: Where the probe ran.
        devices: How many are reckoned with.
        stages: In the order of the pipeline.
        origins: Where the numbers of samples come from.
        notes: What the figures leave out or assume.
    """

    device: str
    devices: int
    stages: tuple[StageEstimate, ...]
    origins: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def hours(self) -> float:
        """In all."""
        return sum(stage.hours for stage in self.stages)


def hours(stage: Stage, per_second: float, devices: int) -> float:
    """Of all trainings of a stage, if ``devices`` are that many times as fast as one."""
    return stage.trainings * stage.training.epochs * stage.samples / per_second / devices / 3600


def stages_of(params: Params, counts: SampleCounts) -> list[Stage]:
    """The trainings of the pipeline and what they learn from."""
    students, views = params.noisy_student, params.view_finetuning.training
    return [
        Stage("teacher", "images", 1, counts.images, students.teacher),
        Stage("students", "images", GENERATIONS, counts.merged, students.student),
        Stage("frontal encoder", "images", 1, counts.frontal, views),
        Stage("lateral encoder", "images", 1, counts.lateral, views),
        Stage("fusion", "studies", len(params.seeds), counts.studies, params.fusion.training),
    ]


def estimate(
    params: Params,
    counts: SampleCounts,
    devices: int,
    seconds: float,
    watch: Callable[[Sequence[Stage]], Iterable[Stage]] = iter,
) -> Estimate:
    """Measure a few steps of every kind of training, and reckon from them.

    Trainings that do the same in a step are measured once. Weights are random.

    Args:
        params: The configuration.
        counts: Its training samples.
        devices: How many there will be; each takes its share of a batch.
        seconds: For all measurements together, roughly: a step is not broken off.
        watch: Shows the stages as they are measured.

    Raises:
        ModelError: If a network cannot be built.
        ParamsError: If the device is not there, or holds not even one sample.
    """
    device = device_of(params.runtime)
    stages = stages_of(params, counts)
    keys = [_key(stage, devices) for stage in stages]
    each = seconds / len(set(keys))
    probes: dict[tuple[object, ...], Probe] = {}
    found = []
    for stage, key in zip(watch(stages), keys, strict=True):
        if key not in probes:
            probes[key] = probe(params, stage, -(-stage.training.batch_size // devices), each)
        one = probes[key]
        found.append(
            StageEstimate(
                stage=stage.name,
                unit=stage.unit,
                trainings=stage.trainings,
                samples=stage.samples,
                epochs=stage.training.epochs,
                per_second=one.per_second,
                hours=hours(stage, one.per_second, devices),
                probe=one,
            )
        )
    notes = notes_of(params, stages, list(probes.values()), devices)
    return Estimate(device_name(device), devices, tuple(found), counts.origins, notes)


def _key(stage: Stage, devices: int) -> tuple[object, ...]:
    """What decides how long a step takes."""
    t = stage.training
    rows = -(-t.batch_size // devices)
    return (stage.unit, rows, t.precision, t.accumulate, t.clip_norm, t.ema_decay is None)


def notes_of(
    params: Params, stages: Sequence[Stage], probes: Sequence[Probe], devices: int
) -> tuple[str, ...]:
    """What the figures assume, and what they leave out."""
    size = params.images.size
    notes = [
        "A step is the real one, of random weights and images of noise that lie in memory. Not in "
        "it: decoding, validation, pseudo-labelling, evaluation and the data stages.",
    ]
    if devices > 1:
        notes.append(f"{devices} devices are reckoned {devices} times as fast as one.")
    small = sorted({probe.image_size for probe in probes if probe.image_size < size})
    if small:
        notes.append(
            f"Measured on a CPU at {small[0]} px instead of {size} and scaled by the number of "
            "pixels; the memory is that of the small step."
        )
    planned = {-(-stage.training.batch_size // devices) for stage in stages}
    if any(probe.rows not in planned for probe in probes):
        rows = ", ".join(str(probe.rows) for probe in probes)
        notes.append(f"Batches were smaller than those of the configuration: {rows} per step.")
    if any(not probe.warm for probe in probes):
        notes.append("A first step alone used up its time: the figure includes its warming up.")
    if {probe.precision for probe in probes} != {stage.training.precision for stage in stages}:
        notes.append("A CPU has no 16-mixed precision: measured in 32-true.")
    if not is_local(params.text) and set(params.fusion.inputs) - {"images"}:
        notes.append(f"In the place of {params.text.model}: a random BERT of base size.")
    return tuple(notes)


def render(found: Estimate) -> Group:
    """As a table, with what must be known to read it."""
    table = Table(
        "stage",
        *(Column(name, justify="right") for name in ("trainings", "samples", "epochs")),
        *(Column(name, justify="right") for name in ("per device", "memory", "hours")),
        box=None,
    )
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
