"""The whole synthetic cohort: six data sets as published, and the truth that they hide."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from camchex.contract import schemas, tables
from camchex.contract.files import publish_folder, sha256
from camchex.contract.labels import CXR_LT_2023
from camchex.synthetic.params import SyntheticParams
from camchex.synthetic.phantom.rendering import StudyFiles, write_images
from camchex.synthetic.published.external import write_chexpert, write_nih, write_vindr
from camchex.synthetic.published.mimic import write_mimic

TRUTH = schemas.labels(CXR_LT_2023)
STATEMENT = "Invented patients, reports and X-rays. Nothing here is about a real person.\n"


def make_cohort(params: SyntheticParams, out_raw: Path, out_truth: Path, workers: int) -> None:
    """Invent the cohort; the same section gives the same bytes, with any number of workers.

    Args:
        params: The section ``synthetic``.
        out_raw: Becomes ``data.root``; what stood there is replaced when all is written.
        out_truth: Gets ``truth.parquet`` (``TRUTH``: every class of every image, under the
            published image id), which the pipeline never reads.
        workers: Processes that X-ray.
    """

    def write_all(draft: Path) -> None:
        (draft / "SYNTHETIC.txt").write_text(STATEMENT)
        studies = [
            files
            for write in (write_mimic, write_chexpert, write_nih, write_vindr)
            for files in write(params, draft)
        ]
        write_images(studies, params, workers)
        for published in ("mimic-cxr-jpg", "mimic-cxr-reports"):
            write_checksums(draft / published)
        tables.write(truth_table(studies), out_truth / "truth.parquet", TRUTH)

    publish_folder(out_raw, write_all)


def write_checksums(folder: Path) -> None:
    """Write ``SHA256SUMS.txt`` as PhysioNet ships it, over every file below ``folder``."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / "SHA256SUMS.txt").write_text("".join(lines))


def truth_table(studies: Iterable[StudyFiles]) -> pa.Table:
    """What is really there, per image: ``TRUTH``, sorted by data set and image."""
    rows = [
        {"dataset": files.dataset, "image_id": image_id, **files.study.truth}
        for files in studies
        for image_id in files.image_ids
    ]
    rows.sort(key=lambda row: (row["dataset"], row["image_id"]))
    return pa.Table.from_pylist(rows, TRUTH)
