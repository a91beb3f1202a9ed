"""Join all seeds into a summary, and everything into one report and a card for each model."""

from pathlib import Path

from camchex.aggregates.results import read_results, write_results
from camchex.comparisons.origin import origin
from camchex.contract import params
from camchex.contract.labels import LabelParams
from camchex.report.examples import read_examples
from camchex.report.inputs import (
    ReportInputs,
    read_data,
    read_precision_recall,
    read_pseudo_labels,
    read_reliability,
    read_rows,
    read_training,
)
from camchex.report.model_card import CardFacts, model_card
from camchex.report.other_results import read_shown
from camchex.report.page import SYNTHETIC, render_report
from camchex.report.provenance import provenance
from camchex.report.summary import (
    read_calibration_scores,
    read_details,
    read_seed_results,
    summarise,
    summary_metrics,
    write_summary_curves,
)
from camchex.scores.params import EvaluationParams
from stages import Input, Output, run


def main(
    *,
    seeds: Input,
    audit: Input,
    data_metrics: Input,
    pseudo_labels: Input,
    training_curves: Input,
    test_curves: Input,
    cohort: Input,
    predictions: Input,
    store: Input,
    shown: Input,
    profiles: Input,
    out: Output,
    html: Output,
    plots: Output,
    cards: Output,
) -> None:
    """Write the summary of the declared seeds, its curves, the report, and a card per seed."""
    declared = params.load("seeds", list[int])
    labels = params.load("labels", LabelParams)
    synthetic = (data := origin(params.load("data.root", Path))) == SYNTHETIC
    audited = read_details(audit)
    results, calibration = (
        read_seed_results(seeds, declared),
        read_calibration_scores(seeds, declared),
    )
    summary = summarise(results, declared, audited, calibration, data)
    # Studies are shown of invented patients only, and others are not even read here.
    examples, failures = (
        read_examples(cohort, predictions, store, declared, labels.classes)
        if synthetic
        else ((), ())
    )
    made_from = (seeds, audit, data_metrics, pseudo_labels, training_curves, test_curves)
    inputs = ReportInputs(
        summary=summary,
        audit=audited,
        cohort=read_results(data_metrics / "cohort.json"),
        pseudo_labels=read_pseudo_labels(pseudo_labels),
        training=read_training(training_curves, declared),
        precision_recall=read_precision_recall(test_curves, declared),
        reliability=read_reliability(test_curves, declared),
        subgroups=read_rows(test_curves, declared, "subgroups"),
        benchmarks=read_rows(test_curves, declared, "benchmarks"),
        data=read_data(data_metrics),
        shown=read_shown(shown, summary, pseudo_labels),
        level=params.load("evaluation", EvaluationParams).bootstrap.level,
        provenance=provenance(
            "report", (*made_from, cohort, predictions, store), declared, profiles
        ),
        examples=examples,
        failures=failures,
    )
    write_results(summary_metrics(summary), out)
    write_summary_curves(summary, plots)
    html.write_text(render_report(inputs))
    cards.mkdir(parents=True, exist_ok=True)
    for seed, of_seed in zip(declared, results, strict=True):
        facts = CardFacts(
            seed=seed,
            results=of_seed,
            calibration=read_results(seeds / f"seed{seed}.json")["calibration"],
            summary=summary,
            audit=audited,
            cohort=inputs.cohort,
            labels=labels.space if isinstance(labels.space, str) else "own labels",
            level=inputs.level,
            provenance=inputs.provenance,
        )
        (cards / f"seed{seed}.md").write_text(model_card(facts))


if __name__ == "__main__":
    run(main)
