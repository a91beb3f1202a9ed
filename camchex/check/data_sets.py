"""Every data set in turn: its files, its tables, and the images its tables refer to."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from camchex.check.findings import Contents, DataSet, FileFinding, Findings, look
from camchex.check.published import COUNTS, NAMES, PAGES
from camchex.labels import CXR_LT_2023, LabelParams
from camchex.reports.files import archived_names, report_names
from camchex.sources import cxr_lt, mimic_cxr, mimic_iv_ed
from camchex.sources.external import read_external
from camchex.sources.params import DataParams, ExternalSet, ExternalSets
from camchex.sources.raw_table import read_csv, read_header

AS_PUBLISHED = LabelParams(space="cxr-lt-2023", imply_no_finding=False)


def check(data: DataParams, external: ExternalSets) -> Findings:
    """Look for the raw files of every data set, read their tables, and compare the counts.

    What is missing or damaged is a finding, never an error. No image is opened.

    Args:
        data: Section ``data``.
        external: Section ``external``.
    """
    sets = [_mimic_cxr(data), _reports(data), _mimic_iv_ed(data), _cxr_lt(data)]
    sets += [_external(data.root, key, one) for key, one in external.items()]
    return Findings(data.root, tuple(sets))


def _mimic_cxr(data: DataParams) -> DataSet:
    folder = data.root / data.mimic_cxr_jpg
    metadata = partial(_metadata, root=data.root, folder=data.mimic_cxr_jpg)
    files = (
        look(_metadata_path(data), metadata, COUNTS["metadata"]),
        look(folder / "mimic-cxr-2.0.0-split.csv.gz", _official_split, COUNTS["split"]),
        look(folder / "mimic-cxr-2.0.0-chexpert.csv.gz", _mimic14, COUNTS["mimic14"]),
        look(data.root / data.watch_images),
    )
    return DataSet("MIMIC-CXR-JPG", PAGES["mimic_cxr_jpg"], files)


def _metadata_path(data: DataParams) -> Path:
    return data.root / data.mimic_cxr_jpg / "mimic-cxr-2.0.0-metadata.csv.gz"


def _metadata(path: Path, root: Path, folder: str) -> Contents:
    images, _ = mimic_cxr.read_metadata(path, folder)
    return Contents(_sizes(images), refers_to=_files(root, images))


def _official_split(path: Path) -> Contents:
    split = mimic_cxr.read_official_split(path)["split"]
    return Contents({name: pc.sum(pc.equal(split, name)).as_py() or 0 for name in COUNTS["split"]})


def _mimic14(path: Path) -> Contents:
    return Contents({"studies": mimic_cxr.read_mimic14(path).num_rows})


def _reports(data: DataParams) -> DataSet:
    read = partial(_report_paths, metadata=_metadata_path(data))
    files: tuple[FileFinding, ...] = (look(data.root / data.reports, read, COUNTS["reports"]),)
    if data.watch_reports != data.reports:
        files += (look(data.root / data.watch_reports),)
    return DataSet("MIMIC-CXR reports", PAGES["reports"], files)


def _report_paths(reports: Path, metadata: Path) -> Contents:
    """Reports that the studies of MIMIC-CXR-JPG should have, in a folder or an archive."""
    _, studies = mimic_cxr.read_metadata(metadata, "")
    paths = [reports / name for name in report_names(studies)]
    names = archived_names(reports)
    if names is None:
        return Contents({"studies": len(paths)}, refers_to=paths)
    archived = {reports / name for name in names}
    return Contents({"studies": len(paths)}, refers_to=paths, exists=archived.__contains__)


def _mimic_iv_ed(data: DataParams) -> DataSet:
    folder = data.root / data.mimic_iv_ed
    readers = {
        "edstays": mimic_iv_ed.read_edstays,
        "triage": mimic_iv_ed.read_triage,
        "vitalsign": mimic_iv_ed.read_vitalsign,
    }
    files = (
        look(folder / f"{name}.csv.gz", partial(_rows, read=read), COUNTS[name])
        for name, read in readers.items()
    )
    return DataSet("MIMIC-IV-ED", PAGES["mimic_iv_ed"], tuple(files))


def _rows(path: Path, read: Callable[[Path], pa.Table]) -> Contents:
    return Contents({"rows": read(path).num_rows})


def _cxr_lt(data: DataParams) -> DataSet:
    folder = data.root / data.cxr_lt
    splits = ("train", "development", "test")
    files = (look(folder / f"{split}.csv", _cxr_lt_split, COUNTS[split]) for split in splits)
    return DataSet("CXR-LT", PAGES["cxr_lt"], tuple(files))


def _cxr_lt_split(path: Path) -> Contents:
    labels = cxr_lt.read_labels(path, CXR_LT_2023)
    return Contents(_sizes(labels), _positive(labels))


def _external(root: Path, key: str, external: ExternalSet) -> DataSet:
    folder = root / external.folder
    read = partial(_external_table, root=root, key=key, external=external)
    files = (
        look(folder / external.table, read, COUNTS[external.source]),
        look(folder / external.watch_images),
    )
    name = f"{NAMES[external.source]} (external.{key})"
    return DataSet(name, PAGES[external.source], files)


def _external_table(path: Path, root: Path, key: str, external: ExternalSet) -> Contents:
    images, labels = read_external(key, external, path, root, AS_PUBLISHED)
    views = images["view"].to_pylist()
    rows = read_csv(path, read_header(path)[:1]).table.num_rows
    counts = {"rows": rows, **_sizes(images), **{v: views.count(v) for v in ("frontal", "lateral")}}
    told = {name: n for name, n in counts.items() if name in COUNTS[external.source]}
    return Contents(told, _positive(labels), _files(root, images))


def _sizes(rows: pa.Table) -> dict[str, int]:
    ids = {"studies": "study_id", "patients": "patient_id"}
    distinct = {name: pc.count_distinct(rows[key]).as_py() for name, key in ids.items()}
    return {"images": rows.num_rows, **distinct}


def _positive(labels: pa.Table) -> dict[str, int]:
    """Positive images of the classes of which the set says anything."""
    known = [name for name in CXR_LT_2023 if labels[name].null_count < labels.num_rows]
    return {name: int(pc.sum(labels[name]).as_py()) for name in known}


def _files(root: Path, images: pa.Table) -> list[Path]:
    return [root / path for path in images["path"].to_pylist()]
