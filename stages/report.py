"""Join all seeds into a summary, and everything into one report."""

from pathlib import Path

from camchex import params
from camchex.evaluation.examples import read_examples
from camchex.evaluation.origin import origin
from camchex.evaluation.provenance import provenance
from camchex.evaluation.report import SYNTHETIC, render_report
from camchex.evaluation.report_inputs import (
    ReportInputs,
    read_precision_recall,
    read_pseudo_labels,
    read_training,
)
from camchex.evaluation.results import read_results, write_results
from camchex.evaluation.summary import (
    read_details,
    read_seed_results,
    summarise,
    write_summary_curves,
)
from camchex.labels import LabelParams
from stages import Input, Output, run


def main(
    *,
    seeds: Input,
    audit: Input,
    cohort_metrics: Input,
    pseudo_labels: Input,
    training_curves: Input,
    test_curves: Input,
    cohort: Input,
    predictions: Input,
    store: Input,
    out: Output,
    html: Output,
    plots: Output,
) -> None:
    """Write the summary of the declared seeds, its curves, and the report."""
    declared = params.load("seeds", list[int])
    classes = params.load("labels", LabelParams).classes
    data = origin(params.load("data.root", Path))
    synthetic = data == SYNTHETIC
    audited = read_details(audit)
    summary = summarise(read_seed_results(seeds, declared), declared, audited, data)
    inputs = ReportInputs(
        summary=summary,
        audit=audited,
        cohort=read_results(cohort_metrics),
        pseudo_labels=read_pseudo_labels(pseudo_labels),
        training=read_training(training_curves, declared),
        precision_recall=read_precision_recall(test_curves, declared),
        provenance=provenance(params.read_file()),
        # Studies are shown of invented patients only, and others are not even read here.
        examples=read_examples(cohort, predictions, store, declared, classes) if synthetic else (),
    )
    write_results(summary, out)
    write_summary_curves(summary, plots)
    html.write_text(render_report(inputs))


if __name__ == "__main__":
    run(main)
