"""Train CaMChex over whole studies, from the encoders of both views."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from camchex.contract import params
from camchex.contract.image_store import ImageParams
from camchex.contract.labels import LabelParams
from camchex.fusion.params import TextParams, prepared_as
from camchex.fusion.section import FusionParams
from camchex.fusion.study_training import Design, study_task, vary
from camchex.texts.params import IndicationParams
from camchex.training.params import load_section
from camchex.training.recipe import read_recipe, train_once
from stages import Input, Output, run

Seed = Annotated[int, typer.Option(help="Replaces fusion.training.seed.")]
Setting = typer.Option("--set", help="key=value: replaces a key of section fusion; repeatable.")
Settings = Annotated[list[str] | None, Setting]


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
    labels, text = params.load("labels", LabelParams), params.load("text", TextParams)
    indications = params.load("indications", IndicationParams)
    preparation = prepared_as(params.load("images", ImageParams), indications)
    fusion = vary(load_section("fusion", FusionParams), seed, settings or ())
    recipe = read_recipe(fusion.training, out, curves)
    inputs = [frontal, lateral, cohort, store]
    design = Design(labels.classes, text, fusion, preparation)
    task = partial(study_task, design, frontal, lateral, cohort, store, recipe)
    train_once(recipe, task, Path(__file__), inputs, [labels, preparation, text, fusion])


if __name__ == "__main__":
    run(main)
