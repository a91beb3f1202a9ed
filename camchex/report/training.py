"""The report's sections on training: curves, and how the pseudo-labels spread."""

from collections.abc import Mapping

from camchex.aggregates.results import Results
from camchex.report.charts import Line, line_chart
from camchex.report.inputs import IMAGE_RUNS, ReportInputs
from camchex.report.markup import details, number, paragraph, table, text, with_code
from camchex.report.other_results import TRUTH, Shown

CAPTION = "Mean (5 % to 95 % quantile), of classes with 100 filled labels or more."
WIDTH = (
    "Spread: distance of the 5 % from the 95 % quantile within a class. Labels that all lie close "
    "together teach a student little."
)
TITLES = {"train_loss": "training loss", "development_mAP": "development mAP"}


def training_section(inputs: ReportInputs) -> str:
    """Loss and development score by epoch, of the image networks and of the fusion."""
    charts = [
        line_chart(lines, f"{networks}: {TITLES[quantity]}", ("epoch", TITLES[quantity]))
        for quantity, runs in inputs.training.items()
        for networks, lines in _by_network(runs).items()
        if lines
    ]
    return f'<div class="charts">{"".join(charts)}</div>'


def _by_network(runs: Mapping[str, Line]) -> dict[str, Mapping[str, Line]]:
    """Runs of the image networks apart from those of the fusion, epochs counted from 1."""
    shifted = {run: [(x + 1, y) for x, y in line] for run, line in runs.items()}
    return {
        "Image networks": {run: line for run, line in shifted.items() if run in IMAGE_RUNS},
        "Fusion": {run: line for run, line in shifted.items() if run not in IMAGE_RUNS},
    }


def pseudo_label_section(pseudo_labels: Mapping[str, Results]) -> str:
    """Mean and spread of the probabilities that each generation gave to unknown labels."""
    keys = list(next(iter(pseudo_labels.values())))
    sets = {key: {g: found[key] for g, found in pseudo_labels.items()} for key in keys}
    means = [
        [text(key), *(number(_mean(f)) for f in found.values())] for key, found in sets.items()
    ]
    widths = [
        [text(key), *(number(_width(f)) for f in found.values())] for key, found in sets.items()
    ]
    caption = "Mean probability of the labels that each generation filled in, over all classes."
    folded = [details(f"{key}: each class", _spread_table(found)) for key, found in sets.items()]
    return (
        table(["external set", *pseudo_labels], means, caption)
        + table(["external set", *pseudo_labels], widths, WIDTH)
        + "".join(folded)
    )


def truth_section(shown: Shown) -> str:
    """How well each generation's pseudo-labels rank what is really there, which a cohort may hide.

    Only an invented cohort has such a truth: not for the report of any other.
    """
    found = shown.found.get(TRUTH)
    if found is None:
        return paragraph(f"Against the hidden truth: {with_code(shown.why_not[TRUTH])}")
    keys = list(next(iter(found.values()))["by_set"])
    rows = [["all sets", *(number(one["AUROC"]) for one in found.values())]]
    rows += [
        [text(key), *(number(one["by_set"][key]["AUROC"]) for one in found.values())]
        for key in keys
    ]
    caption = (
        "Against the hidden truth of the external sets: mean AUROC, over the classes with enough "
        "cases, of the labels that each generation filled in. A student that learns from its "
        "teacher's labels rises from left to right."
    )
    return table(["external set", *found], rows, caption)


def _mean(found: Results) -> float | None:
    """Mean over the filled labels of all classes whose spread is shown."""
    rows = [row for row in found["classes"].values() if "mean" in row]
    total = sum(row["predicted"] for row in rows)
    return sum(row["predicted"] * row["mean"] for row in rows) / total if rows else None


def _width(found: Results) -> float | None:
    """Mean over all filled labels of how far apart a class's 5 % and 95 % quantiles are."""
    rows = [row for row in found["classes"].values() if "q95" in row]
    total = sum(row["predicted"] for row in rows)
    if not rows:
        return None
    return float(sum(row["predicted"] * (row["q95"] - row["q05"]) for row in rows) / total)


def _spread_table(sets: Mapping[str, Results]) -> str:
    by_class = {generation: found["classes"] for generation, found in sets.items()}
    names = [name for name, row in next(iter(by_class.values())).items() if "mean" in row]
    rows = [[text(n), *(_quantiles(found[n]) for found in by_class.values())] for n in names]
    return table(["finding", *by_class], rows, CAPTION)


def _quantiles(row: Results) -> str:
    return f"{number(row['mean'])} <small>({number(row['q05'])} to {number(row['q95'])})</small>"
