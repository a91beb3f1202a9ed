"""Join images, labels, texts and vital signs into one row per study."""

from camchex.aggregates.small_cells import write_counts
from camchex.cohort.build import CohortInputs, build_cohort
from camchex.cohort.duplicates import DataSet, find_duplicates
from camchex.cohort.published import cxr_lt_published
from camchex.contract import params, schemas, tables
from camchex.contract.image_store import ImageStore
from camchex.contract.labels import MIMIC_14, LabelParams
from stages import Input, Output, run


def main(
    *,
    images: Input,
    labels: Input,
    studies: Input,
    mimic14: Input,
    indications: Input,
    vitals: Input,
    views: Input,
    store: Input,
    out: Output,
    duplicates: Output,
    metrics: Output,
) -> None:
    """Write the cohort, its images that show the same picture, and counts beside published ones."""
    classes = params.load("labels", LabelParams).classes
    inputs = CohortInputs(
        images=tables.read(images, schemas.IMAGES),
        labels=tables.read(labels, schemas.labels(classes)),
        studies=tables.read(studies, schemas.STUDIES),
        mimic14=tables.read(mimic14, schemas.study_labels(MIMIC_14)),
        indications=tables.read(indications, schemas.INDICATIONS),
        vitals=tables.read(vitals, schemas.VITALS),
        views=tables.read(views, schemas.VIEWS),
    )
    kept = ImageStore(store)
    ranges = params.load("vitals.ranges", dict[str, schemas.Bounds] | None)  # type: ignore[arg-type]
    cohort, counts = build_cohort(inputs, kept.image_ids, classes, ranges)
    tables.write(cohort, out, schemas.cohort(classes))
    same, copies = find_duplicates({schemas.MIMIC: DataSet(kept, inputs.images)}, inputs.studies)
    tables.write(same, duplicates, schemas.DUPLICATES)
    published = cxr_lt_published(params.load("data.cxr_lt_files", dict[str, str]))
    counts = {**counts, "duplicates": copies, "published": published}
    write_counts(counts, metrics, params.load("evaluation.min_cell", int))


if __name__ == "__main__":
    run(main)
