"""A table of variants as Markdown, to be read, and as CSV rows, to be plotted."""

from collections.abc import Iterator
from pathlib import Path

from camchex.aggregates.csv_files import Row, write_csv
from camchex.aggregates.markdown import markdown_table
from camchex.aggregates.results import Results, write_results
from camchex.comparisons.variant_tables import SCORES
from camchex.contract.files import write_text

TRAINED = ("trainings", "parameters", "epochs")
CSV_HEADER = (
    *("name", "label", "data", "mAP", "mAP_sd", "AUROC", "AUROC_sd", "mAP_paper_MIMIC"),
    *TRAINED,
)
SPREAD = {
    False: "their standard deviation",
    True: (
        "the root of their variance over the seeds and of the variance of both trainings where "
        "their initial weights differ by rounding (benchmarks/results/stability.json)"
    ),
}
INTERVALS = (
    " Ensembles have no spread over seeds: in brackets the interval of the difference over "
    "resampled patients (`evaluation.bootstrap`); clear: it leaves out 0."
)
VERDICT = {True: "yes", False: "no", None: "not known"}


def write_table(table: Results, out: Path, csv: Path, text: Path) -> None:
    """Write a table of :func:`camchex.comparisons.variant_tables.variant_table` in three forms."""
    write_results(table, out)
    write_csv(CSV_HEADER, csv_rows(table), csv)
    write_text(text, markdown(table))


def csv_rows(table: Results) -> Iterator[Row]:
    """Rows under ``CSV_HEADER``."""
    for name, row in table["rows"].items():
        scores = (row[score][part] for score in SCORES for part in ("mean", "sd"))
        printed = row["paper"]["mAP"] if row["paper"] else None
        trained = row["trained"] or dict.fromkeys(TRAINED)
        yield name, row["label"], table["data"], *scores, printed, *(trained[k] for k in TRAINED)


def markdown(table: Results) -> str:
    """Title, what the numbers are of, the table, and the steps between its rows."""
    seeds, here = ", ".join(map(str, table["seeds"])), f"{table['data']} data"
    labels = {name: row["label"] for name, row in table["rows"].items()}
    rows = []
    for row in table["rows"].values():
        paper, differs = row["paper"] or dict.fromkeys(SCORES), row["paper_differs"]
        source = "; ".join(["MIMIC-CXR", *([differs] if differs else [])]) if row["paper"] else ""
        scores = (mean_sd_text(row[score]) for score in SCORES)
        printed = (number_text(paper[s]) for s in SCORES)
        rows.append((row["label"], *scores, *trained_text(row["trained"]), *printed, source))
    steps = [
        (
            f"{labels[step['from']]} → {labels[step['to']]}",
            difference_text(step["mAP"]),
            VERDICT[step["mAP"]["clear"]],
            difference_text(step["AUROC"]),
            VERDICT[step["AUROC"]["clear"]],
            number_text(step["paper"]["mAP"] if step["paper"] else None, "+"),
        )
        for step in table["steps"]
    ]
    size_header = ("parameters trained", "epochs")
    paper_header = ("mAP, paper", "AUROC, paper", "paper is of")
    header = (f"mAP, {here}", f"AUROC, {here}", *size_header, *paper_header)
    steps_header = ("step", f"mAP, {here}", "clear", f"AUROC, {here}", "clear", "mAP, paper")
    rounding = any("sd_perturbed" in step[score] for step in table["steps"] for score in SCORES)
    parts = (
        f"# {table['title']}",
        table["note"],
        f"Per {table['level']}, on the test studies: mean ± standard deviation over the seeds "
        f"{seeds}; without ± a single model. Parameters and epochs are of the "
        "trainings of one seed, or of all that an ensemble averages; trainings of the image "
        "encoders that a fusion starts from do not count.",
        markdown_table(("model", *header), rows),
        f"Differences of the same seed; clear: further from 0 than twice {SPREAD[rounding]}."
        + (INTERVALS if any("interval" in step["mAP"] for step in table["steps"]) else ""),
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


def difference_text(found: Results) -> str:
    """A difference with its spread over seeds, or with its interval over resampled patients."""
    text, ends = mean_sd_text(found, "+"), found.get("interval")
    return text if ends is None else f"{text} [{' to '.join(number_text(e, '+') for e in ends)}]"


def trained_text(trained: Results | None) -> tuple[str, str]:
    """Trained parameters and epochs; of several trainings their sums, and how many they are."""
    if trained is None:
        return "", ""
    several = f" in {trained['trainings']} trainings" if trained["trainings"] > 1 else ""
    return f"{trained['parameters']:,}", f"{trained['epochs']}{several}"


def number_text(value: float | None, sign: str = "-") -> str:
    """A number to three decimals; nothing for None."""
    return "" if value is None else f"{value:{sign}.3f}"
