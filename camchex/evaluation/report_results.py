"""The report's sections on the scores: headline, frequency groups, classes, their curves."""

from collections.abc import Iterator, Sequence

from camchex.evaluation.charts import SMALL, line_chart
from camchex.evaluation.curves import MACRO
from camchex.evaluation.markup import (
    bar,
    details,
    number,
    paragraph,
    percent,
    spread,
    table,
    text,
)
from camchex.evaluation.report_inputs import ReportInputs
from camchex.evaluation.results import Results

LEVELS = {"study": "per study", "image": "per image"}
RULES = {
    "paper": "as the paper's own rows",
    "percent": "more than 10 %, 1 to 10 %, less than 1 % of the training images",
    "challenge": "more than 10,000, 1,000 to 10,000, less than 1,000 training images",
}


def headline(summary: Results) -> str:
    """The scores in large figures, and over what they are taken."""
    cards = [
        _card(spread(summary[level][score]), f"{score}, {LEVELS[level]}")
        for level in LEVELS
        for score in ("mAP", "AUROC")
    ]
    cards.append(_card(number(summary["mean_prevalence"]), "mAP of chance"))
    return f'<div class="cards">{"".join(cards)}</div>' + paragraph(_averaged(summary))


def frequency_groups(summary: Results) -> str:
    """Head, body and tail in every grouping."""
    rows = [
        [f"{rule}, {LEVELS[level]}"]
        + [
            f"{spread(group['mAP'])}<br><small>{group['classes_scored']} classes</small>"
            for group in groups.values()
        ]
        for level in LEVELS
        for rule, groups in summary[level]["groups"].items()
    ]
    rules = "; ".join(f"{rule}: {RULES[rule]}" for rule in summary["study"]["groups"])
    caption = (
        f"mAP by how often a class occurs in training. Head, body and tail are, {text(rules)}."
    )
    return table(["grouping", "head", "body", "tail"], rows, caption)


def class_bars(summary: Results) -> str:
    """Average precision of every class as a bar, best first."""
    rows = sorted(
        summary["per_class"].items(), key=lambda item: (-(item[1]["AP"]["mean"] or 0), item[0])
    )
    return table(
        ["finding", "average precision", "AUROC", "positive"],
        [_class_row(name, row) for name, row in rows],
        "The mark on each bar is the average precision of chance. A class with few studies counts "
        "in the means but is not shown on its own.",
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


def _card(figure: str, label: str) -> str:
    return f'<div class="card"><strong>{figure}</strong><span>{text(label)}</span></div>'


def _averaged(summary: Results) -> str:
    return " ".join(_sentences(summary))


def _sentences(summary: Results) -> Iterator[str]:
    seeds: Sequence[int] = summary["seeds"]
    if len(seeds) > 1:
        yield f"Mean ± standard deviation of {len(seeds)} seeds, on"
    else:
        yield "One seed, on"
    yield f"{text(summary['studies'])} test studies ({text(summary['images'])} images)."
    yield f"{summary['study']['classes_scored']} classes are averaged, with equal weight."
    left_out = summary["study"]["classes_not_scored"]
    if left_out:
        names = ", ".join(text(name) for name in left_out)
        yield f"Not scored, for want of positives or negatives in the test studies: {names}."


def _class_row(name: str, row: Results) -> list[str]:
    ap, auroc = row["AP"], row["AUROC"]
    if ap["mean"] is None:
        return [text(name), text(None), text(None), text(row["positives"])]
    positive = f"{text(row['positives'])} <small>({percent(row['prevalence'])})</small>"
    return [
        text(name),
        bar(ap["mean"], row["prevalence"], spread(ap)),
        spread(auroc),
        positive,
    ]
