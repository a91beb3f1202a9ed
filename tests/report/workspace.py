"""A folder with everything that the last stages read, made from an invented cohort."""

import json
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from camchex.audit.gain import NAMES
from camchex.contract import params, schemas, tables
from camchex.contract.labels import CXR_LT_2023, LabelParams
from camchex.contract.yaml_file import read_yaml, yaml_text
from camchex.images.shards import ShardWriter
from camchex.images.stored_image import stored_image
from camchex.report.inputs import Provenance, ReportInputs, Sources, read_inputs
from stages import audit_leakage, evaluate
from stages.report import __main__ as report
from stages.report.__main__ import MADE_BY
from tests.scores import factories

PROJECT = Path(__file__).resolve().parents[2]
SEEDS = (0, 1)
STALE = 7
"""Seed that nobody declares, of which an earlier run left predictions and metrics."""
RARE = "Hernia"
"""Finding of which the test studies have too few to show."""
SHOWN = ("Atelectasis", "Edema", "Emphysema", "Fracture", "Mass", "No Finding", "Pneumonia")
SHOWN += ("Pneumothorax", "Support Devices")
ABSENT = tuple(name for name in CXR_LT_2023 if name not in (*SHOWN, RARE))
"""Findings of which the test studies have none: charts of few take a third of the time of all."""


def write_workspace(folder: Path) -> factories.Invented:
    """Write params.yaml, cohort, images, predictions and the other stages' metrics in a folder."""
    values = read_yaml(PROJECT / "params.yaml")
    values["seeds"] = list(SEEDS)
    values["audit"]["shuffles"] = 2
    values["evaluation"]["bootstrap"]["resamples"] = 40
    (folder / "params.yaml").write_text(yaml_text(values))
    shutil.copytree(PROJECT / "profiles", folder / "profiles")
    invented = factories.invent({"development": 20, "test": 150, "train": 200})
    labels = factories.leaked(invented, rate=0.5)
    test = np.flatnonzero(np.array(invented.splits) == "test")
    labels[test, CXR_LT_2023.index(RARE)] = np.arange(len(test)) < 3
    labels[np.ix_(test, [CXR_LT_2023.index(name) for name in ABSENT])] = 0
    cohort = factories.cohort(invented, labels)
    tables.write(cohort, folder / "data/cohort.parquet", schemas.cohort(CXR_LT_2023))
    for seed in (*SEEDS, STALE):
        write_predictions(folder / f"data/predictions/seed{seed}.parquet", cohort, labels, 2, seed)
    write_predictions(folder / "data/swapped.parquet", cohort, labels, 1, 0)
    for place, name in enumerate(NAMES):
        for seed in SEEDS:
            path = folder / f"data/counterfactuals/seed{seed}/{name}.parquet"
            write_predictions(path, cohort, labels, 1.5 - place / 10, seed)
    write_store(folder / "data/images/mimic", cohort)
    write_metrics(folder / "metrics", cohort)
    write_json(folder / f"metrics/seeds/seed{STALE}.json", {"stale": True})
    write_json(folder / f"metrics/curves/test/seed{STALE}/stale.json", {})
    return invented


def run_stages(seeds: Sequence[int] = SEEDS) -> None:
    """Score, audit and report in a workspace, which is the working directory."""
    for seed in seeds:
        evaluate.main(
            Path("data/cohort.parquet"),
            Path(f"data/predictions/seed{seed}.parquet"),
            Path(f"metrics/seeds/seed{seed}.json"),
            Path(f"metrics/curves/test/seed{seed}"),
        )
    run_audit(Path("data/counterfactuals"))
    run_report()


def run_audit(counterfactuals: Path | None = None) -> None:
    audit_leakage.main(
        Path("data/cohort.parquet"),
        Path("data/predictions"),
        Path("metrics/audit.json"),
        Path("metrics/curves/audit"),
        counterfactuals,
    )


def run_report() -> None:
    """Run the stage of the report, with the options of dvc.yaml."""
    words = shlex.split(load_pipeline()["report"]["cmd"])[3:]
    options = zip(words[::2], words[1::2], strict=True)
    report.main(**{name[2:].replace("-", "_"): Path(value) for name, value in options})


def load_pipeline() -> dict[str, dict[str, str]]:
    """The stages of dvc.yaml."""
    return read_yaml(PROJECT / "dvc.yaml")["stages"]


def workspace_inputs(folder: Path, data: str = "synthetic") -> ReportInputs:
    """Everything that the report of a workspace shows, after its stages."""
    metrics = folder / "metrics"
    sources = Sources(
        seeds=metrics / "seeds",
        audit=metrics / "audit.json",
        data=metrics / "data",
        pseudo_labels=metrics / "pseudo_labels",
        training=metrics / "curves/train",
        test=metrics / "curves/test",
        cohort=folder / "data/cohort.parquet",
        predictions=folder / "data/predictions",
        store=folder / "data/images/mimic",
        others=metrics / "shown",
    )
    weights = {seed: f"hash of seed {seed}" for seed in SEEDS}
    made_of = Provenance({"parameters": "abc"}, {"python": "3"}, "demo", (), weights, "git log")
    return read_inputs(
        sources,
        SEEDS,
        params.load("labels", LabelParams, folder / "params.yaml"),
        0.95,
        data=data,
        made_by=MADE_BY,
        provenance=made_of,
    )


def without_curves(inputs: ReportInputs) -> ReportInputs:
    """The same without what most charts are drawn from."""
    without = replace(inputs, precision_recall={0: {}}, reliability={0: {}}, training={})
    return replace(without, net_benefit={0: []})


def write_predictions(
    path: Path, cohort: pa.Table, labels: np.ndarray, skill: float, seed: int
) -> None:
    table = factories.predictions(cohort, factories.guesses(labels, skill, seed))
    tables.write(table, path, schemas.predictions(CXR_LT_2023))


def write_store(folder: Path, cohort: pa.Table, size: int = 16) -> None:
    """A store with an image of noise for every image of the cohort."""
    folder.mkdir(parents=True)
    writer = ShardWriter(folder, size, shard_mb=1)
    draw = np.random.default_rng(0)
    for image_id in sorted(i for ids in cohort["image_ids"].to_pylist() for i in ids):
        pixels = draw.integers(0, 255, (size, size), dtype=np.uint8)
        writer.add(image_id, stored_image(pixels, quality=95))
    writer.close()


def write_metrics(folder: Path, cohort: pa.Table) -> None:
    """Counts of the cohort, pseudo-labels and training curves, as their stages write them."""
    split = {
        "studies": cohort.num_rows,
        "patients": cohort.num_rows,
        "images": {"frontal": 300, "lateral": 100},
        "without_indication": 20,
        "indication_reads_like_findings": 7,
        "outside_ed_stay": 40,
        "without_mimic14": "<5",
        "positive": {name: positive(cohort[name]) for name in CXR_LT_2023},
    }
    counts = {
        "studies": 400,
        "left_out": {"no_split": 0, "no_prepared_image": "<5"},
        "images": 700,
        "images_not_prepared": 0,
        "splits": dict.fromkeys(("train", "development", "test"), split),
    }
    write_json(folder / "data/cohort.json", counts)
    unreadable = {"empty file": 12, "no such file": "<5", "no pixel data": 0}
    images = {"images": 700, "prepared": 685, "unreadable": unreadable, "notes": {}}
    write_json(folder / "data/images_mimic.json", images)
    (folder / "shown").mkdir()
    few = {"predicted": 3}
    many = {"predicted": 200, "mean": 0.12, "q05": 0.01, "q50": 0.1, "q95": 0.4}
    sets = {"images": 250, "classes": {n: few if n == "Hernia" else many for n in CXR_LT_2023}}
    for generation in range(4):
        spread = dict.fromkeys(("chexpert", "nih"), sets)
        write_json(folder / f"pseudo_labels/gen{generation}.json", spread)
    write_training_curves(folder / "curves/train", ["frontal", "lateral"])
    write_training_curves(folder / "curves/train", [f"gen{g}" for g in range(5)])
    write_training_curves(folder / "curves/train", [f"fusion_seed{s}" for s in (*SEEDS, STALE)])


def positive(labels: pa.ChunkedArray) -> dict[str, object]:
    count = int(np.nansum(labels.to_numpy()))
    return {"count": count, "share": count / len(labels)}


def write_training_curves(folder: Path, runs: Sequence[str]) -> None:
    for run in runs:
        (folder / run).mkdir(parents=True)
        for quantity, slope in (("train_loss", -0.01), ("development_mAP", 0.02)):
            rows = [f"{step}\t{0.3 + slope * step}" for step in range(6)]
            text = "\n".join([f"step\t{quantity}", *rows]) + "\n"
            (folder / run / f"{quantity}.tsv").write_text(text)
        write_json(folder / run / "arithmetic.json", {"portable": True})


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
