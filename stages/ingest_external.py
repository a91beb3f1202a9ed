"""Turn the published table of one external set into canonical images and labels."""

from pathlib import Path

from camchex.aggregates.small_cells import write_counts
from camchex.contract import params, schemas, tables
from camchex.contract.labels import LabelParams
from camchex.sources.external.read import read_external
from camchex.sources.params import ExternalSet
from stages import Input, Name, Output, run


def main(
    *, key: Name, table: Input, test_list: Input, images: Output, labels: Output, metrics: Output
) -> None:
    """Write the set's images, their labels in the label space of the cohort, and counts of them."""
    external = params.load(f"external.{key}", ExternalSet)
    space = params.load("labels", LabelParams)
    read = read_external(key, external, table, test_list, params.load("data.root", Path), space)
    tables.write(read.images, images, schemas.IMAGES)
    tables.write(read.labels, labels, schemas.labels(space.classes))
    write_counts(read.counts._asdict(), metrics, params.load("evaluation.min_cell", int))


if __name__ == "__main__":
    run(main)
