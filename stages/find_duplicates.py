"""Find the same picture in MIMIC-CXR and in an external set."""

from camchex.aggregates.small_cells import write_counts
from camchex.cohort.duplicates import DataSet, find_duplicates
from camchex.contract import params, schemas, tables
from camchex.contract.image_store import ImageStore
from camchex.contract.schemas import MIMIC
from stages import Input, Output, run


def main(
    *,
    images: Input,
    external: Input,
    studies: Input,
    store: Input,
    stores: Input,
    out: Output,
    metrics: Output,
) -> None:
    """Write the images that show the same picture, and their number by data set."""
    folders = {MIMIC: (store, images)} | {
        key: (stores / key, external / key / "images.parquet")
        for key in params.load("external", dict[str, object])
    }
    sets = {
        name: DataSet(ImageStore(folder), tables.read(table, schemas.IMAGES))
        for name, (folder, table) in folders.items()
    }
    found, counts = find_duplicates(sets, tables.read(studies, schemas.STUDIES))
    tables.write(found, out, schemas.DUPLICATES)
    write_counts(counts, metrics, params.load("evaluation.min_cell", int))


if __name__ == "__main__":
    run(main)
