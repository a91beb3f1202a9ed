"""Train generation 0 of the noisy student on MIMIC-CXR alone."""

from functools import partial
from pathlib import Path

from camchex.contract import params
from camchex.contract.image_store import ImageParams
from camchex.contract.labels import LabelParams
from camchex.networks.hub import require_published
from camchex.networks.image_classifier import ImageClassifier, build_image_classifier
from camchex.networks.params import EncoderParams
from camchex.noisy_student.image_training import image_task, read_images
from camchex.noisy_student.params import NoisyStudentParams
from camchex.training.params import load_section
from camchex.training.recipe import read_recipe, train_once
from stages import Input, Output, run


def main(cohort: Input, store: Input, out: Output, curves: Output) -> None:
    """Write the teacher's folder and its curves.

    Before hours are spent, says whether the text model can be had that the last training reads.
    """
    labels = params.load("labels", LabelParams)
    encoder = params.load("encoder", EncoderParams)
    size = params.load("images", ImageParams).size
    recipe = read_recipe(load_section("noisy_student", NoisyStudentParams).teacher, out, curves)
    text = params.load("text.model", str)  # changes nothing here: no parameter of the stage

    def start() -> ImageClassifier:
        require_published(text, "text.model")
        return build_image_classifier(encoder, labels.classes, size)

    read = partial(read_images, cohort, store, labels.classes)
    task = partial(image_task, start, read, recipe)
    train_once(recipe, task, Path(__file__), [cohort, store], [labels, encoder])


if __name__ == "__main__":
    run(main)
