"""Seconds of a prediction with changed texts and inputs: each image encoded once, or every time.

The former way predicts each changed study as a study of its own, images and all, in either
direction. Both ways predict the same studies with the same untrained networks (the demo's, at its
image size and at that of most published backbones), in turns, in processor time of one thread. Run
it as ``python benchmarks/prediction.py``, in the project's folder; ``--profile paper --sizes 1024
--studies 6 --repeats 1 --no-missing --no-baseline`` takes networks of the published sizes, in which
images cost most.
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch
from contest import Run
from from_disk import studies_of, written
from layouts import fusion_network
from numpy.typing import NDArray
from record import Comparison, record
from turns import seconds

from camchex.contract.image_store import ImageStore
from camchex.fusion.camchex import CaMChex
from camchex.fusion.study_data import StudyDataset, StudySamples, reader_of
from camchex.fusion.tokenizer import NO_VITALS
from camchex.networks.batches import Rows
from camchex.networks.inference import predict
from camchex.prediction.counterfactuals import PLAIN, changed_variants
from camchex.prediction.missing_inputs import COMBINATIONS, only
from camchex.prediction.study_predictions import Variant, predict_variants
from camchex.profiles.profiles import locate, validate_file
from camchex.runs.runtime import RuntimeParams

SIZES = (64, 224)  # px: the demo's, and that of most published backbones
STUDIES = 96
SEED = 0
Variants = Mapping[str, Variant]


class Repeated(ImageStore):
    """A store whose images are there again and again, so that no two studies have the same."""

    def batch(self, rows: Rows) -> NDArray[np.uint8]:
        """Read images, (n, H, W)."""
        return super().batch(np.asarray(rows) % len(self))


def studies(store: ImageStore, model: CaMChex, count: int) -> StudySamples:
    """Studies of which a third is for development, a third names a finding, and half has vitals."""
    plain = studies_of(store, model, count)
    texts, ends = enumerate(plain.indications), np.cumsum([len(rows) for rows in plain.rows])
    return replace(
        plain,
        rows=np.split(np.arange(ends[-1]), ends[:-1]),
        splits=["test" if n % 3 else "development" for n in range(count)],
        indications=[f"{text} r/o pneumonia" if n % 3 == 1 else text for n, text in texts],
        vitals=[text if n % 2 else NO_VITALS for n, text in enumerate(plain.vitals)],
    )


def every_time(model: CaMChex, variants: Variants, runtime: RuntimeParams) -> list[np.ndarray]:
    """The former way."""
    read = [StudyDataset(variant.samples, reader_of(model)) for variant in variants.values()]
    return [predict(model, data, runtime) for data in read]


def once(model: CaMChex, variants: Variants, runtime: RuntimeParams) -> list[np.ndarray]:
    """This project's way."""
    tables = predict_variants(model, variants, runtime).values()
    return [np.stack([table[name].to_numpy() for name in model.classes], 1) for table in tables]


def compared(
    model: CaMChex, store: ImageStore, run: Run, asked: argparse.Namespace
) -> tuple[list[Comparison], dict[str, object]]:
    """Both ways, with counterfactuals and with missing inputs."""
    count = asked.studies
    everything, where = studies(store, model, count), f"at {store.size} px"
    plain = {PLAIN: Variant(everything, np.arange(count))}
    changed = plain | changed_variants(everything, SEED, model.classes)
    named = {"plain": plain, "counterfactuals too": changed}
    if not asked.no_missing:
        whole = {name: only(everything, name) for name in COMBINATIONS}
        named["missing inputs"] = {n: Variant(of, np.arange(count)) for n, of in whole.items()}
    ways = {"once": once} if asked.no_baseline else {"once": once, "every time": every_time}
    found: dict[tuple[str, str], list[np.ndarray]] = {}

    def predicts(what: str, way: str) -> None:
        found[what, way] = ways[way](model, named[what], run.runtime)

    taken = seconds(
        {(what, way): partial(predicts, what, way) for what in named for way in ways}, run.repeats
    )
    unit, rows, notes = f"s, {count} studies", [], {}
    for what in named:
        baseline = "plain" if asked.no_baseline else "every time"
        ours = taken[what, "once"]
        theirs = taken["plain", "once"] if asked.no_baseline else taken[what, baseline]
        rows.append(Comparison(f"{what} {where}", unit, ours, baseline, theirs, theirs / ours))
    times = {way: taken["counterfactuals too", way] / taken["plain", way] for way in ways}
    notes[f"counterfactuals too, as a multiple of plain, {where}"] = {
        way: round(multiple, 2) for way, multiple in times.items()
    }
    if not asked.no_baseline:
        pairs = [zip(found[w, "once"], found[w, "every time"], strict=True) for w in named]
        apart = [np.abs(one - other).max(initial=0) for both in pairs for one, other in both]
        notes[f"largest difference of a probability, {where}"] = float(max(apart))
    notes[f"tests changed by each counterfactual, {where}"] = {
        name: len(variant.rows) for name, variant in changed.items() if name != PLAIN
    }
    return rows, notes


def arguments() -> argparse.Namespace:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--profile", default="demo", help="whose networks")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="px")
    parser.add_argument("--studies", type=int, default=STUDIES)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-missing", action="store_true", help="leave out missing inputs")
    parser.add_argument("--no-baseline", action="store_true", help="once only, against plain")
    return parser.parse_args()


def main() -> None:
    """Measure every size."""
    asked = arguments()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)  # so that processor time is that of the work, not of waiting
    profile, rows, notes = validate_file(locate(asked.profile)), [], {}
    for size in asked.sizes:
        images = profile.images.model_copy(update={"size": size})
        params = profile.model_copy(update={"images": images})
        run = Run(params, torch.device("cpu"), 0, 0, asked.repeats)
        with TemporaryDirectory() as folder:
            written(Path(folder), size)
            store = Repeated(Path(folder) / "store")
            found, more = compared(fusion_network(run).eval(), store, run, asked)
        rows += found
        notes |= more
    suffix = "" if asked.profile == "demo" else f"_{asked.profile}"
    record(f"prediction{suffix}", rows, notes)


if __name__ == "__main__":
    main()
