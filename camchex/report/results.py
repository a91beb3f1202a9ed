"""The report's sections on the scores: headline, frequency groups, classes, their curves."""

from collections.abc import Iterator, Sequence

from camchex.aggregates.results import Results
from camchex.report.charts import SMALL, line_chart
from camchex.report.inputs import ReportInputs
from camchex.report.markup import (
    bar,
    bounds,
    details,
    number,
    paragraph,
    percent,
    spread,
    table,
    text,
)
from camchex.scores.curves import MACRO

CHANCE_AUROC = 0.5
LEVELS = {"study": "per study", "image": "per image"}
RULES = {
    "paper": "as the paper's own rows",
    "percent": "more than 10 %, 1 to 10 %, less than 1 % of the training images",
    "challenge": "more than 10,000, 1,000 to 10,000, less than 1,000 training images",
}


def headline(summary: Results, level: float) -> str:
    """The scores in large figures with their intervals, beside those of chance.

    Args:
        summary: As :func:`camchex.report.summary.summarise` returns it.
        level: Of the intervals.
    """
    chance = {"mAP": summary["mean_prevalence"], "AUROC": CHANCE_AUROC}
    cards = [
        _card(
            spread(summary[by][score]),
            f"{score}, {LEVELS[by]}",
            _interval(summary[by].get(f"{score}_interval"), level),
            f"chance {number(chance[score])}" if by == "study" else "",
        )
        for by in LEVELS
        for score in ("mAP", "AUROC")
    ]
    return f'<div class="cards">{"".join(cards)}</div>' + paragraph(_averaged(summary, level))


def frequency_groups(summary: Results) -> str:
    """Head, body and tail in every grouping, with intervals."""
    rows = [
        [f"{rule}, {LEVELS[level]}"] + [_group(group) for group in groups.values()]
        for level in LEVELS
        for rule, groups in summary[level]["groups"].items()
    ]
    rules = "; ".join(f"{rule}: {RULES[rule]}" for rule in summary["study"]["groups"])
    caption = (
        f"mAP by how often a class occurs in training. Head, body and tail are, {text(rules)}. "
        "Few training images make every class rare by a rule that counts them."
    )
    return table(["grouping", "head", "body", "tail"], rows, caption)


def _group(group: Results) -> str:
    if not group["classes_scored"]:
        return "<small>no class</small>"
    return (
        f"{spread(group['mAP'])}<div>{bounds(group.get('mAP_interval'))}</div>"
        f"<small>{group['classes_scored']} classes</small>"
    )


def class_bars(summary: Results) -> str:
    """Average precision of every class as a bar with its interval, best first."""
    rows = sorted(
        summary["per_class"].items(), key=lambda item: (-(item[1]["AP"]["mean"] or 0), item[0])
    )
    return table(
        ["finding", "average precision", "AUROC", "positive"],
        [_class_row(name, row) for name, row in rows],
        "The mark on each bar is the average precision of chance, the line its interval. A class "
        "with few studies counts in the means but is not shown on its own.",
    )


def precision_recall(inputs: ReportInputs) -> str:
    """The mean curve of every seed; behind it, each class with the mean of the seeds."""
    curves = inputs.precision_recall
    axes = ("recall", "precision")
    means = {f"seed {seed}": lines[MACRO] for seed, lines in curves.items() if MACRO in lines}
    if not means:
        return paragraph("No class has enough studies for a curve.")
    classes = [name for name in next(iter(curves.values())) if name != MACRO]
    small = [
        line_chart({name: _mean_curve(inputs, name)}, name, axes, SMALL, (0, 1.02))
        for name in classes
    ]
    large = line_chart(means, f"Mean of {len(classes)} classes", axes, limits=(0, 1.02))
    return large + details("Each class", f'<div class="charts small">{"".join(small)}</div>')


def _mean_curve(inputs: ReportInputs, name: str) -> list[tuple[float, float]]:
    curves = [lines[name] for lines in inputs.precision_recall.values()]
    return [
        (points[0][0], sum(y for _, y in points) / len(points))
        for points in zip(*curves, strict=True)
    ]


def _card(figure: str, label: str, *notes: str) -> str:
    below = "".join(f"<small>{text(note)}</small>" for note in notes if note)
    return f'<div class="card"><strong>{figure}</strong><span>{text(label)}</span>{below}</div>'


def _interval(ends: Sequence[float] | None, level: float) -> str:
    return "" if ends is None else f"{100 * level:g} %: {number(ends[0])} to {number(ends[1])}"


def _averaged(summary: Results, level: float) -> str:
    return " ".join(_sentences(summary, level))


def _sentences(summary: Results, level: float) -> Iterator[str]:
    seeds: Sequence[int] = summary["seeds"]
    if len(seeds) > 1:
        yield f"Mean ± standard deviation of {len(seeds)} seeds, on"
    else:
        yield "One seed, on"
    yield f"{text(summary['studies'])} test studies ({text(summary['images'])} images)."
    yield f"{summary['study']['classes_scored']} classes are averaged, with equal weight."
    yield (
        f"The {100 * level:g} % interval says what other patients would change, the deviation what "
        "other trainings would; chance is the mean prevalence."
    )
    left_out = summary["study"]["classes_not_scored"]
    if left_out:
        names = ", ".join(text(name) for name in left_out)
        yield f"Not scored, for want of positives or negatives in the test studies: {names}."


def _class_row(name: str, row: Results) -> list[str]:
    ap, auroc, ends = row["AP"], row["AUROC"], row.get("AP_interval")
    if ap["mean"] is None:
        return [text(name), text(None), text(None), text(row["positives"])]
    positive = f"{text(row['positives'])} <small>({percent(row['prevalence'])})</small>"
    return [
        text(name),
        bar(ap["mean"], row["prevalence"], f"{spread(ap)} {bounds(ends)}", ends),
        f"{spread(auroc)} {bounds(row.get('AUROC_interval'))}",
        positive,
    ]
