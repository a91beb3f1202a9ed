"""Train the last generation further on the images of one view: the encoder of that view."""

from functools import partial
from pathlib import Path

from camchex.contract import params
from camchex.contract.labels import LabelParams
from camchex.networks.image_classifier import ImageClassifier
from camchex.networks.samples import cohort_images, read_cohort
from camchex.noisy_student.image_training import train_on_images
from camchex.noisy_student.params import ViewFinetuningParams
from camchex.runs.runtime import RuntimeParams
from camchex.runs.scratch import Run, run_once
from camchex.training.params import AugmentationParams
from camchex.training.recipe import Recipe
from stages import Input, Name, Output, run


def main(view: Name, init: Input, cohort: Input, store: Input, out: Output, curves: Output) -> None:
    """Write the folder of the view's classifier and its curves."""
    labels = params.load("labels", LabelParams)
    augmentation = params.load("augmentation", AugmentationParams)
    training = params.load("view_finetuning", ViewFinetuningParams).training
    recipe = Recipe(training, augmentation, params.load("runtime", RuntimeParams), out, curves)

    def train(scratch: Path) -> None:
        studies = read_cohort(cohort, store, labels.classes)
        images = partial(cohort_images, studies, view=view)
        train_on_images(
            partial(
                ImageClassifier.from_pretrained, init, studies.store.size, classes=labels.classes
            ),
            {"mimic": images(split="train")},
            images(split="development"),
            recipe,
            scratch,
        )

    sections = [labels, augmentation, training]
    run_once(Run(Path(__file__), [init, cohort, store], sections, [out, curves]), train)


if __name__ == "__main__":
    run(main)
