"""Train the last generation further on the images of one view: the encoder of that view."""

from functools import partial
from pathlib import Path

from camchex.contract import params
from camchex.contract.image_store import ImageStore
from camchex.contract.labels import LabelParams
from camchex.networks.image_classifier import ImageClassifier
from camchex.noisy_student.image_training import image_task, read_images
from camchex.noisy_student.params import ViewFinetuningParams
from camchex.training.params import load_section
from camchex.training.recipe import read_recipe, train_once
from stages import Input, Name, Output, run


def main(view: Name, init: Input, cohort: Input, store: Input, out: Output, curves: Output) -> None:
    """Write the folder of the view's classifier and its curves."""
    labels = params.load("labels", LabelParams)
    training = load_section("view_finetuning", ViewFinetuningParams).training
    recipe = read_recipe(training, out, curves)
    size = ImageStore(store).size
    start = partial(ImageClassifier.from_pretrained, init, size, labels.classes)
    read = partial(read_images, cohort, store, labels.classes, view)
    task = partial(image_task, start, read, recipe)
    train_once(recipe, task, Path(__file__), [init, cohort, store], [labels])


if __name__ == "__main__":
    run(main)
