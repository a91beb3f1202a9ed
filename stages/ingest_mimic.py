"""Turn the tables of MIMIC-CXR-JPG and CXR-LT into canonical ones."""

from camchex import params, schemas, tables
from camchex.labels import MIMIC_14, LabelParams
from camchex.small_cells import write_counts
from camchex.sources.mimic_tables import MimicFiles, read_mimic
from camchex.sources.params import DataParams
from stages import Input, Output, run


def main(
    *,
    metadata: Input,
    split: Input,
    chexpert: Input,
    train: Input,
    development: Input,
    test: Input,
    images: Output,
    labels: Output,
    studies: Output,
    mimic14: Output,
    metrics: Output,
) -> None:
    """Write images, labels, studies, the published labels per study, and what was counted."""
    space = params.load("labels", LabelParams)
    folder = params.load("data", DataParams).mimic_cxr_jpg
    files = MimicFiles(metadata, split, chexpert, train, development, test)
    mimic, counts = read_mimic(files, folder, space)
    tables.write(mimic.images, images, schemas.IMAGES)
    tables.write(mimic.labels, labels, schemas.labels(space.classes))
    tables.write(mimic.studies, studies, schemas.STUDIES)
    tables.write(mimic.mimic14, mimic14, schemas.study_labels(MIMIC_14))
    write_counts(counts, metrics, params.load("evaluation.min_cell", int))


if __name__ == "__main__":
    run(main)
