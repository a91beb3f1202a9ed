"""A table of variants as Markdown, to be read, and as CSV rows, to be plotted."""

from collections.abc import Iterator

from camchex.aggregates.csv_files import Row
from camchex.aggregates.markdown import markdown_table
from camchex.aggregates.results import Results
from camchex.comparisons.variant_tables import SCORES

CSV_HEADER = ("name", "label", "data", "mAP", "mAP_sd", "AUROC", "AUROC_sd", "mAP_paper_MIMIC")
SPREAD = {
    False: "their standard deviation",
    True: (
        "the root of their variance over the seeds and of the variance of both trainings where "
        "their initial weights differ by rounding (benchmarks/results/stability.json)"
    ),
}
VERDICT = {True: "yes", False: "no", None: "not known"}


def csv_rows(table: Results) -> Iterator[Row]:
    """Rows under ``CSV_HEADER``."""
    for name, row in table["rows"].items():
        scores = (row[score][part] for score in SCORES for part in ("mean", "sd"))
        printed = row["paper"]["mAP"] if row["paper"] else None
        yield name, row["label"], table["data"], *scores, printed


def markdown(table: Results) -> str:
    """Title, what the numbers are of, the table, and the steps between its rows."""
    seeds, here = ", ".join(map(str, table["seeds"])), f"{table['data']} data"
    labels = {name: row["label"] for name, row in table["rows"].items()}
    rows = []
    for row in table["rows"].values():
        paper, differs = row["paper"] or dict.fromkeys(SCORES), row["paper_differs"]
        source = "; ".join(["MIMIC-CXR", *([differs] if differs else [])]) if row["paper"] else ""
        scores = (mean_sd_text(row[score]) for score in SCORES)
        rows.append((row["label"], *scores, *(number_text(paper[s]) for s in SCORES), source))
    steps = [
        (
            f"{labels[step['from']]} → {labels[step['to']]}",
            mean_sd_text(step["mAP"], "+"),
            VERDICT[step["mAP"]["clear"]],
            mean_sd_text(step["AUROC"], "+"),
            VERDICT[step["AUROC"]["clear"]],
            number_text(step["paper"]["mAP"] if step["paper"] else None, "+"),
        )
        for step in table["steps"]
    ]
    header = (f"mAP, {here}", f"AUROC, {here}", "mAP, paper", "AUROC, paper", "paper is of")
    steps_header = ("step", f"mAP, {here}", "clear", f"AUROC, {here}", "clear", "mAP, paper")
    rounding = any("sd_perturbed" in step[score] for step in table["steps"] for score in SCORES)
    parts = (
        f"# {table['title']}",
        table["note"],
        f"Per {table['level']}, on the test studies: mean ± standard deviation over the seeds "
        f"{seeds}; without ± a single model.",
        markdown_table(("model", *header), rows),
        f"Differences of the same seed; clear: further from 0 than twice {SPREAD[rounding]}.",
        markdown_table(steps_header, steps),
    )
    return "\n\n".join(parts) + "\n"


def mean_sd_text(found: Results, sign: str = "-") -> str:
    """Mean and, where it is known, standard deviation, to three decimals.

    Args:
        found: ``mean`` and ``sd``; nothing is written for a mean of None.
        sign: ``+``: a sign before positive numbers too.
    """
    mean = number_text(found["mean"], sign)
    return f"{mean} ± {found['sd']:.3f}" if found["sd"] is not None else mean


def number_text(value: float | None, sign: str = "-") -> str:
    """A number to three decimals; nothing for None."""
    return "" if value is None else f"{value:{sign}.3f}"
