"""What is missing, as Markdown to be read, and as CSV rows to be plotted."""

from collections.abc import Iterator
from pathlib import Path

from camchex.aggregates.csv_files import Row, write_csv
from camchex.aggregates.markdown import markdown_table
from camchex.aggregates.results import Results, write_results
from camchex.comparisons.missing import LABELS
from camchex.comparisons.variant_tables import CLEAR, SCORES
from camchex.comparisons.variant_text import VERDICT, mean_sd_text, number_text
from camchex.contract.files import write_text

CSV_HEADER = (
    *("input", "share", "data"),
    *(f"{score}{part}" for score in SCORES for part in ("", "_low", "_high")),
)


def write_missing(found: Results, out: Path, csv: Path, md: Path) -> None:
    """Write results of :func:`camchex.comparisons.missing.missing_inputs` in three forms."""
    write_results(found, out)
    write_csv(CSV_HEADER, csv_rows(found), csv)
    write_text(md, markdown(found))


def csv_rows(found: Results) -> Iterator[Row]:
    """The curves under ``CSV_HEADER``."""
    for name, points in found["curves"].items():
        for point in points:
            ends = ((point[s], *(point[f"{s}_interval"] or (None, None))) for s in SCORES)
            yield name, point["share"], found["data"], *(value for end in ends for value in end)


def markdown(found: Results) -> str:
    """The comparison, and the curves."""
    rows = []
    for row in found["rows"].values():
        cells = [row["label"], str(row["studies"])]
        for score in SCORES:
            other, step = ((row[key] or {}).get(score) for key in ("dedicated", "difference"))
            cells += [
                mean_sd_text(row[score]),
                mean_sd_text(other) if other else "",
                mean_sd_text(step, "+") if step else "",
                VERDICT[step["at_least_as_good"]] if step else "",
            ]
        rows.append(cells)
    points = [
        [LABELS[name], f"{point['share']} %"]
        + [point_text(point[score], point[f"{score}_interval"]) for score in SCORES]
        for name, curve in found["curves"].items()
        for point in curve
    ]
    columns = ("{}, one model", "{}, dedicated", "difference", "at least as good")
    parts = (
        f"# {found['title']}",
        found["note"],
        "Test studies: mean ± standard deviation over the seeds "
        f"{', '.join(map(str, found['seeds']))}. One model: CaMChex, trained with all inputs, "
        "shown only what is named. Dedicated: trained on what is named alone; for one view, the "
        "classifier of its single images, on the studies with such an image. The difference is "
        "taken seed by seed; at least as good: not below 0 by more than "
        f"{CLEAR} times its standard deviation.",
        markdown_table(
            ("what is left", "studies", *(c.format(s) for s in SCORES for c in columns)), rows
        ),
        "Each input withheld in some of the test studies: mean over the seeds and "
        f"{found['draws']} random orders of the studies, in brackets the interval over "
        "resampled patients.",
        markdown_table(("withheld", "in", *SCORES), points),
    )
    return "\n\n".join(parts) + "\n"


def point_text(score: float | None, ends: list[float] | None) -> str:
    """A score with its interval."""
    text = number_text(score)
    return f"{text} [{' to '.join(map(number_text, ends))}]" if ends else text
