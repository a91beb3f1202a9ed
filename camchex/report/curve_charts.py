"""The curves of the page: precision and recall, reliability, what is missing, and training."""

from statistics import fmean

from markupsafe import Markup

from camchex.aggregates.results import Results
from camchex.comparisons.missing import LABELS, SHARES, WITHOUT
from camchex.comparisons.variant_tables import SCORES
from camchex.report.charts import SMALL, Line, line_chart
from camchex.report.inputs import GENERATIONS, IMAGE_RUNS, ReportInputs
from camchex.report.render import classes
from camchex.scores.curves import MACRO

TITLES = {"train_loss": "training loss", "development_mAP": "development mAP"}
FULL = (0, 1.02)  # a y axis from 0 to 1, with room for the line at 1


def precision_recall_charts(inputs: ReportInputs) -> tuple[Markup, list[Markup]]:
    """The mean curve of every seed, and each class with the mean of the seeds.

    Returns:
        An empty chart and none of classes where no class has enough studies for a curve.
    """
    curves, axes = inputs.precision_recall, ("recall", "precision")
    means = {f"seed {seed}": lines[MACRO] for seed, lines in curves.items() if MACRO in lines}
    if not means:
        return Markup(), []
    small = []
    for name in next(iter(curves.values())):
        if name != MACRO:
            same_recall = zip(*(lines[name] for lines in curves.values()), strict=True)
            mean = [(at[0][0], sum(y for _, y in at) / len(at)) for at in same_recall]
            small.append(line_chart({name: mean}, name, axes, SMALL, FULL))
    return line_chart(means, f"Mean of {classes(len(small))}", axes, limits=FULL), small


def reliability_charts(inputs: ReportInputs) -> list[Markup]:
    """Share labelled positive at each probability, by seed, as predicted and calibrated."""
    return [
        line_chart(
            {f"seed {seed}": lines[kind] for seed, lines in inputs.reliability.items()},
            f"All labels, {kind}",
            ("probability", "share labelled positive"),
            limits=FULL,
            diagonal=True,
        )
        for kind in ("as predicted", "calibrated")
        if all(kind in lines for lines in inputs.reliability.values())
    ]


def net_benefit_charts(inputs: ReportInputs) -> tuple[Markup, list[Markup]]:
    """Decision curves: the mean over classes by seed, and what each class gains, mean of the seeds.

    Returns:
        An empty chart and none of classes where no class may be shown.
    """
    axes = "probability from which on yes is called", "net benefit"
    means: dict[str, Line] = {}
    everyone: Line = []
    for seed, rows in inputs.net_benefit.items():
        at = [(float(r["threshold"]), r) for r in rows if r["class"] == MACRO]
        means |= {f"seed {seed}": [(x, float(r["net_benefit"])) for x, r in at]} if at else {}
        everyone = [(x, y) for x, r in at if (y := float(r["call_all"])) >= 0] or everyone
    means |= {"calling all": everyone} if everyone else {}
    small = [
        line_chart({name: line}, name, ("", ""), SMALL)
        for name, line in gains_by_class(inputs).items()
    ]
    title = "Net benefit, mean of the classes"
    return line_chart(means, title, axes) if means else Markup(), small


def gains_by_class(inputs: ReportInputs) -> dict[str, Line]:
    """Net benefit above the better of calling all and nobody, mean of the seeds, by class.

    A probability at which a seed hides a class, for a small cell, has no point: the mean of fewer
    seeds there would jump.
    """
    gains: dict[str, dict[float, list[float]]] = {}
    for row in (row for rows in inputs.net_benefit.values() for row in rows):
        best = max(float(row["call_all"]), 0.0)
        points = gains.setdefault(row["class"], {}).setdefault(float(row["threshold"]), [])
        points.append(float(row["net_benefit"]) - best)
    whole = len(inputs.net_benefit)
    lines = {
        name: [(x, fmean(y)) for x, y in sorted(points.items()) if len(y) == whole]
        for name, points in gains.items()
        if name != MACRO
    }
    return {name: line for name, line in lines.items() if line}


def missing_charts(missing: Results) -> list[Markup]:
    """Scores by the share of studies that lack an input, beside a model trained without it.

    Args:
        missing: Results of :func:`camchex.comparisons.missing.missing_inputs`.

    Returns:
        A chart for each score; none of a score that is hidden.
    """
    charts = []
    for score in SCORES:
        lines, bands = {}, {}
        for name, points in missing["curves"].items():
            known = [point for point in points if point[score] is not None]
            if not known:
                continue
            line = f"no {LABELS[name].removeprefix('all ')}"
            lines[line] = [(point["share"], point[score]) for point in known]
            ends = [(p["share"], *p[f"{score}_interval"]) for p in known if p[f"{score}_interval"]]
            bands[line] = ends
            dedicated = missing["rows"][WITHOUT[name]]["dedicated"][score]["mean"]
            if dedicated is not None:
                lines[f"{line}, trained without"] = [(SHARES[-1], dedicated)]
        if lines:
            axes = ("studies that lack it, %", score)
            charts.append(line_chart(lines, f"What is missing: {score}", axes, bands=bands))
    return charts


def training_charts(inputs: ReportInputs) -> list[Markup]:
    """Loss and development score by epoch, counted from 1, and of the generations side by side.

    A student of one epoch would be a dot at epoch 1, so its score stands by generation alone.
    """
    charts = []
    for quantity, runs in inputs.training.items():
        label = TITLES[quantity]
        shifted = {
            run: [(x + 1, y) for x, y in line] for run, line in runs.items() if len(line) > 1
        }
        for networks, of_images in (("Image networks", True), ("Fusion", False)):
            lines = {r: line for r, line in shifted.items() if (r in IMAGE_RUNS) is of_images}
            if lines:
                charts.append(line_chart(lines, f"{networks}: {label}", ("epoch", label)))
    kept = {
        g: max(y for _, y in line)
        for g in GENERATIONS
        if (line := inputs.training.get("development_mAP", {}).get(f"gen{g}"))
    }
    if len(kept) > 1:
        title = "Teacher (generation 0) and students: development mAP of the kept epoch"
        lines = {"development mAP": [*kept.items()]}
        charts.append(line_chart(lines, title, ("generation", TITLES["development_mAP"])))
    return charts
