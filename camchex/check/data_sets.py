"""Every data set in turn: its files, its tables, and the images its tables refer to."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from camchex.check.findings import (
    ClassCount,
    Contents,
    DataSet,
    FileFinding,
    Findings,
    look,
    look_for_watched,
)
from camchex.cohort.published import COUNTS, CXR_LT_COUNTS, CXR_LT_POSITIVES, NAMES, PAGES
from camchex.contract.labels import MIMIC_14, LabelParams
from camchex.reports.files import archived_names, report_names
from camchex.sources.csv.raw_table import read_csv, read_header
from camchex.sources.external import vindr
from camchex.sources.external.read import read_external
from camchex.sources.mimic import cxr_lt, mimic_cxr, mimic_iv_ed
from camchex.sources.mimic.mimic_views import DEFAULT
from camchex.sources.params import DataParams, ExternalSet, ExternalSets

UNPUBLISHED = {"chexpert": set[str](), "nih": {"studies"}, "vindr": {"studies", "patients"}}


def check(data: DataParams, external: ExternalSets, labels: LabelParams) -> Findings:
    """Look for the raw files of every data set, read their tables, and compare the counts.

    What is missing or damaged is a finding, never an error. No image is opened.

    Args:
        data: Section ``data``.
        external: Section ``external``.
        labels: Section ``labels``; what is only implied is not counted as said.
    """
    said = labels.model_copy(update={"imply_no_finding": False})
    sets = [_mimic_cxr(data), _reports(data), _mimic_iv_ed(data)]
    sets += [_cxr_lt(data, said)] if said.reads_cxr_lt else []
    sets += [_external(data.root, key, one, said) for key, one in external.items()]
    return Findings(data.root, tuple(sets))


def _mimic_cxr(data: DataParams) -> DataSet:
    folder = data.root / data.mimic_cxr_jpg
    metadata = partial(_metadata, root=data.root, folder=data.mimic_cxr_jpg)
    files = (
        look(_metadata_path(data), metadata),
        look(folder / "mimic-cxr-2.0.0-split.csv.gz", _official_split),
        look(folder / "mimic-cxr-2.0.0-chexpert.csv.gz", _mimic14),
        look_for_watched(data.root / data.watch_images, "data.watch_images"),
    )
    return DataSet("MIMIC-CXR-JPG", PAGES["mimic_cxr_jpg"], files)


def _metadata_path(data: DataParams) -> Path:
    return data.root / data.mimic_cxr_jpg / "mimic-cxr-2.0.0-metadata.csv.gz"


def _metadata(path: Path, root: Path, folder: str) -> Contents:
    images, _ = mimic_cxr.read_metadata(path, folder)
    by_default = pc.sum(pc.equal(images["view_source"], DEFAULT)).as_py() or 0
    counts = {**_sizes(images), **_views(images), "of unknown view, read as frontal": by_default}
    return Contents(counts, COUNTS["metadata"], refers_to=_files(root, images))


def _official_split(path: Path) -> Contents:
    split = mimic_cxr.read_official_split(path)["split"]
    counts = {name: pc.sum(pc.equal(split, name)).as_py() or 0 for name in COUNTS["split"]}
    return Contents(counts, COUNTS["split"])


def _mimic14(path: Path) -> Contents:
    labels = mimic_cxr.read_mimic14(path)
    return Contents({"studies": labels.num_rows}, COUNTS["mimic14"], _classes(labels, MIMIC_14))


def _reports(data: DataParams) -> DataSet:
    read = partial(_report_paths, metadata=_metadata_path(data))
    files: tuple[FileFinding, ...] = (look(data.root / data.reports, read),)
    if data.watch_reports != data.reports:
        files += (look_for_watched(data.root / data.watch_reports, "data.watch_reports"),)
    return DataSet("MIMIC-CXR reports", PAGES["reports"], files)


def _report_paths(reports: Path, metadata: Path) -> Contents:
    """Reports that the studies of MIMIC-CXR-JPG should have, in a folder or an archive."""
    _, studies = mimic_cxr.read_metadata(metadata, "")
    paths = [reports / name for name in report_names(studies)]
    counts = {"studies": len(paths)}
    names = archived_names(reports)
    if names is None:
        return Contents(counts, COUNTS["reports"], refers_to=paths)
    archived = {reports / name for name in names}
    return Contents(counts, COUNTS["reports"], refers_to=paths, exists=archived.__contains__)


def _mimic_iv_ed(data: DataParams) -> DataSet:
    folder = data.root / data.mimic_iv_ed
    readers = {
        "edstays": mimic_iv_ed.read_edstays,
        "triage": mimic_iv_ed.read_triage,
        "vitalsign": mimic_iv_ed.read_vitalsign,
    }
    files = (
        look(folder / f"{name}.csv.gz", partial(_rows, read=read, published=COUNTS[name]))
        for name, read in readers.items()
    )
    return DataSet("MIMIC-IV-ED", PAGES["mimic_iv_ed"], tuple(files))


def _rows(path: Path, read: Callable[[Path], pa.Table], published: Mapping[str, int]) -> Contents:
    return Contents({"rows": read(path).num_rows}, published)


def _cxr_lt(data: DataParams, labels: LabelParams) -> DataSet:
    folder = data.root / data.cxr_lt
    classes = () if labels.space == "mimic-14" else labels.classes
    read = partial(_cxr_lt_split, classes=classes)
    files = [look(path, read) for path in data.cxr_lt_files.below(folder).values()]
    files += [look(folder / name, _cxr_lt_test) for name in data.cxr_lt_other_tests]
    return DataSet("CXR-LT", PAGES["cxr_lt"], tuple(files))


def _cxr_lt_split(path: Path, classes: Sequence[str]) -> Contents:
    labels = cxr_lt.read_labels(path, classes)
    positive = CXR_LT_POSITIVES.get(path.name, {})
    return Contents(
        _sizes(labels),
        CXR_LT_COUNTS.get(path.name, {}),
        _classes(labels, classes),
        {name: n for name, n in positive.items() if name in classes},
    )


def _cxr_lt_test(path: Path) -> Contents:
    return Contents(_sizes(cxr_lt.read_ids(path)), CXR_LT_COUNTS.get(path.name, {}))


def _external(root: Path, key: str, external: ExternalSet, labels: LabelParams) -> DataSet:
    folder = root / external.folder
    read = partial(_external_table, root=root, key=key, external=external, labels=labels)
    files = (
        look(folder / external.table, read),
        look_for_watched(folder / external.watch_images, f"external.{key}.watch_images"),
    )
    name = f"{NAMES[external.source]} (external.{key})"
    return DataSet(name, PAGES[external.source], files)


def _external_table(
    path: Path, root: Path, key: str, external: ExternalSet, labels: LabelParams
) -> Contents:
    images, known = read_external(key, external, path, root, labels)
    rows = read_csv(path, read_header(path)[:1]).table.num_rows
    sizes = {n: c for n, c in _sizes(images).items() if n not in UNPUBLISHED[external.source]}
    return Contents(
        {"rows": rows, **sizes, **_views(images)},
        COUNTS[_release(path, external.source)],
        _classes(known, labels.classes),
        refers_to=_files(root, images),
    )


def _release(path: Path, source: str) -> str:
    """Key of ``COUNTS`` for a table of a source that publishes several."""
    if source == "chexpert":
        return "chexpert_valid" if path.name.startswith("valid") else source
    return f"vindr_{vindr.release(path)}" if source == "vindr" else source


def _sizes(rows: pa.Table) -> dict[str, int]:
    ids = {"studies": "study_id", "patients": "patient_id"}
    distinct = {name: pc.count_distinct(rows[key]).as_py() for name, key in ids.items()}
    return {"images": rows.num_rows, **distinct}


def _views(images: pa.Table) -> dict[str, int]:
    views = images["view"].to_pylist()
    return {view: views.count(view) for view in ("frontal", "lateral")}


def _classes(labels: pa.Table, classes: Sequence[str]) -> dict[str, ClassCount]:
    """Rows by class; what is uncertain (-1) or blank is unknown."""
    found = {}
    for name in classes:
        positive, negative = (pc.sum(pc.equal(labels[name], v)).as_py() or 0 for v in (1, 0))
        found[name] = ClassCount(positive, negative, labels.num_rows - positive - negative)
    return found


def _files(root: Path, images: pa.Table) -> list[str]:
    return [f"{root}/{path}" for path in images["path"].to_pylist()]
