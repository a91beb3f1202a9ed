"""The image classifiers without a fusion: every generation, and the encoders of both views."""

from collections.abc import Mapping
from pathlib import Path

from camchex.aggregates.results import write_results
from camchex.contract import params, schemas, tables
from camchex.contract.labels import LabelParams
from camchex.fusion.study_samples import cohort_studies
from camchex.networks.image_classifier import ImageClassifier
from camchex.networks.samples import read_cohort
from camchex.prediction.image_predictions import VIEWS, predict_by_image
from camchex.runs.runtime import RuntimeParams
from camchex.scores.evaluate import evaluate
from camchex.scores.params import EvaluationParams
from camchex.scores.scored import of_split, read_probabilities
from stages import Input, Output, run

GENERATIONS = ("gen0", "gen1", "gen2", "gen3", "gen4")


def main(
    generations: Input,
    views: Input,
    cohort: Input,
    store: Input,
    out: Output,
    metrics: Output,
) -> None:
    """Write predictions and scores of each model into the two folders, under its name."""
    classes = params.load("labels", LabelParams).classes
    min_cell = params.load("evaluation", EvaluationParams).min_cell
    runtime = params.load("runtime", RuntimeParams)
    studies = cohort_studies(read_cohort(cohort, store, classes), ["development", "test"])
    table = tables.read(cohort, schemas.cohort(classes))
    test = of_split(table, "test", classes)
    for name in (*GENERATIONS, "views"):
        models = _views(views) if name == "views" else _both(generations / name)
        path = out / f"{name}.parquet"
        tables.write(predict_by_image(models, studies, runtime), path, schemas.predictions(classes))
        scores = evaluate(test, read_probabilities(path, test), table, min_cell)
        write_results(scores, metrics / f"{name}.json")


def _views(folder: Path) -> Mapping[str, ImageClassifier]:
    return {view: ImageClassifier.from_pretrained(folder / view) for view in VIEWS}


def _both(folder: Path) -> Mapping[str, ImageClassifier]:
    return dict.fromkeys(VIEWS, ImageClassifier.from_pretrained(folder))


if __name__ == "__main__":
    run(main)
