"""Join the scores of several variants into one table, beside the paper's."""

from collections.abc import Mapping
from pathlib import Path

from camchex.aggregates.csv_files import write_csv
from camchex.aggregates.results import write_results
from camchex.comparisons.variant_tables import read_perturbed, read_scores, variant_table
from camchex.comparisons.variant_text import CSV_HEADER, csv_rows, markdown
from camchex.comparisons.variants import COMPARISONS, Kind
from camchex.contract import params
from camchex.contract.files import write_text
from stages import Name, OptionalInput, Output, origin, run

SCORES_OF: Mapping[Kind, str] = {
    "final": "metrics/seeds/seed{seed}.json",
    "variant": "metrics/ablations/{name}/seed{seed}.json",
    "image_model": "metrics/ablations/image_models/{name}.json",
}
"""Where the scores of each kind of model are, for each name and seed."""


def main(
    *, table: Name, out: Output, csv: Output, text: Output, stability: OptionalInput = None
) -> None:
    """Write the table as JSON, CSV and Markdown."""
    seeds = params.load("seeds", list[int])
    comparison = COMPARISONS[table]
    scores = {row.name: read_scores(row, seeds, SCORES_OF) for row in comparison.rows}
    data = origin(params.load("data.root", Path))
    joined = variant_table(comparison, scores, seeds, data, read_perturbed(stability, data))
    write_results(joined, out)
    write_csv(CSV_HEADER, csv_rows(joined), csv)
    write_text(text, markdown(joined))


if __name__ == "__main__":
    run(main)
