"""Measure what labels and scores owe to the words of the indication."""

from pathlib import Path
from typing import Annotated

import typer

from camchex import params, schemas, tables
from camchex.evaluation.audit import Predicted, audit
from camchex.evaluation.audit_curves import write_audit_curves
from camchex.evaluation.params import AuditParams, EvaluationParams
from camchex.evaluation.results import write_results
from camchex.evaluation.scored import of_split, read_probabilities, read_seeds
from camchex.labels import MIMIC_14, LabelParams
from stages import Input, Output, run

Shuffled = Annotated[
    Path | None,
    typer.Option(help="Input: the first seed's predictions with indications swapped."),
]


def main(
    cohort: Input, predictions: Input, out: Output, curves: Output, shuffled: Shuffled = None
) -> None:
    """Write the audit of every declared seed; ``predictions`` is a folder of seed<s>.parquet."""
    classes = params.load("labels", LabelParams).classes
    studies = tables.read(cohort, schemas.cohort(classes, MIMIC_14))
    test = of_split(studies, "test", classes)
    swapped = None if shuffled is None else read_probabilities(shuffled, test)
    predicted = Predicted(read_seeds(predictions, params.load("seeds", list[int]), test), swapped)
    min_cell = params.load("evaluation", EvaluationParams).min_cell
    results = audit(studies, classes, predicted, params.load("audit", AuditParams), min_cell)
    write_results(results, out)
    write_audit_curves(results, curves)


if __name__ == "__main__":
    run(main)
