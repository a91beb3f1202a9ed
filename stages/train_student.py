"""Train the next generation on MIMIC-CXR and the external sets as its teacher labelled them."""

from functools import partial
from pathlib import Path

from camchex.contract import params
from camchex.contract.image_store import ImageParams
from camchex.contract.labels import LabelParams
from camchex.contract.schemas import MIMIC
from camchex.networks.image_classifier import ImageClassifier, build_image_classifier
from camchex.networks.params import EncoderParams
from camchex.networks.samples import cohort_images, read_cohort, read_pseudo_labels
from camchex.noisy_student.image_training import train_on_images
from camchex.noisy_student.params import NoisyStudentParams
from camchex.runs.training_run import Run, run_once
from camchex.training.params import load_section
from camchex.training.recipe import read_recipe
from stages import Input, Output, run


def main(
    *,
    cohort: Input,
    store: Input,
    pseudo: Input,
    stores: Input,
    teacher: Input,
    out: Output,
    curves: Output,
) -> None:
    """Write the student's folder and its curves."""
    labels = params.load("labels", LabelParams)
    encoder = params.load("encoder", EncoderParams)
    size = params.load("images", ImageParams).size
    keys = sorted(params.load("external", dict[str, object]))
    student = load_section("noisy_student", NoisyStudentParams)
    recipe = read_recipe(student.student, out, curves)

    def train(scratch: Path) -> None:
        images = partial(cohort_images, read_cohort(cohort, store, labels.classes))
        external = read_pseudo_labels(pseudo, stores, keys, labels.classes)
        start = {
            "warm": partial(ImageClassifier.from_pretrained, teacher, size, labels.classes),
            "pretrained": partial(build_image_classifier, encoder, labels.classes, size),
        }[student.init]
        train_on_images(
            start, {MIMIC: images("train")} | external, images("development"), recipe, scratch
        )

    inputs = [cohort, store, pseudo, *(stores / key for key in keys), teacher]
    sections = [labels, encoder, student, *recipe.sections]
    run_once(Run(Path(__file__), inputs, sections, [out, curves]), train)


if __name__ == "__main__":
    run(main)
