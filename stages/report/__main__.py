"""Join all seeds into a summary, and everything into one report and a card for each model."""

from pathlib import Path

from camchex.contract import params
from camchex.contract.files import write_text
from camchex.contract.labels import LabelParams
from camchex.report.inputs import Sources, read_inputs
from camchex.report.model_card import write_cards
from camchex.report.page import render_report
from camchex.report.summary import write_summary
from camchex.scores.params import EvaluationParams
from stages import Input, Output, origin, run
from stages.report.recorded import read_provenance

MADE_BY = {
    "ceiling": "make ceiling",
    "table3": "make table3",
    "baselines": "make baselines",
    "parts": "make parts",
    "missing": "make missing",
    "pseudo_labels": "make truth",
}
"""Command that measures each result of another pipeline and copies it for this stage."""


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
    made_from = (seeds, audit, data_metrics, pseudo_labels, training_curves, test_curves)
    read = (*made_from, cohort, predictions, store)
    inputs = read_inputs(
        Sources(*read, shown),
        declared,
        params.load("labels", LabelParams),
        params.load("evaluation", EvaluationParams).bootstrap.level,
        curated=params.load("data.curated_tests", dict[str, str]),
        demographics=params.load("data.demographics", dict[str, str]),
        data=origin(params.load("data.root", Path)),
        made_by=MADE_BY,
        provenance=read_provenance("report", read, declared, profiles),
    )
    write_summary(inputs.summary, out, plots)
    write_text(html, render_report(inputs))
    write_cards(inputs, cards)


if __name__ == "__main__":
    run(main)
