"""The whole synthetic cohort: six data sets as published, and the truth that they hide."""

from pathlib import Path

import pyarrow as pa

from camchex.contract import schemas, tables
from camchex.contract.files import publish_folder, sha256
from camchex.contract.labels import CXR_LT_2023
from camchex.synthetic.params import SyntheticParams
from camchex.synthetic.phantom.rendering import write_images
from camchex.synthetic.published.external import write_chexpert, write_nih, write_vindr
from camchex.synthetic.published.mimic import write_mimic

TRUTH = schemas.labels(CXR_LT_2023)
STATEMENT = "Invented patients, reports and X-rays. Nothing here is about a real person.\n"


def make_cohort(params: SyntheticParams, out_raw: Path, out_truth: Path, workers: int) -> None:
    """Invent the cohort; one section gives the same bytes with any number of workers.

    Args:
        params: The section ``synthetic``.
        out_raw: The folder ``data.root``; what stood there is replaced when all is written.
        out_truth: The folder of ``truth.parquet``, which the pipeline never reads: ``TRUTH`` with
            every class of every image, sorted by data set and published image id.
        workers: Number of processes that draw X-rays; 0: this process does.
    """

    def write_all(draft: Path) -> None:
        (draft / "SYNTHETIC.txt").write_text(STATEMENT)
        studies = [
            files
            for write in (write_mimic, write_chexpert, write_nih, write_vindr)
            for files in write(params, draft)
        ]
        write_images(studies, params, workers)
        for folder in (draft / "mimic-cxr-jpg", draft / "mimic-cxr-reports"):  # as PhysioNet does
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            lines = [f"{sha256(file)}  {file.relative_to(folder).as_posix()}\n" for file in files]
            (folder / "SHA256SUMS.txt").write_text("".join(lines))
        truth = [
            {"dataset": files.dataset, "image_id": image_id, **files.study.truth}
            for files in studies
            for image_id in files.image_ids
        ]
        truth.sort(key=lambda row: (row["dataset"], row["image_id"]))
        tables.write(pa.Table.from_pylist(truth, TRUTH), out_truth / "truth.parquet", TRUTH)

    publish_folder(out_raw, write_all)
