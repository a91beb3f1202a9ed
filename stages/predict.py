"""Probabilities of the development and test studies."""

from pathlib import Path
from typing import Annotated

import typer

from camchex import params, schemas, tables
from camchex.labels import LabelParams
from camchex.models.camchex import CaMChex
from camchex.runtime import RuntimeParams
from camchex.training.device import first_device
from camchex.training.samples import cohort_studies, read_cohort
from camchex.training.study_predictions import predict_studies, swap_indications
from stages import Input, Output, run

Swapped = Annotated[Path | None, typer.Option(help="Output: again, with indications swapped.")]
Seed = Annotated[int, typer.Option(help="Of the swap.")]


def main(
    model: Input,
    cohort: Input,
    store: Input,
    out: Output,
    swapped: Swapped = None,
    swap_seed: Seed = 0,
) -> None:
    """Write one row per study, and again with every indication taken from another study."""
    camchex = CaMChex.from_pretrained(model, params.load("labels", LabelParams).classes)
    runtime = params.load("runtime", RuntimeParams)
    studies = cohort_studies(read_cohort(cohort, store, camchex.classes), ["development", "test"])
    tasks = [(studies, out)]
    if swapped is not None:
        tasks.append((swap_indications(studies, swap_seed), swapped))
    for some, path in tasks:
        table = predict_studies(camchex, some, runtime)
        if first_device():
            tables.write(table, path, schemas.predictions(camchex.classes))


if __name__ == "__main__":
    run(main)
