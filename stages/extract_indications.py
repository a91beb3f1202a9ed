"""Read the clinical indication of every study from its report."""

from camchex.aggregates.small_cells import write_counts
from camchex.contract import params, schemas, tables
from camchex.reports.indications import extract_indications
from camchex.sources.params import DataParams
from camchex.texts.params import IndicationParams
from stages import Input, Output, run


def main(studies: Input, out: Output, metrics: Output) -> None:
    """Write one row per study, and how many have an indication, by where it was found."""
    data = params.load("data", DataParams)
    indications, counts = extract_indications(
        tables.read(studies, schemas.STUDIES),
        data.root / data.reports,
        params.load("indications", IndicationParams),
        params.load("runtime.workers", int),
    )
    tables.write(indications, out, schemas.INDICATIONS)
    write_counts(counts, metrics, params.load("evaluation.min_cell", int))


if __name__ == "__main__":
    run(main)
