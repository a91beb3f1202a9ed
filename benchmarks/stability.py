"""What rounding alone does to a training: the spread where initial weights differ by 1e-7.

Machines differ in the last digits of their arithmetic, and a training can turn a last digit into
another result. Each kind of training runs several times as its stage runs it, with the parameters,
the data and the models of the folder that it is called in, every time with initial weights
multiplied by 1 + 1e-7 x noise, and as often with other seeds. Run it as
``python benchmarks/stability.py``, where ``dvc repro`` has been; ``--kind teacher --repeats 4`` is
a part of it. What was recorded of other kinds is kept.

Stages are called as functions, and what they hand to :func:`camchex.training.fit.fit` is perturbed
on its way, so that the library knows nothing of it. Nothing is written but the result: each
training has a folder of its own, with links to data and models.
"""

import argparse
import csv
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch
from record import RESULTS, machine, write
from torch import nn

from ablations.cohorts import changed_parameters
from camchex.aggregates.markdown import markdown_table
from camchex.aggregates.results import rounded
from camchex.comparisons.variant_text import mean_sd_text, number_text
from camchex.contract import arithmetic, params, schemas, tables
from camchex.contract.labels import LabelParams
from camchex.contract.yaml_file import parse_yaml
from camchex.fusion.camchex import CaMChex
from camchex.fusion.study_data import cohort_studies
from camchex.networks.image_classifier import ImageClassifier
from camchex.networks.samples import read_cohort
from camchex.prediction.image_predictions import VIEWS, predict_by_image
from camchex.prediction.study_predictions import predict_studies
from camchex.runs.runtime import RuntimeParams
from camchex.scores.evaluate import evaluate
from camchex.scores.labelled_split import labelled_split, read_probabilities
from camchex.scores.params import EvaluationParams
from camchex.scores.seeds import mean_sd
from camchex.training import recipe
from camchex.training.fit import fit
from camchex.training.task import Task
from stages import finetune_view, origin, train_fusion, train_student, train_teacher

NOISE = 1e-7  # about the last digit of a weight in single precision
KINDS = ("teacher", "student", "view_finetuning", "fusion")
SCORES = ("development_mAP", "test_mAP", "test_AUROC")
READ = ("data", "models")
GENERATIONS, FRONTAL, LATERAL = (
    Path("models") / p for p in ("noisy_student", "views/frontal", "views/lateral")
)
COHORT, STORE, OUT, CURVES = map(
    Path, ("data/cohort.parquet", "data/images/mimic", "out", "curves")
)


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        root: Folder of parameters, data and models.
        kind: One of ``KINDS``.
        settings: Values of params.yaml by dotted key, the seed among them.
        perturbation: Seed of the noise on the initial weights; 0: no noise.
    """

    root: Path
    kind: str
    settings: Mapping[str, object]
    perturbation: int = 0


def perturb(network: nn.Module, perturbation: int) -> None:
    """Multiply every weight by 1 + ``NOISE`` x noise, unless ``perturbation`` is 0.

    The noise has a generator of its own: no other draw of the training changes.
    """
    draw = torch.Generator().manual_seed(perturbation)
    with torch.no_grad():
        for weight in network.parameters() if perturbation else ():
            noise = torch.randn(weight.shape, generator=draw, dtype=torch.float64)
            weight.copy_(weight.double() * (1 + NOISE * noise))


def train(kind: str, last: int) -> None:
    """Train as a stage does, into ``OUT``; ``last`` is the number of the last generation."""
    paths: dict[str, Any] = {"cohort": COHORT, "store": STORE, "out": OUT, "curves": CURVES}
    generation = GENERATIONS / f"gen{last}"
    teacher = GENERATIONS / f"gen{last - 1}"
    pseudo = {"pseudo": Path(f"data/pseudo/gen{last - 1}"), "stores": Path("data/images/external")}
    if kind == "teacher":
        train_teacher.main(**paths)
    elif kind == "student":
        train_student.main(**paths, **pseudo, teacher=teacher)
    elif kind == "view_finetuning":
        finetune_view.main(view="frontal", init=generation, **paths)
    else:
        seed = params.load("training.seed", int)
        train_fusion.main(seed=seed, frontal=FRONTAL, lateral=LATERAL, **paths)


def scores(kind: str) -> dict[str, float | None]:
    """Score what is in ``OUT``: the kept epoch on development, and studies of the test split.

    An image network scores a study by the mean over its images; a frontal one leaves lateral images
    to the recorded lateral one.
    """
    classes = params.load("labels", LabelParams).classes
    runtime = params.load("runtime", RuntimeParams)
    cohort = read_cohort(COHORT, STORE, classes)
    if kind == "fusion":
        model = CaMChex.from_pretrained(OUT, classes)
        table = predict_studies(model, cohort_studies(cohort, ["test"]), runtime)
    else:
        folders = dict.fromkeys(VIEWS, OUT)
        folders |= {"lateral": LATERAL} if kind == "view_finetuning" else {}
        models = {view: ImageClassifier.from_pretrained(f) for view, f in folders.items()}
        table = predict_by_image(models, cohort, ["test"], runtime)
    path = Path("test.parquet")
    tables.write(table, path, schemas.predictions(classes))
    test = labelled_split(cohort.table, "test", classes)
    min_cell = params.load("evaluation", EvaluationParams).min_cell
    found = evaluate(test, read_probabilities(path, test), cohort.table, min_cell)["study"]
    with (CURVES / "development_mAP.tsv").open(newline="") as file:
        curve = [float(row["development_mAP"]) for row in csv.DictReader(file, delimiter="\t")]
    return dict(zip(SCORES, (max(curve), found["mAP"], found["AUROC"]), strict=True))


def run(one: Run) -> dict[str, float | None]:
    """Train and score in a folder of its own."""
    before = Path.cwd()
    last = len(list((one.root / GENERATIONS).glob("gen[0-9]"))) - 1

    def perturbed(task: Task, *rest: Any) -> list[dict[str, float]]:  # noqa: ANN401 - as fit takes
        perturb(task.network, one.perturbation)
        return fit(task, *rest)

    with TemporaryDirectory() as folder:
        for name in READ:
            (Path(folder) / name).symlink_to(one.root / name)
        text = changed_parameters(one.settings, one.root / "params.yaml")
        (Path(folder) / "params.yaml").write_text(text)
        os.chdir(folder)
        try:
            with patch.object(recipe, "fit", perturbed):
                train(one.kind, last)
            found = scores(one.kind)
        finally:
            os.chdir(before)
    print(f"{one}: {found}", file=sys.stderr)
    return found


def summary(runs: Sequence[Mapping[str, float | None]]) -> dict[str, Any]:
    """Mean, standard deviation, lowest run and all runs of each score."""
    columns = {score: [one[score] for one in runs] for score in SCORES}
    return {
        score: {
            **mean_sd(values),
            "lowest": min((v for v in values if v is not None), default=None),
            "runs": values,
        }
        for score, values in columns.items()
    }


def table(trainings: Mapping[str, Any]) -> str:
    """Markdown: every score of every training, under rounding and over seeds."""
    rows = [
        (
            name,
            score,
            *(
                cell
                for found in (training["perturbed"][score], training["seeds"][score])
                for cell in (
                    str(len(found["runs"])),
                    mean_sd_text(found),
                    number_text(found["lowest"]),
                )
            ),
        )
        for name, training in trainings.items()
        for score in SCORES
    ]
    header = ("perturbed runs", "mean ± sd", "lowest", "seeds", "mean ± sd", "lowest")
    return markdown_table(("training", "score", *header), rows)


def arguments() -> argparse.Namespace:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kind", action="append", choices=KINDS, help="repeatable; default: all")
    parser.add_argument("--repeats", type=int, default=8, help="perturbed trainings of each kind")
    parser.add_argument("--seeds", type=int, help="trainings with other seeds; default: as many")
    parser.add_argument("--jobs", type=int, default=1, help="trainings side by side")
    help_of_set = "key=value of params.yaml, recorded beside the trainings without; repeatable"
    parser.add_argument("--set", action="append", default=[], dest="settings", help=help_of_set)
    parser.add_argument("--out", type=Path, default=RESULTS / "stability.json")
    return parser.parse_args()


def main() -> None:
    """Train, print and record."""
    asked = arguments()
    given = [text.partition("=") for text in asked.settings]
    settings = {key: parse_yaml(value, where=f"--set {key}") for key, _, value in given}
    try:
        changed_parameters(settings, params.PARAMS)
    except KeyError as error:
        sys.exit(f"--set: {params.PARAMS} has no key {error}")
    if params.load("runtime", RuntimeParams).portable:
        arithmetic.pin()  # of the processes that train: here it is too late
    root, seed = Path.cwd(), params.load("training.seed", int)
    kinds, extra = asked.kind or KINDS, asked.repeats if asked.seeds is None else asked.seeds
    context = multiprocessing.get_context("spawn")
    trainings = json.loads(asked.out.read_text())["trainings"] if asked.out.exists() else {}
    with ProcessPoolExecutor(asked.jobs, context) as pool:
        for kind in kinds:
            start = time.perf_counter()
            runs = [Run(root, kind, settings, n) for n in range(1, asked.repeats + 1)]
            runs += [Run(root, kind, {**settings, "training.seed": seed + n}) for n in range(extra)]
            found = list(pool.map(run, runs))
            trainings[" ".join([kind, *asked.settings])] = {
                "data": origin(params.load("data.root", Path)),
                "settings": asked.settings,
                "perturbed": rounded(summary(found[: asked.repeats])),
                "seeds": rounded(summary(found[asked.repeats :])),
                "seconds": round(time.perf_counter() - start),
                "machine": machine(),
            }
            write(asked.out, {"noise": NOISE, "trainings": trainings})
    print(table(trainings))


if __name__ == "__main__":
    main()
