"""The report's section on calibration: whether 70 % means 7 in 10."""

from camchex.report.charts import line_chart
from camchex.report.inputs import ReportInputs
from camchex.report.markup import paragraph, spread, table, text

KINDS = {"as predicted": "", "scaled": "_scaled"}
SCORES = {
    "ECE": "expected calibration error (0 is best)",
    "Brier": "Brier score (0 is best)",
}
EXPLAINED = (
    "Each finding's probabilities against how often it is labelled, mean of the classes. One "
    "temperature, fitted on the development studies, divides every logit: it mends how sure the "
    "model is, not a level that a loss with weights for rare findings has moved."
)


def calibration_section(inputs: ReportInputs) -> str:
    """Errors as predicted and once scaled, and the curves of every seed."""
    found = inputs.summary["calibration"]
    rows = [
        [text(label), *(spread(found[f"{score}{kind}"]) for kind in KINDS.values())]
        for score, label in SCORES.items()
    ]
    rows.append(["temperature", "1", spread(found["temperature"])])
    charts = [
        line_chart(
            {f"seed {seed}": lines[kind] for seed, lines in inputs.reliability.items()},
            f"All labels, {kind}",
            ("probability", "share labelled positive"),
            limits=(0, 1.02),
            diagonal=True,
        )
        for kind in KINDS
        if all(kind in lines for lines in inputs.reliability.values())
    ]
    return (
        paragraph(EXPLAINED)
        + table(["", *KINDS], rows)
        + f'<div class="charts">{"".join(charts)}</div>'
    )
