"""Join the scores of several variants into one table, beside the paper's."""

from pathlib import Path

from camchex.aggregates.csv_files import write_csv
from camchex.aggregates.results import write_results
from camchex.comparisons.origin import origin
from camchex.comparisons.variant_tables import compare, read_scores
from camchex.comparisons.variant_text import CSV_HEADER, csv_rows, markdown
from camchex.comparisons.variants import COMPARISONS
from camchex.contract import params
from stages import Name, Output, run


def main(table: Name, out: Output, csv: Output, text: Output) -> None:
    """Write the table as JSON, CSV and Markdown."""
    seeds = params.load("seeds", list[int])
    comparison = COMPARISONS[table]
    scores = {row.name: read_scores(row, seeds) for row in comparison.rows}
    joined = compare(comparison, scores, seeds, origin(params.load("data.root", Path)))
    write_results(joined, out)
    write_csv(CSV_HEADER, csv_rows(joined), csv)
    text.write_text(markdown(joined))


if __name__ == "__main__":
    run(main)
