"""Studies and images per second of a training step: this project's against the published layout.

Ours is what every stage runs, ``camchex.training.fit``, with its trainer and its checks; theirs is
``published_layout.py`` in a bare loop. Both have the same backbones, batches, device and process,
the same augmentation on the device, and the study sizes of CXR-LT; they take turns. One thread
works, and its processor time counts. Run it as ``python benchmarks/train_step.py``, in the
project's folder, for the demo's networks on the CPU; a GPU is measured by ``bench_gpu.py``.
"""

import argparse
from collections.abc import Callable

import cv2
import published_layout as published
import roofline
import torch
from contest import Contest, Run, compared, over_and_over, time_loop
from from_disk import files_on_disk
from layouts import fusion_contest, image_contest, image_network, in_common, parts_of
from record import record
from torch.profiler import ProfilerActivity, profile

from camchex.estimate.probe import Timing, Window
from camchex.profiles.profiles import locate, validate_file


def profiled(timed: Callable[[Window], Timing], run: Run) -> tuple[Timing, profile]:
    """Some steps under torch's profiler."""
    traced = profile(activities=[ProfilerActivity.CPU])
    return timed(run.window(traced.start, traced.stop)), traced


def roofline_notes(run: Run) -> dict[str, object]:
    """Operations and bytes of the backbone's step, and how near it comes to both ceilings."""
    dtype = torch.bfloat16 if run.device.type == "cuda" else torch.float32
    params, size = run.params, run.params.images.size
    parts = parts_of(params, None, frozen=False)
    shape = (run.batch, 1, size, size)
    count = roofline.counted_step(lambda: published.Backbone(parts), shape, dtype)
    best = roofline.ceilings(run.device, dtype)
    encoder = image_network(run).encoder.to(run.device).train()
    images = torch.rand(shape, device=run.device)

    def step(batch: torch.Tensor) -> None:
        with torch.autocast(run.device.type, torch.bfloat16, enabled=run.device.type == "cuda"):
            maps = encoder(batch)
        maps.float().sum().backward()

    taken = time_loop(step, over_and_over([images]), run.device, run.window()).seconds_per_step
    return {
        f"backbone, forward and backward of {run.batch} images at {size} px": (
            f"{count.flops / 1e9:.1f} GFLOP, {count.bytes / 1e9:.2f} GB unfused, "
            f"{1000 * taken:.1f} ms"
        ),
        "ceilings measured": (
            f"{best.flops / 1e12:.3f} TFLOP/s ({dtype} product), {best.bytes / 1e9:.1f} GB/s (copy)"
        ),
        "share of the roofline of an unfused step": round(count.least_seconds(best) / taken, 3),
        "share of the product's ceiling": round(count.flops / taken / best.flops, 3),
        "share of the copy's ceiling": round(count.bytes / taken / best.bytes, 3),
    }


def differences(run: Run, side: int) -> dict[str, object]:
    """What the two layouts do not have in common."""
    half = run.device.type == "cuda"
    return {
        "published layout": (
            f"{published.SLOTS} x {side * side} image tokens and 2 x {side * side} text tokens, "
            f"texts of {published.INDICATION_TOKENS} and {published.VITALS_TOKENS} tokens; "
            f"AdamW {'foreach' if half else 'one parameter at a time'} (torch's default), moving "
            f"average in a loop, {'fp16 autocast and scaler' if half else 'float32'}; no trainer"
        ),
        "ours": (
            f"camchex.training.fit: packed images, no token without an image, texts as long as the "
            f"batch's longest, 1 token each, "
            f"precision {run.params.fusion.training.precision}"
        ),
        "in common": "backbones, batches, study sizes, augmentation on the device, loss, clipping",
        "batch": run.batch,
        "device": torch.cuda.get_device_name()
        if half
        else f"CPU, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
    }


def reduced_side(run: Run) -> int:
    """Rows, and columns, of an image's tokens in the fusion."""
    size = run.params.images.size
    with torch.device("meta"):
        backbone = published.Backbone(parts_of(run.params, None, frozen=False))
        maps = backbone(torch.empty(1, 1, size, size))
    return -(-maps.shape[-1] // 2)


def print_tables(contest: Contest, run: Run) -> None:
    """What the operations of either layout take."""
    for name, timed in (("ours", contest.ours), ("published layout", contest.theirs)):
        timing, traced = profiled(timed, run)
        table = traced.key_averages().table(
            sort_by="self_cpu_time_total", row_limit=15, max_name_column_width=40
        )
        print(f"{contest.what}, {name}: {timing.steps} steps in {timing.seconds:.2f} s\n{table}")


def arguments() -> argparse.Namespace:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--profile", default="demo", help="a profile's name, or a YAML file")
    parser.add_argument("--batch", type=int, help="default: that of fusion.training")
    parser.add_argument("--steps", type=int, default=20, help="per repetition")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--table", action="store_true", help="also what the operations take")
    parser.add_argument("--no-files", action="store_true", help="leave out the run from files")
    return parser.parse_args()


def main() -> None:
    """Measure what the device allows."""
    asked = arguments()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)  # so that processor time is that of the step, not of waiting
    params = in_common(validate_file(locate(asked.profile)))
    batch = asked.batch or params.fusion.training.batch_size
    run = Run(params, torch.device("cpu"), batch, asked.steps, asked.repeats)
    contests = [fusion_contest(run, frozen=False), image_contest(run)]
    if params.fusion.freeze_encoders:
        contests.insert(1, fusion_contest(run, frozen=True))
    if not asked.no_files:
        contests.append(files_on_disk(run))
    rows, notes = [], differences(run, reduced_side(run))
    for contest in contests:
        row, spread = compared(contest, run)
        rows.append(row)
        notes[f"range, {contest.what}"] = spread
    notes |= roofline_notes(run)
    if asked.table:
        for contest in contests[:2]:
            print_tables(contest, run)
    suffix = "" if asked.profile == "demo" else f"_{asked.profile}"
    record(f"train_step{suffix}", rows, notes)


if __name__ == "__main__":
    main()
