"""The report's sections on parts of the test studies, and on other labels for all of them."""

from collections.abc import Iterator, Mapping, Sequence

from camchex.aggregates.results import Results
from camchex.report.charts import interval_chart
from camchex.report.inputs import Row
from camchex.report.markup import bounds, details, number, paragraph, spread, table, text
from camchex.scores.seeds import mean_sd

SCORES = ("mAP", "AUROC")
EXPLAINED = (
    "Within a characteristic the same classes are averaged, those with enough studies in each of "
    "its values; between characteristics they differ, so compare within one. AUROC does not follow "
    "the prevalence, mAP does. Groups below the declared size are not there; one without scores is "
    "too small for any class."
)
BENCHMARK = ("benchmark", "blank", "uncertain", "level")
OTHER_LABELS = (
    "The same predictions against other labels of the same studies. MIMIC-14: MIMIC-CXR-JPG's own, "
    "by what a blank and an uncertain label count as: a choice that moves the score as much as a "
    "model does."
)


def subgroup_section(subgroups: Mapping[int, Sequence[Row]]) -> str:
    """Macro scores of every subgroup that may be shown, the mean over seeds."""
    rows = _joined(subgroups, ("characteristic", "value"))
    if not rows:
        return paragraph("No subgroup has enough studies.")
    scored = [(key, row) for key, row in rows if row["AUROC"]["mean"] is not None]
    dots = [
        (f"{what}: {value}", row["AUROC"]["mean"], row["AUROC_interval"])
        for (what, value), row in scored
    ]
    chart = interval_chart(dots, "AUROC by subgroup, with intervals", "AUROC") if dots else ""
    shown = [
        [
            f"{text(what)}: {text(value)}",
            text(int(row["studies"])),
            text(int(row["classes"])),
            number(row["chance_mAP"]),
            *(_score(row, score) for score in SCORES),
        ]
        for (what, value), row in rows
    ]
    header = ["subgroup", "studies", "classes", "chance mAP", *SCORES]
    return paragraph(EXPLAINED) + chart + details("Every subgroup", table(header, shown))


def benchmark_section(benchmarks: Mapping[int, Sequence[Row]]) -> str:
    """The predictions scored against each set of labels."""
    shown = [
        [
            _labels(*key),
            text(int(row["studies"])),
            text(int(row["classes"])),
            *(_score(row, score) for score in SCORES),
        ]
        for key, row in _joined(benchmarks, BENCHMARK)
    ]
    return paragraph(OTHER_LABELS) + table(["labels", "studies", "classes", *SCORES], shown)


def _labels(name: str, blank: str, uncertain: str, level: str) -> str:
    policy = f", blank {blank}, uncertain {uncertain}" if blank else ""
    return f"{text(name)}{text(policy)} <small>per {text(level)}</small>"


def _joined(
    seeds: Mapping[int, Sequence[Row]], key: Sequence[str]
) -> list[tuple[tuple[str, ...], Results]]:
    """Rows that every seed has, in the order of the first, scores as mean and deviation."""
    by_seed = [{tuple(row[name] for name in key): row for row in rows} for rows in seeds.values()]
    return [
        (name, dict(_means([rows[name] for rows in by_seed])))
        for name in by_seed[0]
        if all(name in rows for rows in by_seed)
    ]


def _means(rows: Sequence[Row]) -> Iterator[tuple[str, object]]:
    for name in ("studies", "classes", "chance_mAP"):
        yield name, _value(rows[0].get(name, ""))
    for score in SCORES:
        yield score, mean_sd([_value(row[score]) for row in rows])
        ends = [mean_sd([_value(row[f"{score}_{end}"]) for row in rows]) for end in ("low", "high")]
        low, high = (end["mean"] for end in ends)
        yield f"{score}_interval", None if low is None or high is None else (low, high)


def _value(cell: str) -> float | None:
    return float(cell) if cell else None


def _score(row: Results, score: str) -> str:
    return f"{spread(row[score])} {bounds(row[f'{score}_interval'])}"
