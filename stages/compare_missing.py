"""Compare the model with itself and with others where inputs are missing."""

from pathlib import Path

from camchex.comparisons.missing import Predictions, missing_inputs
from camchex.comparisons.missing_text import write_missing
from camchex.comparisons.variant_tables import NOT_COMPARABLE, read_perturbed
from camchex.contract import params, schemas, tables
from camchex.contract.labels import LabelParams
from camchex.scores.labelled_split import labelled_split
from camchex.scores.params import EvaluationParams
from stages import Input, Output, origin, run

FILES = Predictions(
    combinations="data/ablations/missing/seed{seed}/{name}.parquet",
    variants="data/ablations/{name}/seed{seed}.parquet",
    views="data/ablations/one_view/{name}.parquet",
)
TITLE = "What is missing: the one model beside models trained without it"


def main(cohort: Input, out: Output, csv: Output, md: Output, stability: Input) -> None:
    """Write the comparison as JSON and Markdown, and the curves also as CSV."""
    classes = params.load("labels", LabelParams).classes
    test = labelled_split(tables.read(cohort, schemas.cohort(classes)), "test", classes)
    data = origin(params.load("data.root", Path))
    found = missing_inputs(
        test,
        params.load("seeds", list[int]),
        FILES,
        params.load("evaluation", EvaluationParams),
        read_perturbed(stability, data),
    )
    about = {"title": TITLE, "data": data, "note": NOT_COMPARABLE[data]}
    write_missing({**about, **found}, out, csv, md)


if __name__ == "__main__":
    run(main)
