"""Rows of the test studies, subgroups or other labels, joined over the seeds."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from camchex.aggregates.results import Results
from camchex.report.charts import interval_chart
from camchex.report.inputs import CsvRow
from camchex.scores.decisions import SHARES
from camchex.scores.seeds import mean_sd

SUBGROUP = ("characteristic", "value")
BENCHMARK = ("benchmark", "blank", "uncertain", "level")
DECISION = ("class", "rule")
GAP = ("characteristic", "value", "class")
CURATED = ("finding", "blank", "uncertain")
Joined = list[tuple[tuple[str, ...], Results]]


def join_rows(seeds: Mapping[int, Sequence[CsvRow]], key: Sequence[str]) -> Joined:
    """Rows that every seed has, in the order of the first seed.

    Args:
        seeds: Rows of a CSV file by seed.
        key: Columns that name a row.

    Returns:
        For every row its key, and counts, scores as mean and deviation, and mean intervals.
    """
    by_seed = [{tuple(row[name] for name in key): row for row in rows} for rows in seeds.values()]
    return [
        (name, _means([rows[name] for rows in by_seed]))
        for name in by_seed[0]
        if all(name in rows for rows in by_seed)
    ]


def _means(rows: Sequence[CsvRow]) -> Results:
    def means(column: str) -> Mapping[str, float | None]:
        return mean_sd([float(row[column]) if row[column] else None for row in rows])

    chance = rows[0].get("chance_mAP")
    found: dict[str, object] = {name: int(rows[0][name]) for name in ("studies", "classes")}
    found["chance_mAP"] = float(chance) if chance else None
    for score in ("mAP", "AUROC"):
        ends = [means(f"{score}_{end}")["mean"] for end in ("low", "high")]
        found |= {score: means(score), f"{score}_interval": None if None in ends else ends}
    return found


def join_gaps(seeds: Mapping[int, Sequence[CsvRow]]) -> Joined:
    """Rows of ``gaps.csv`` that every seed has: counts as text, and shares as means with ends."""
    by_seed = [{tuple(row[name] for name in GAP): row for row in rows} for rows in seeds.values()]
    found: Joined = []
    for name in by_seed[0]:
        rows = [of_seed[name] for of_seed in by_seed if name in of_seed]
        if len(rows) == len(by_seed):
            joined: dict[str, object] = {
                key: _range([int(row[key]) for row in rows])
                for key in ("studies", "classes", "positives")
            }
            for key in ("sensitivity", "gap"):
                ends = [_mean(rows, f"{key}_{end}") for end in ("low", "high")]
                joined |= {key: _mean(rows, key), f"{key}_interval": ends}
            found.append((name, joined))
    return found


def _range(counts: Sequence[int]) -> str:
    """Counts that may differ between seeds."""
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def join_decisions(seeds: Mapping[int, Sequence[CsvRow]]) -> Joined:
    """Rows of ``decisions.csv`` that every seed has: means, and mean bounds of the shares."""
    by_seed = [{tuple(row[name] for name in DECISION): row for row in r} for r in seeds.values()]
    found: Joined = []
    for name in by_seed[0]:
        rows = [of_seed[name] for of_seed in by_seed if name in of_seed]
        if len(rows) == len(by_seed):
            means = {key: _mean(rows, key) for key in rows[0] if key not in DECISION}
            ends = {share: [means[f"{share}_{end}"] for end in ("low", "high")] for share in SHARES}
            bounds = {f"{s}_interval": None if None in e else e for s, e in ends.items()}
            found.append((name, {**means, **bounds}))
    return found


def _mean(rows: Sequence[CsvRow], column: str) -> float | None:
    return mean_sd([float(row[column]) if row[column] else None for row in rows])["mean"]


def subgroup_chart(rows: Joined) -> Markup:
    """AUROC of every subgroup that has one, with its size and interval; empty if none has."""
    dots = [
        (
            f"{characteristic}: {value} ({row['studies']:,})",
            row["AUROC"]["mean"],
            row["AUROC_interval"],
        )
        for (characteristic, value), row in rows
        if row["AUROC"]["mean"] is not None
    ]
    return (
        interval_chart(dots, "AUROC by subgroup (test studies), with intervals", "AUROC")
        if dots
        else Markup()
    )
