"""Probabilities of the development and test studies."""

from pathlib import Path
from typing import Annotated

import typer

from camchex.contract import params, schemas, tables
from camchex.contract.labels import LabelParams
from camchex.fusion.camchex import CaMChex
from camchex.networks.samples import read_cohort
from camchex.prediction.counterfactuals import PLAIN, predict_cohort
from camchex.prediction.params import read_prediction
from camchex.runs.devices import first_device
from camchex.runs.parts import Part
from camchex.runs.runtime import RuntimeParams
from stages import Input, Output, PartOption, run

Counterfactuals = Annotated[
    Path | None, typer.Option(help="Output: the test studies with other texts, a file for each.")
]


def main(
    *,
    model: Input,
    cohort: Input,
    store: Input,
    out: Output,
    counterfactual: Counterfactuals = None,
    swap_seed: Annotated[int, typer.Option(help="Seed of the exchanges.")] = 0,
    part: PartOption = None,
) -> None:
    """Write one row per study, and for the audit the test studies again with changed texts."""
    camchex = CaMChex.from_pretrained(model, params.load("labels", LabelParams).classes)
    runtime, how = params.load("runtime", RuntimeParams), read_prediction()
    studies = read_cohort(cohort, store, camchex.classes)
    schema = schemas.predictions(camchex.classes)
    seed = swap_seed if counterfactual else None
    asked = Part.read(part) if part else None
    found = predict_cohort(camchex, studies, runtime, seed, out, how, part=asked)
    for name, table in found.items() if first_device() else ():
        path = out if name == PLAIN or not counterfactual else counterfactual / f"{name}.parquet"
        tables.write(table, path, schema)


if __name__ == "__main__":
    run(main)
