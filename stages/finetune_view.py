"""Train the last generation further on the images of one view: the encoder of that view."""

from functools import partial
from pathlib import Path

from camchex import params
from camchex.labels import LabelParams
from camchex.models.image_classifier import ImageClassifier
from camchex.runtime import RuntimeParams
from camchex.training.image_training import train_on_images
from camchex.training.params import AugmentationParams, ViewFinetuningParams
from camchex.training.recipe import Recipe
from camchex.training.runs import Run, run_once
from camchex.training.samples import cohort_images, read_cohort
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
