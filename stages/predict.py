"""Probabilities of the development and test studies."""

from pathlib import Path
from typing import Annotated

import typer

from camchex.contract import params, schemas, tables
from camchex.contract.labels import LabelParams
from camchex.fusion.camchex import CaMChex
from camchex.networks.samples import read_cohort
from camchex.prediction.counterfactuals import predict_cohort
from camchex.runs.devices import first_device
from camchex.runs.runtime import RuntimeParams
from stages import Input, Output, run

Counterfactuals = Annotated[
    Path | None, typer.Option(help="Output: the test studies with other texts, a file for each.")
]


def main(
    model: Input,
    cohort: Input,
    store: Input,
    out: Output,
    counterfactual: Counterfactuals = None,
    swap_seed: Annotated[int, typer.Option(help="Seed of the exchanges.")] = 0,
) -> None:
    """Write one row per study, and for the audit the test studies again with changed texts."""
    camchex = CaMChex.from_pretrained(model, params.load("labels", LabelParams).classes)
    runtime = params.load("runtime", RuntimeParams)
    studies = read_cohort(cohort, store, camchex.classes)
    schema = schemas.predictions(camchex.classes)
    seed = swap_seed if counterfactual else None
    table, changed = predict_cohort(camchex, studies, runtime, seed, out)
    if not first_device():
        return
    tables.write(table, out, schema)
    if counterfactual is not None:
        for name, other in changed.items():
            tables.write(other, counterfactual / f"{name}.parquet", schema)


if __name__ == "__main__":
    run(main)
