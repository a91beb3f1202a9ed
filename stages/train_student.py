"""Train the next generation on MIMIC-CXR and the external sets as its teacher labelled them."""

from functools import partial
from pathlib import Path

from camchex.contract import params
from camchex.contract.image_store import ImageParams
from camchex.contract.labels import LabelParams
from camchex.networks.params import EncoderParams
from camchex.networks.samples import read_pseudo_labels
from camchex.noisy_student.image_training import image_task, read_images, student_start
from camchex.noisy_student.params import NoisyStudentParams
from camchex.training.params import load_section
from camchex.training.recipe import read_recipe, train_once
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
    section = load_section("noisy_student", NoisyStudentParams)
    recipe = read_recipe(section.student, out, curves)
    start = student_start(section.init, teacher, encoder, labels.classes, size)
    external = partial(read_pseudo_labels, pseudo, stores, keys, labels.classes)
    read = partial(read_images, cohort, store, labels.classes, external=external)
    task = partial(image_task, start, read, recipe)
    inputs = [cohort, store, pseudo, *(stores / key for key in keys), teacher]
    train_once(recipe, task, Path(__file__), inputs, [labels, encoder, section])


if __name__ == "__main__":
    run(main)
