"""Measure what labels and scores owe to the words of the indication."""

from camchex.aggregates.csv_files import write_tables
from camchex.aggregates.results import write_results
from camchex.audit.audit import Folders, audit, audit_metrics, read_predicted
from camchex.audit.curves import audit_tables
from camchex.contract import params, schemas, tables
from camchex.contract.labels import MIMIC_14, LabelParams
from camchex.runs.runtime import RuntimeParams
from camchex.scores.labelled_split import labelled_split
from camchex.scores.params import AuditParams, EvaluationParams
from stages import Input, OptionalInput, Output, run


def main(
    cohort: Input,
    predictions: Input,
    out: Output,
    curves: Output,
    counterfactuals: OptionalInput = None,
    image_only: OptionalInput = None,
    *,
    indication_only: OptionalInput = None,
    missing: OptionalInput = None,
    curated: OptionalInput = None,
) -> None:
    """Write the audit of every declared seed; predictions stand in folders as seed<s>.parquet."""
    classes = params.load("labels", LabelParams).classes
    seeds = params.load("seeds", list[int])
    studies = tables.read(cohort, schemas.cohort(classes))
    test = labelled_split(studies, "test", classes)
    folders = Folders(predictions, counterfactuals, missing, image_only, indication_only)
    labels = tables.read(curated, schemas.study_labels(MIMIC_14)) if curated else None
    results = audit(
        studies,
        test,
        read_predicted(test, seeds, folders, labels),
        params.load("audit", AuditParams),
        params.load("evaluation", EvaluationParams),
        params.load("runtime", RuntimeParams).workers,
    )
    write_results(audit_metrics(results), out)
    write_tables(audit_tables(results), curves)


if __name__ == "__main__":
    run(main)
