"""A comparison as Markdown, to be read, and as CSV rows, to be plotted."""

from collections.abc import Iterable, Iterator

from camchex.aggregates.csv_files import Row
from camchex.aggregates.results import Results
from camchex.comparisons.variant_tables import SCORES

CSV_HEADER = ("name", "label", "data", "mAP", "mAP_sd", "AUROC", "AUROC_sd", "mAP_paper_MIMIC")
VERDICT = {True: "yes", False: "no", None: "not known"}


def csv_rows(table: Results) -> Iterator[Row]:
    """Rows under ``CSV_HEADER``."""
    for name, row in table["rows"].items():
        scores = (row[score][part] for score in SCORES for part in ("mean", "sd"))
        printed = row["paper"]["mAP"] if row["paper"] else None
        yield name, row["label"], table["data"], *scores, printed


def markdown(table: Results) -> str:
    """Title, what the numbers are of, the table, and the steps between its rows."""
    seeds = ", ".join(map(str, table["seeds"]))
    here = f"{table['data']} data"
    head = ("model", f"mAP, {here}", f"AUROC, {here}", "mAP, paper", "AUROC, paper", "paper is of")
    steps = ("step", f"mAP, {here}", "clear", f"AUROC, {here}", "clear", "mAP, paper")
    return "\n".join(
        [
            f"# {table['title']}",
            "",
            table["note"],
            "",
            f"Per {table['level']}, on the test studies: mean ± standard deviation over the seeds "
            f"{seeds}; without ± a single model.",
            "",
            *_table(head, (_row(row) for row in table["rows"].values())),
            "",
            "Differences of the same seed; clear: further from 0 than twice their standard "
            "deviation.",
            "",
            *_table(steps, (_step(table, step) for step in table["steps"])),
            "",
        ]
    )


def _row(row: Results) -> list[str]:
    paper = row["paper"] or dict.fromkeys(SCORES)
    differs = row["paper_differs"]
    source = "MIMIC-CXR" + (f"; {differs}" if differs else "") if row["paper"] else ""
    return [
        row["label"],
        *(_spread(row[score]) for score in SCORES),
        *(_number(paper[score]) for score in SCORES),
        source,
    ]


def _step(table: Results, step: Results) -> list[str]:
    before, after = (table["rows"][step[end]]["label"] for end in ("from", "to"))
    return [
        f"{before} → {after}",
        *(
            text
            for score in SCORES
            for text in (_spread(step[score], "+"), VERDICT[step[score]["clear"]])
        ),
        _number(step["paper"]["mAP"] if step["paper"] else None, "+"),
    ]


def _spread(found: Results, sign: str = "-") -> str:
    mean = _number(found["mean"], sign)
    return mean if found["sd"] is None else f"{mean} ± {found['sd']:.3f}"


def _number(value: float | None, sign: str = "-") -> str:
    return "" if value is None else f"{value:{sign}.3f}"


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    names = list(header)
    yield _line(names)
    yield _line(["---"] * len(names))
    yield from map(_line, rows)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
