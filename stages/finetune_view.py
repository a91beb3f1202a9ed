"""Train the last generation further on the images of one view: the encoder of that view."""

from functools import partial
from pathlib import Path

from camchex.contract import params
from camchex.contract.labels import LabelParams
from camchex.contract.schemas import MIMIC
from camchex.networks.image_classifier import ImageClassifier
from camchex.networks.samples import cohort_images, read_cohort
from camchex.noisy_student.image_training import train_on_images
from camchex.noisy_student.params import ViewFinetuningParams
from camchex.runs.training_run import Run, run_once
from camchex.training.params import load_section
from camchex.training.recipe import read_recipe
from stages import Input, Name, Output, run


def main(view: Name, init: Input, cohort: Input, store: Input, out: Output, curves: Output) -> None:
    """Write the folder of the view's classifier and its curves."""
    labels = params.load("labels", LabelParams)
    training = load_section("view_finetuning", ViewFinetuningParams).training
    recipe = read_recipe(training, out, curves)

    def train(scratch: Path) -> None:
        studies = read_cohort(cohort, store, labels.classes)
        images = partial(cohort_images, studies, view=view)
        size = studies.store.size
        start = partial(ImageClassifier.from_pretrained, init, size, labels.classes)
        sets = {MIMIC: images(split="train")}
        train_on_images(start, sets, images(split="development"), recipe, scratch)

    sections = [labels, *recipe.sections]
    run_once(Run(Path(__file__), [init, cohort, store], sections, [out, curves]), train)


if __name__ == "__main__":
    run(main)
