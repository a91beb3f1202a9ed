"""Turn the tables of MIMIC-CXR-JPG and CXR-LT into canonical ones."""

from camchex.aggregates.small_cells import write_counts
from camchex.contract import params, schemas, tables
from camchex.contract.labels import MIMIC_14, LabelParams
from camchex.sources.mimic.mimic_tables import MimicFiles, read_mimic
from camchex.sources.params import DataParams
from stages import Input, Output, run


def main(
    *,
    metadata: Input,
    split: Input,
    chexpert: Input,
    cxr_lt: Input,
    images: Output,
    labels: Output,
    studies: Output,
    mimic14: Output,
    metrics: Output,
) -> None:
    """Write images, labels, studies, the published labels per study, and counts of them all."""
    wanted = params.load("labels", LabelParams)
    data = params.load("data", DataParams)
    other = {name: cxr_lt / name for name in data.cxr_lt_other_tests}
    files = MimicFiles(metadata, split, chexpert, data.cxr_lt_files.below(cxr_lt), other)
    mimic, counts = read_mimic(files, data.mimic_cxr_jpg, wanted)
    tables.write(mimic.images, images, schemas.IMAGES)
    tables.write(mimic.labels, labels, schemas.labels(wanted.classes))
    tables.write(mimic.studies, studies, schemas.STUDIES)
    tables.write(mimic.mimic14, mimic14, schemas.study_labels(MIMIC_14))
    write_counts(counts, metrics, params.load("evaluation.min_cell", int))


if __name__ == "__main__":
    run(main)
