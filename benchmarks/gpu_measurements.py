"""The measurements of ``bench_gpu.py``: each yields what it finds as soon as it has found it.

All networks have their real size and random weights. Every ratio is against a baseline that is
measured in the same process. On a CPU, where a test runs them with small networks, "the device" is
the processor.
"""

import gc
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import cv2
import numpy as np
import published_layout as published
import roofline
import torch
from contest import Contest, Run, compared, over_and_over, time_loop
from from_disk import files_on_disk, studies_of, written
from isolated import SPAWN, Finding, Options
from layouts import (
    BATCHES,
    fusion_contest,
    fusion_network,
    image_batches,
    image_contest,
    image_network,
    in_common,
    in_slots,
    ours_on,
    parts_of,
    study_batches,
    theirs_on,
)
from record import Comparison
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from train_step import differences, reduced_side, roofline_notes

from camchex.contract.image_store import ImageStore
from camchex.estimate.probe import IMAGES_PER_STUDY, Timing, Window, forget_peak, peak_mb
from camchex.estimate.random_batches import RepeatedBatches, random_images, random_studies
from camchex.networks.batches import Batch, to_unit_range
from camchex.networks.inference import flip_average, predict
from camchex.networks.samples import Prevalence
from camchex.prediction.study_predictions import predict_studies
from camchex.profiles.profiles import locate, validate_file
from camchex.training import callbacks
from camchex.training.augmentation import Augmentation
from camchex.training.checkpoint import CHECKPOINT, PREVIOUS
from camchex.training.fit import fit
from camchex.training.params import TrainingParams
from camchex.training.task import Task

SMALL = "demo"  # the profile of the small networks
NO_MEMORY = ("out of memory", "cudnn_status_alloc_failed", "cublas_status_alloc_failed")
PREDICTED = {"cuda": 96, "cpu": 2}  # studies
LARGEST = {"cuda": 64, "cpu": 1}  # where the search for the largest batch ends, in its units
COMPARED, REAL = 24, 2  # studies whose predictions are compared, of small and of real networks
EPOCHS, STEPS, ROWS = 6, 4, 16  # of the training that is killed
START_SECONDS = 150  # that it may take to import all libraries and write two checkpoints
BASELINE = "published layout"
GIB = 2**30


def run_of(options: Options) -> Run:
    """The profile and the device that were asked for, in our layout of texts."""
    cv2.setNumThreads(1)
    params = in_common(validate_file(locate(options.profile)))
    runtime = params.runtime.model_copy(update={"workers": options.workers})
    batch = options.batch or params.fusion.training.batch_size
    params = params.model_copy(update={"runtime": runtime})
    return Run(params, torch.device(options.device), batch, options.steps, options.repeats)


def halved(run: Run) -> Run:
    """Half the batch, which fits where the whole one may not."""
    return replace(run, batch=max(1, run.batch // 2))


def lacks_memory(error: RuntimeError) -> bool:
    """Whether an error says that the device's memory is full."""
    return any(sign in str(error).lower() for sign in NO_MEMORY)


def freed() -> None:
    """Give back what no tensor holds any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def rows_of(
    build: Callable[[Run], Contest], run: Run
) -> Generator[Finding, None, tuple[Contest, Run]]:
    """A contest at the batch of the run, or at half of it as long as that does not fit.

    Returns:
        The contest, and the run at its batch.
    """
    contest: Contest | None = build(run)
    try:
        row, spread = compared(contest, run)
    except RuntimeError as error:
        if not lacks_memory(error) or run.batch == 1:
            raise
        contest = None
    if contest is None:
        yield "does not fit", f"a batch of {run.batch}"
        freed()
        return (yield from rows_of(build, replace(run, batch=run.batch // 2)))
    yield row
    yield f"range, {contest.what}", spread
    yield f"batch, {contest.what}", run.batch
    return contest, run


def device(options: Options) -> Iterator[Finding]:
    """What the device is, and that it computes."""
    run = run_of(options)
    if run.device.type == "cuda":
        found = torch.cuda.get_device_properties(0)
        yield "device", found.name
        yield "memory, GiB", round(found.total_memory / GIB, 1)
        yield "multiprocessors", found.multi_processor_count
        yield "capability", f"{found.major}.{found.minor}"
        yield "CUDA, cuDNN", f"{torch.version.cuda}, {torch.backends.cudnn.version()}"
    yield "threads", torch.get_num_threads()
    yield "workers that decode", options.workers
    ones = torch.ones(4, 4, device=run.device)
    yield "computes", bool(((ones @ ones) == len(ones)).all())
    yield from differences(run, reduced_side(run)).items()


def image_step(options: Options) -> Iterator[Finding]:
    """Stage 1 against the published layout, and what its augmentation takes."""
    run = run_of(options)
    yield from rows_of(image_contest, run)
    freed()
    yield from augmentation_notes(run)


def augmentation_notes(run: Run) -> Iterator[Finding]:
    """Milliseconds per image of the augmentation, and of each part when it is applied to all."""
    size = run.params.images.size
    augment = Augmentation(run.params.augmentation, size).to(run.device)
    images = torch.rand(run.batch, 1, size, size, device=run.device)
    names = ["elastic", "thin plates"]
    parts: dict[str, Callable[[Tensor], Tensor]] = {
        "in all": augment,
        "crop, flip, affine": augment.geometry,
        **dict(zip(names, augment.distortions, strict=True)),
        **{type(blur).__name__: blur for blur in augment.blurs},
    }
    for name, part in parts.items():
        with torch.no_grad():
            timing = time_loop(part, over_and_over([images]), run.device, run.window())
        yield f"augmentation, {name}, ms per image", per_row_ms(timing, run)


def per_row_ms(timing: Timing, run: Run) -> float:
    """Milliseconds per image or study."""
    return round(1000 * timing.seconds_per_step / run.batch, 3)


def fusion_step(options: Options) -> Iterator[Finding]:
    """Stage 2 against the published layout, encoders trained."""
    yield from rows_of(lambda run: fusion_contest(run, frozen=False), run_of(options))


def roofline_share(options: Options) -> Iterator[Finding]:
    """How near the backbone's step comes to what the device could do."""
    yield from roofline_notes(run_of(options)).items()


def from_store(options: Options) -> Iterator[Finding]:
    """From files on disk to the optimizer step, and how long the device waits meanwhile."""
    contest, run = yield from rows_of(files_on_disk, run_of(options))
    waits = [idle_share(timed, run) for timed in (contest.ours, contest.theirs)]
    yield lower_is_better("idle share of the device, from files", "share", waits, contest.baseline)
    model = fusion_network(run)
    ready = ours_on(run, model, study_batches(run, model), run.params.fusion.training)
    yield "idle share of the device, batches ready on it", round(idle_share(ready, run), 4)


def lower_is_better(what: str, unit: str, both: Sequence[float], baseline: str) -> Comparison:
    """A row of two figures of which the lower is the better one: ours, and the baseline's."""
    ours, theirs = both
    return Comparison(what, unit, ours, baseline, theirs, theirs / max(ours, 1e-9))


def idle_share(timed: Callable[[Window], Timing], run: Run) -> float:
    """Share of the wall time in which the device computes nothing."""
    gpu = run.device.type == "cuda"
    # Without the CPU's activities, of which there are too many to read within seconds.
    traced = profile(activities=[ProfilerActivity.CUDA if gpu else ProfilerActivity.CPU])
    opened = [0.0, 0.0]

    def open_window() -> None:
        traced.start()
        opened[0] = time.perf_counter()

    def close_window() -> None:
        opened[1] = time.perf_counter()
        traced.stop()

    timed(run.window(open_window, close_window))
    kind = torch.autograd.DeviceType.CUDA if gpu else torch.autograd.DeviceType.CPU
    spans = [
        (event.time_range.start, event.time_range.end)
        for event in traced.events()
        if event.device_type == kind and not getattr(event, "is_user_annotation", False)
    ]
    if not spans:
        raise RuntimeError("the profiler saw nothing on the device")
    return 1 - roofline.busy(spans) / (1e6 * (opened[1] - opened[0]))  # microseconds


@contextmanager
def image_store(size: int) -> Iterator[ImageStore]:
    """A store of X-rays, each there several times."""
    with TemporaryDirectory() as folder:
        written(Path(folder), size)
        yield ImageStore(Path(folder) / "store")


def prediction(options: Options) -> Iterator[Finding]:
    """Studies per second, both flips, from the store, against the network alone."""
    run = run_of(options)
    runtime = run.runtime.model_copy(update={"workers": options.workers})
    model = fusion_network(run).eval()
    with image_store(run.params.images.size) as store:
        studies = studies_of(store, model, PREDICTED[run.device.type])
        predict_studies(model, studies.take(range(len(studies) // 2)), runtime)  # warms up
        start = time.perf_counter()
        predict_studies(model, studies, runtime)
        from_files = (time.perf_counter() - start) / len(studies)
    batches = [
        batch.to(run.device).map_images(to_unit_range) for batch in study_batches(run, model)
    ]
    model = model.to(run.device)

    @torch.inference_mode()
    def step(batch: Batch) -> None:
        flip_average(model, batch.inputs)

    alone = time_loop(step, over_and_over(batches), run.device, run.window())
    both = (from_files, alone.seconds_per_step / run.batch)
    yield lower_is_better("prediction of a study", "s", both, "the network alone")
    with torch.autocast(run.device.type, torch.bfloat16):
        half = time_loop(step, over_and_over(batches), run.device, run.window())
    both = (half.seconds_per_step / run.batch, both[1])
    yield lower_is_better("the network alone, bf16 autocast", "s per study", both, "float32")


def equality(options: Options) -> Iterator[Finding]:
    """Predictions of the CPU and of the device, single precision, on the same studies."""
    run = run_of(options)
    small = run_of(replace(options, profile=SMALL))
    for name, one, count in (("small", small, COMPARED), ("real", run, REAL)):
        model = fusion_network(one).eval()
        images = np.resize(IMAGES_PER_STUDY, count).tolist()
        batch = random_studies(images, model, np.random.default_rng(0))
        data = RepeatedBatches([batch], count, 1, model.image_size)
        cpu = one.runtime.model_copy(update={"accelerator": "cpu"})
        expected = predict(deepcopy(model), data, cpu)
        yield f"standard deviation over studies, {name} networks", float(expected.std(0).mean())
        for tf32 in (False, True):
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
            found = predict(model, data, one.runtime)
            apart = float(np.abs(found - expected).max())
            yield f"largest difference, {name} networks, TF32 {'on' if tf32 else 'off'}", apart
        with torch.autocast(run.device.type, torch.bfloat16):
            found = predict(model, data, one.runtime)
        apart = float(np.abs(found - expected).max())
        yield f"largest difference, {name} networks, bf16 autocast", apart


class Stuck(nn.Module):
    """Leaves images as they are, counts batches, and after some of them never returns."""

    def __init__(self, batches: float = float("inf")) -> None:
        super().__init__()
        self.batches, self.seen = batches, 0

    def forward(self, images: Tensor) -> Tensor:
        """Images in, images out."""
        self.seen += 1
        while self.seen > self.batches:
            time.sleep(1)
        return images


def small_training(run: Run, scratch: Path, augment: nn.Module) -> dict[str, Tensor]:
    """A short training of a small image classifier; its weights."""
    draw, size, network = np.random.default_rng(0), run.params.images.size, image_network(run)
    classes = len(network.classes)
    batches = [random_images(ROWS, size, classes, draw) for _ in range(STEPS)]
    task = Task(
        network=network,
        augment=augment,
        train=RepeatedBatches(batches, ROWS, STEPS, size),
        development=RepeatedBatches(batches, ROWS, 0, size),
        prevalence=Prevalence(np.ones(classes), np.full(classes, float(ROWS))),
    )
    stage = run.params.noisy_student.teacher
    shape = {"batch_size": ROWS, "accumulate": 1, "epochs": EPOCHS}
    with patch.object(callbacks, "Live"):  # DVCLive needs git and all of DVC to begin a log
        fit(task, stage.model_copy(update=shape), run.runtime, scratch)
    return {name: tensor.cpu() for name, tensor in network.state_dict().items()}


def resumption(options: Options) -> Iterator[Finding]:
    """A training that is killed in its third epoch or later, and goes on."""
    run = run_of(replace(options, profile=SMALL))
    with TemporaryDirectory() as folder:
        scratch = Path(folder) / "killed"
        stuck = Stuck(2.5 * STEPS)
        process = SPAWN.Process(target=small_training, args=(run, scratch, stuck))
        process.start()
        until = time.monotonic() + START_SECONDS
        ready = [scratch / CHECKPOINT, scratch / PREVIOUS]
        while not all(path.exists() for path in ready) and process.is_alive():
            if time.monotonic() > until:
                break
            time.sleep(0.05)
        process.kill()
        process.join()
        yield "exit code of the killed training", process.exitcode
        yield "it left two checkpoints", all(path.exists() for path in ready)
        resumed, straight = Stuck(), Stuck()
        again = small_training(run, scratch, resumed)
        yield "steps after the kill", f"{resumed.seen} of {EPOCHS * STEPS}"
        never = small_training(run, Path(folder) / "straight", straight)
        yield "steps of a training that was not killed", straight.seen
        apart = max(float((again[n].float() - never[n].float()).abs().max()) for n in never)
        yield "largest difference of a weight from it", apart


def checkpointing(options: Options) -> Iterator[Finding]:
    """Memory and speed of the fusion's step with and without recomputed activations."""
    run = halved(run_of(options))
    yield "batch", run.batch
    model = fusion_network(run)
    batches = study_batches(run, model)
    figures = []
    for checkpoint in (True, False):
        timed = ours_on(
            replace(run, checkpoint=checkpoint), model, batches, run.params.fusion.training
        )
        forget_peak(run.device)
        seconds = timed(run.window()).seconds_per_step / run.batch
        peak = peak_mb(run.device) or float("nan")
        figures.append((peak / 1000, seconds))
        yield f"GB of memory, checkpointing {checkpoint}", round(peak / 1000, 2)
        del timed
        freed()
    for what, unit, both in zip(
        ("memory of a fusion step", "time of a fusion step"),
        ("GB", "s per study"),
        zip(*figures, strict=True),
        strict=True,
    ):
        yield lower_is_better(f"{what}, checkpointing", unit, both, "without")


def largest_batch(options: Options) -> Iterator[Finding]:
    """The largest batch of studies that trains, in steps of half the profile's; both layouts."""
    run = run_of(options)
    unit, training = max(1, run.batch // 2), run.params.fusion.training
    model = fusion_network(run)
    network = published.PublishedFusion(parts_of(run.params, model, frozen=False))

    def studies(batch: int) -> list[Batch]:
        images = np.resize(IMAGES_PER_STUDY, batch).tolist()
        return [random_studies(images, model, np.random.default_rng(0))]

    def ours(one: Run) -> Callable[[Window], Timing]:
        return ours_on(one, model, studies(one.batch), training)

    def theirs(one: Run) -> Callable[[Window], Timing]:
        slots = [in_slots(batch).to(run.device) for batch in studies(one.batch)]
        return theirs_on(one, network, slots, training)

    def largest(build: Callable[[Run], Callable[[Window], Timing]], run: Run) -> int:
        def fits(units: int) -> bool:
            return trains(build, replace(run, batch=units * unit))

        return unit * roofline.largest(fits, LARGEST[run.device.type])

    mine = largest(ours, run)
    yield "largest batch", mine
    recomputed = largest(ours, replace(run, checkpoint=True))
    yield "largest batch, checkpointing", recomputed
    other = largest(theirs, run)
    for what, found in (("", mine), (", checkpointing", recomputed)):
        name = f"largest batch{what}"
        yield Comparison(name, "studies", found, BASELINE, other, found / max(other, 1))


def trains(build: Callable[[Run], Callable[[Window], Timing]], run: Run) -> bool:
    """Whether two steps at the batch of a run fit into the memory."""
    try:
        build(run)(Window(skip=1, steps=1))
    except RuntimeError as error:
        if not lacks_memory(error):
            raise
        return False
    finally:
        freed()
    return True


def compiled(
    run: Run,
    what: tuple[str, str],
    build: Callable[[Run], nn.Module],
    batches: Sequence[Batch],
    stage: TrainingParams,
) -> Iterator[Finding]:
    """A compiled step (its name and unit are ``what``) against an eager one."""
    run = replace(run, skip=BATCHES + 1)  # so that each shape is compiled before the clock starts
    eager, fast = (
        ours_on(one, build(run), batches, stage) for one in (run, replace(run, compile=True))
    )
    start = time.perf_counter()
    fast(run.window())
    yield f"s to the end of the first {run.skip + run.steps} steps", time.perf_counter() - start
    row, spread = compared(Contest(*what, fast, eager, "eager"), run)
    yield row
    yield f"range, {what[0]}", spread


def compiled_image(options: Options) -> Iterator[Finding]:
    """Stage 1."""
    run = run_of(options)
    what, stage = ("image step, compiled", "images"), run.params.noisy_student.teacher
    yield from compiled(run, what, image_network, image_batches(run), stage)


def compiled_fusion(options: Options) -> Iterator[Finding]:
    """Stage 2, encoders trained."""
    run = halved(run_of(options))
    yield "batch", run.batch
    what, stage = ("fusion step, compiled", "studies"), run.params.fusion.training
    yield from compiled(run, what, fusion_network, study_batches(run, fusion_network(run)), stage)


MEASUREMENTS: dict[str, Callable[[Options], Iterator[Finding]]] = {
    "device": device,
    "image_step": image_step,
    "fusion_step": fusion_step,
    "roofline": roofline_share,
    "from_store": from_store,
    "prediction": prediction,
    "equality": equality,
    "resumption": resumption,
    "checkpointing": checkpointing,
    "compiled_image": compiled_image,
    "largest_batch": largest_batch,
    "compiled_fusion": compiled_fusion,
}
