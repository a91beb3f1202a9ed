"""Probabilities of the test studies, each time with other inputs withheld."""

from camchex.contract import params, schemas, tables
from camchex.contract.labels import LabelParams
from camchex.fusion.camchex import CaMChex
from camchex.networks.samples import read_cohort
from camchex.prediction.missing_inputs import predict_combinations
from camchex.prediction.params import read_prediction
from camchex.runs.devices import first_device
from camchex.runs.runtime import RuntimeParams
from stages import Input, Output, run


def main(model: Input, cohort: Input, store: Input, out: Output) -> None:
    """Write a file for each combination of inputs, under its name."""
    camchex = CaMChex.from_pretrained(model, params.load("labels", LabelParams).classes)
    runtime = params.load("runtime", RuntimeParams)
    studies = read_cohort(cohort, store, camchex.classes)
    schema = schemas.predictions(camchex.classes)
    found = predict_combinations(camchex, studies, runtime, out, read_prediction())
    for combination, table in found.items():
        if first_device():
            tables.write(table, out / f"{combination}.parquet", schema)


if __name__ == "__main__":
    run(main)
