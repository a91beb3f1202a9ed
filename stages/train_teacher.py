"""Train generation 0 of the noisy student on MIMIC-CXR alone."""

from functools import partial
from pathlib import Path

from camchex.contract import params
from camchex.contract.image_store import ImageParams
from camchex.contract.labels import LabelParams
from camchex.contract.schemas import MIMIC
from camchex.networks.image_classifier import build_image_classifier
from camchex.networks.params import EncoderParams
from camchex.networks.samples import cohort_images, read_cohort
from camchex.noisy_student.image_training import train_on_images
from camchex.noisy_student.params import NoisyStudentParams
from camchex.runs.training_run import Run, run_once
from camchex.training.params import load_section
from camchex.training.recipe import read_recipe
from stages import Input, Output, run


def main(cohort: Input, store: Input, out: Output, curves: Output) -> None:
    """Write the teacher's folder and its curves."""
    labels = params.load("labels", LabelParams)
    encoder = params.load("encoder", EncoderParams)
    size = params.load("images", ImageParams).size
    recipe = read_recipe(load_section("noisy_student", NoisyStudentParams).teacher, out, curves)

    def train(scratch: Path) -> None:
        images = partial(cohort_images, read_cohort(cohort, store, labels.classes))
        start = partial(build_image_classifier, encoder, labels.classes, size)
        train_on_images(start, {MIMIC: images("train")}, images("development"), recipe, scratch)

    sections = [labels, encoder, *recipe.sections]
    run_once(Run(Path(__file__), [cohort, store], sections, [out, curves]), train)


if __name__ == "__main__":
    run(main)
