"""Train chains of students that differ in what they learn and start from, and predict by them."""

from functools import partial
from pathlib import Path

from camchex.contract import params, schemas, tables
from camchex.contract.labels import LabelParams
from camchex.networks.image_classifier import ImageClassifier
from camchex.networks.params import EncoderParams
from camchex.networks.samples import read_cohort, read_pseudo_labels
from camchex.noisy_student.params import NoisyStudentParams
from camchex.prediction.image_predictions import VIEWS, predict_by_image
from camchex.prediction.student_chains import CHAINS, student_task
from camchex.training.params import load_section
from camchex.training.recipe import read_recipe, train_once
from stages import Input, Output, Seed, run


def main(
    *,
    seed: Seed,
    cohort: Input,
    store: Input,
    pseudo: Input,
    stores: Input,
    teacher: Input,
    out: Output,
    curves: Output,
    predictions: Output,
) -> None:
    """Write every student's folder and curves, and what the last one of each chain predicts."""
    labels, encoder = params.load("labels", LabelParams), params.load("encoder", EncoderParams)
    section = load_section("noisy_student", NoisyStudentParams)
    sets, studies = params.load("external", dict), read_cohort(cohort, store, labels.classes)
    external = read_pseudo_labels(pseudo, stores, sorted(sets), labels.classes)
    for name, chain in CHAINS.items():
        last = teacher
        for place in (Path(name, f"gen{n + 1}") for n in range(chain.generations)):
            recipe = read_recipe(chain.training_of(section, seed), out / place, curves / place)
            task = partial(student_task, chain, studies, external, last, encoder, recipe)
            inputs, sections = [cohort, store, pseudo, stores, last], [labels, encoder, section]
            train_once(recipe, task, Path(__file__), inputs, sections)
            last = recipe.out
        by_view = dict.fromkeys(VIEWS, ImageClassifier.from_pretrained(last))
        table = predict_by_image(by_view, studies, ["development", "test"], recipe.runtime)
        tables.write(table, predictions / f"{name}.parquet", schemas.predictions(labels.classes))


if __name__ == "__main__":
    run(main)
