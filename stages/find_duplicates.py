"""Find the same picture in MIMIC-CXR and in an external set."""

import pyarrow as pa

from camchex.aggregates.small_cells import write_counts
from camchex.cohort.contradictions import require_sound_sets
from camchex.cohort.duplicates import DataSet, find_duplicates
from camchex.contract import params, schemas, tables
from camchex.contract.image_store import ImageStore
from camchex.contract.labels import LabelParams
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
    """Write the images that show the same picture, and their number by data set.

    All external sets come together here, so their tables are held against each other, too.
    """
    classes = params.load("labels", LabelParams).classes
    sets = {MIMIC: DataSet(ImageStore(store), tables.read(images, schemas.IMAGES))}
    known: dict[str, pa.Table] = {}
    for key in params.load("external", dict[str, object]):
        table = tables.read(external / key / "images.parquet", schemas.IMAGES)
        sets[key] = DataSet(ImageStore(stores / key), table)
        labels = tables.read(external / key / "labels.parquet", schemas.labels(classes))
        known |= {f"external/{key}/images": table, f"external/{key}/labels": labels}
    require_sound_sets(known, classes)
    found, counts = find_duplicates(sets, tables.read(studies, schemas.STUDIES))
    tables.write(found, out, schemas.DUPLICATES)
    write_counts(counts, metrics, params.load("evaluation.min_cell", int))


if __name__ == "__main__":
    run(main)
