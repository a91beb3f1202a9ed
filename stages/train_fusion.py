"""Train CaMChex over whole studies, from the encoders of both views."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from camchex.contract import params
from camchex.contract.image_store import ImageParams
from camchex.contract.labels import LabelParams
from camchex.fusion.camchex import CaMChex, build_camchex
from camchex.fusion.params import Preparation, TextParams
from camchex.fusion.section import FusionParams
from camchex.fusion.study_samples import cohort_studies
from camchex.fusion.study_training import train_on_studies, vary
from camchex.fusion.tokenizer import build_tokenizer
from camchex.networks.image_classifier import ImageClassifier
from camchex.networks.samples import read_cohort
from camchex.runs.training_run import Run, run_once
from camchex.texts.params import IndicationParams
from camchex.training.params import load_section
from camchex.training.recipe import read_recipe
from stages import Input, Output, run

Seed = Annotated[int, typer.Option(help="Replaces fusion.training.seed.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="key=value: replaces a key of section fusion; repeatable."),
]


def main(
    *,
    seed: Seed,
    frontal: Input,
    lateral: Input,
    cohort: Input,
    store: Input,
    out: Output,
    curves: Output,
    settings: Settings = None,
) -> None:
    """Write the folder of the fusion model and its curves."""
    labels = params.load("labels", LabelParams)
    images = params.load("images", ImageParams)
    preparation = Preparation(
        fit=images.fit,
        jpeg_quality=images.jpeg_quality,
        cleaner=params.load("indications", IndicationParams).cleaner,
    )
    text = params.load("text", TextParams)
    fusion = vary(load_section("fusion", FusionParams), seed, settings or ())
    recipe = read_recipe(fusion.training, out, curves)

    def train(scratch: Path) -> None:
        found = read_cohort(cohort, store, labels.classes)
        studies = partial(cohort_studies, found)
        front, side = (
            ImageClassifier.from_pretrained(folder, found.store.size, labels.classes)
            for folder in (frontal, lateral)
        )

        def start(texts: Iterable[str]) -> CaMChex:
            tokenizer = build_tokenizer(text, texts)
            return build_camchex(fusion, text, front, side, tokenizer, preparation)

        train_on_studies(start, studies(["train"]), studies(["development"]), recipe, scratch)

    sections = [labels, preparation, text, fusion, *recipe.sections]
    inputs_read = [frontal, lateral, cohort, store]
    run_once(Run(Path(__file__), inputs_read, sections, [out, curves]), train)


if __name__ == "__main__":
    run(main)
