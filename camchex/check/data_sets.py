"""Every data set in turn: its files, its tables, and the images its tables refer to."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from camchex.check.checked import (
    SAMPLE,
    CheckedData,
    CheckedDataSet,
    CheckedFile,
    ClassCount,
    TableCounts,
    check_file,
    check_watched,
)
from camchex.cohort.published import (
    COUNTS,
    CXR_LT_COUNTS,
    CXR_LT_POSITIVES,
    NAMES,
    OFFICIAL_TEST,
    PAGES,
)
from camchex.contract.labels import MIMIC_14, LabelParams
from camchex.contract.schemas import IMAGES, STUDIES, UNKNOWN_VIEW
from camchex.contract.tables import require_disjoint_patients, require_distinct_images
from camchex.errors import DataError
from camchex.reports.files import archived_names, has_report, report_names, report_places
from camchex.reports.indications import extract_indications
from camchex.sources.csv.lookup import image_counts, positions
from camchex.sources.csv.matches import require_matches
from camchex.sources.csv.raw_table import read_csv, read_header
from camchex.sources.external import vindr
from camchex.sources.external.read import official_test, read_external
from camchex.sources.mimic import cxr_lt, mimic_cxr, mimic_iv_ed
from camchex.sources.mimic.curated import read_curated
from camchex.sources.mimic.demographics import READERS
from camchex.sources.mimic.mimic_tables import require_known_images
from camchex.sources.params import DataParams, ExternalSet, ExternalSets
from camchex.texts.params import IndicationParams
from camchex.vitals.params import VitalRanges
from camchex.vitals.plausible import drop_implausible, is_lost

Value = TypeVar("Value", str, int)
METADATA = "mimic-cxr-2.0.0-metadata.csv.gz"
CURATED = "mimic-cxr-2.1.0-test-set-labeled.csv"
CONTRADICTIONS = "with No Finding beside a finding, which is read as 0"
ODD = {
    "view_position_against_view_code": "whose ViewPosition and view code contradict each other",
    "view_position_unknown": "whose ViewPosition is not known, which decides nothing",
    "studies_of_over_a_day": "studies with images over a day apart",
}
UNPUBLISHED = {"chexpert": set[str](), "nih": {"studies"}, "vindr": {"studies", "patients"}}
ED_READERS = {
    "edstays": mimic_iv_ed.read_edstays,
    "triage": mimic_iv_ed.read_triage,
    "vitalsign": mimic_iv_ed.read_vitalsign,
}


def check_data(
    data: DataParams,
    external: ExternalSets,
    labels: LabelParams,
    indications: IndicationParams | None = None,
    ranges: VitalRanges | None = None,
) -> CheckedData:
    """Look for the raw files of every data set, read their tables, and compare the counts.

    A missing or damaged file is part of the result, never an error. No image is opened. Classes are
    counted as published, without implied labels. Some reports are read, by the rules of
    ``indications``; with None there are no rules, and none is. Vital signs of which almost all are
    out of ``ranges`` are named.
    """
    said = labels.model_copy(update={"imply_no_finding": False})
    listed = _listed(data)
    _, images, studies = listed
    of_stays = (*_mimic_iv_ed(data, studies, ranges), *_demographics(data, studies))
    of_studies = tuple(_reports(data, studies, indications))
    sets = [
        CheckedDataSet("MIMIC-CXR-JPG", PAGES["mimic_cxr_jpg"], tuple(_mimic_cxr(data, listed))),
        CheckedDataSet("MIMIC-CXR reports", PAGES["reports"], of_studies),
        CheckedDataSet("MIMIC-IV-ED", PAGES["mimic_iv_ed"], of_stays),
    ]
    if said.reads_cxr_lt:
        sets.append(CheckedDataSet("CXR-LT", PAGES["cxr_lt"], tuple(_cxr_lt(data, said, images))))
    by_source: dict[str, dict[str, pa.ChunkedArray]] = {}
    for key, one in external.items():
        name = f"{NAMES[one.source]} (external.{key})"
        of_source = by_source.setdefault(one.source, {})
        files = tuple(_external(data.root, key, one, said, of_source))
        sets.append(CheckedDataSet(name, PAGES[one.source], files))
    return CheckedData(data.root, tuple(sets))


class Listed(NamedTuple):
    """The metadata, read once: a file to be checked, and what other tables are held against."""

    file: CheckedFile
    images: pa.Table  # none if the file is damaged, which is said of it alone
    studies: pa.Table


def _listed(data: DataParams) -> Listed:
    images, studies = IMAGES.empty_table(), STUDIES.empty_table()

    def read(path: Path) -> TableCounts:
        nonlocal images, studies
        odd = Counter[str]()
        images, studies = mimic_cxr.read_metadata(path, data.mimic_cxr_jpg, odd)
        counts = {**image_counts(images), **_counts(images["view"], ("frontal", "lateral"))}
        unknown = _counts(images["view_source"], (UNKNOWN_VIEW,))[UNKNOWN_VIEW]
        counts["of unknown view, read as frontal"] = unknown
        counts |= {ODD[name]: number for name, number in odd.items() if number}
        return TableCounts(counts, COUNTS["metadata"], refers_to=_image_files(data.root, images))

    file = check_file(data.root / data.mimic_cxr_jpg / METADATA, read)
    return Listed(file, images, studies)


def _mimic_cxr(data: DataParams, listed: Listed) -> Iterator[CheckedFile]:
    folder = data.root / data.mimic_cxr_jpg
    yield listed.file
    read_split = partial(_official_split, images=listed.images)
    yield check_file(folder / "mimic-cxr-2.0.0-split.csv.gz", read_split)
    read_labels = partial(_mimic14, images=listed.images)
    yield check_file(folder / "mimic-cxr-2.0.0-chexpert.csv.gz", read_labels)
    named = {folder / name for name in data.curated_tests.values()}
    for path in sorted(named | ({folder / CURATED} if (folder / CURATED).is_file() else set())):
        yield check_file(path, partial(_curated, images=listed.images, scored=path in named))
    yield check_watched(data.root / data.watch_images, "data.watch_images")


def _curated(path: Path, images: pa.Table, *, scored: bool) -> TableCounts:
    labels = read_curated(path)
    require_matches((path, labels), (METADATA, images), ["study_id"])
    mimic_cxr.require_same_ids([path], images)
    counts = {"studies": labels.num_rows}
    if not scored:
        counts["that no model is scored on: name the file in data.curated_tests"] = labels.num_rows
    return TableCounts(counts, COUNTS["curated"], _class_counts(labels, MIMIC_14))


def _official_split(path: Path, images: pa.Table) -> TableCounts:
    split = mimic_cxr.read_official_split(path)
    require_matches((path, split), (METADATA, images), ["image_id"])
    mimic_cxr.require_same_ids([path], images)
    return TableCounts(_counts(split["split"], COUNTS["split"]), COUNTS["split"])


def _mimic14(path: Path, images: pa.Table) -> TableCounts:
    labels = mimic_cxr.read_mimic14(path)
    require_matches((path, labels), (METADATA, images), ["study_id"])
    mimic_cxr.require_same_ids([path], images)
    classes = _class_counts(labels, MIMIC_14)
    return TableCounts({"studies": labels.num_rows}, COUNTS["mimic14"], classes)


def _reports(
    data: DataParams, studies: pa.Table, rules: IndicationParams | None
) -> Iterator[CheckedFile]:
    read = partial(_report_paths, studies=studies, rules=rules)
    yield check_file(data.root / data.reports, read)
    if data.watch_reports != data.reports:
        yield check_watched(data.root / data.watch_reports, "data.watch_reports")


def _report_paths(reports: Path, studies: pa.Table, rules: IndicationParams | None) -> TableCounts:
    """List the reports that the studies of MIMIC-CXR-JPG should have, in a folder or an archive.

    Of evenly spaced ones, at most ``SAMPLE``, the indication is looked for, as the stage does.
    """
    if not studies.num_rows:
        raise DataError(f"not looked for, since {METADATA} does not tell the studies")
    names = report_names(studies)
    paths, archived = [reports / name for name in names], archived_names(reports)
    places = report_places(reports, names) if archived is None else [[]] * len(names)
    placed = dict(zip(paths, places, strict=True))

    def exists(path: Path) -> bool:
        if archived is None:
            return has_report(reports, placed[path])
        return path.relative_to(reports).as_posix() in archived

    counts = {"studies": len(paths)}
    if rules and any(exists(path) for path in paths):
        rows = range(0, studies.num_rows, max(studies.num_rows // SAMPLE, 1))
        some = studies.take(pa.array(rows, pa.int64()))
        found, _ = extract_indications(some, reports, rules, 0)
        counts["looked at"] = some.num_rows
        counts["of these with an indication"] = some.num_rows - found["indication"].null_count
    return TableCounts(counts, COUNTS["reports"], refers_to=paths, exists=exists)


def _mimic_iv_ed(
    data: DataParams, studies: pa.Table, ranges: VitalRanges | None
) -> Iterator[CheckedFile]:
    above: tuple[str, pa.Table, Sequence[str]] = (METADATA, studies, mimic_iv_ed.OF_STUDIES)

    def rows(path: Path, table: str) -> TableCounts:
        nonlocal above
        read, (name, within, ids) = ED_READERS[table](path), above
        if table == "edstays":
            above = (path.name, read, mimic_iv_ed.OF_STAYS)
        require_matches((path, read), (name, within), ids)
        if table == "edstays" and studies.num_rows:
            mimic_iv_ed.require_times(path, read, studies)
        counts = {"rows": read.num_rows}
        if table != "edstays" and ranges:
            for name, values in drop_implausible(read, ranges).counts.items():
                if values["given"] and is_lost(values["given"], values["out_of_range"]):
                    lost = f"values of {name}, almost all out of vitals.ranges: of another unit?"
                    counts[lost] = values["given"]
        return TableCounts(counts, COUNTS[table])

    for table in ED_READERS:
        path = data.root / data.mimic_iv_ed / f"{table}.csv.gz"
        yield check_file(path, partial(rows, table=table))


def _demographics(data: DataParams, studies: pa.Table) -> Iterator[CheckedFile]:
    for name, place in data.demographics.items():
        yield check_file(data.root / place, partial(_known, name=name, studies=studies))


def _known(path: Path, name: str, studies: pa.Table) -> TableCounts:
    """Read a table of ``data.demographics``, and count of how many studies it tells something."""
    known = sum(value is not None for value in READERS[name](path, studies))
    return TableCounts({f"studies whose {name} is known": known})


def _cxr_lt(data: DataParams, labels: LabelParams, images: pa.Table) -> Iterator[CheckedFile]:
    folder = data.root / data.cxr_lt
    before: dict[str, pa.Table] = {}
    for split, path in data.cxr_lt_files.below(folder).items():
        read = partial(_cxr_lt_split, split=split, labels=labels, images=images, before=before)
        yield check_file(path, read)
    for name in data.cxr_lt_other_tests:
        yield check_file(folder / name, partial(_cxr_lt_test, images=images))


def _cxr_lt_split(
    path: Path, split: str, labels: LabelParams, images: pa.Table, before: dict[str, pa.Table]
) -> TableCounts:
    """Check the file of one split beside the metadata, and the files ``before``, by path."""
    classes = () if labels.space == "mimic-14" else labels.classes
    used = labels.splits == "cxr-lt"
    read = cxr_lt.read_labels(path, classes)
    require_matches((path, read), (METADATA, images), ["image_id"])
    placed = read.select(["image_id", "study_id", "patient_id"])
    before[str(path)] = placed.append_column("split", pa.repeat(split, read.num_rows))
    origin = {table["split"][0].as_py(): name for name, table in before.items()}
    for key in ("image_id", "patient_id")[: 1 + used]:
        require_disjoint_patients(pa.concat_tables(before.values()), origin, key)
    if used and images.num_rows:
        require_known_images(before[str(path)], images, Path(METADATA), origin)
    published = CXR_LT_POSITIVES.get(path.name, {})
    positive = {name: n for name, n in published.items() if name in classes}
    counts = image_counts(read), CXR_LT_COUNTS.get(path.name, {})
    return TableCounts(*counts, _class_counts(read, classes), positive)


def _cxr_lt_test(path: Path, images: pa.Table) -> TableCounts:
    other = cxr_lt.read_ids(path)
    require_matches((path, other), (METADATA, images), ["image_id"])
    return TableCounts(image_counts(other), CXR_LT_COUNTS.get(path.name, {}))


def _external(
    root: Path,
    key: str,
    external: ExternalSet,
    labels: LabelParams,
    of_source: dict[str, pa.ChunkedArray],
) -> Iterator[CheckedFile]:
    """Check the files of one set; its images are added to those of its source, by key."""
    folder = root / external.folder
    table = folder / external.table
    images = IMAGES.empty_table()

    def read(path: Path) -> TableCounts:
        nonlocal images
        every = external.model_copy(update={"hold_out_test": False})
        images, known, counted = read_external(key, every, path, path, root, labels)
        of_source[key] = images["image_id"]
        require_distinct_images(of_source, external.source)
        rows = read_csv(path, read_header(path)[:1]).table.num_rows
        hidden = UNPUBLISHED[external.source]
        sizes = {name: n for name, n in image_counts(images).items() if name not in hidden}
        odd = {
            OFFICIAL_TEST: counted.official_test["images"],
            CONTRADICTIONS: counted.contradictions,
            "studies whose images have different labels": counted.studies_with_several_labels,
        }
        return TableCounts(
            {
                "rows": rows,
                **sizes,
                **_counts(images["view"], ("frontal", "lateral")),
                **{name: n for name, n in odd.items() if n},
            },
            published_counts(path, external.source),
            _class_counts(known, labels.classes),
            refers_to=_image_files(root, images),
        )

    def listed(path: Path) -> TableCounts:
        official = official_test(key, external, images, table, path)
        tested = pc.is_valid(positions(images["patient_id"], official.patients))
        counts = {f"images {OFFICIAL_TEST}": pc.sum(tested).as_py() or 0}
        lost = {"names of no image": official.not_in_table} if official.not_in_table else {}
        published = COUNTS[external.source].get(OFFICIAL_TEST)
        return TableCounts(
            {**counts, **lost}, dict.fromkeys(counts, published) if published else {}
        )

    yield check_file(table, read)
    if external.test_list != external.table:
        yield check_file(folder / external.test_list, listed)
    yield check_watched(folder / external.watch_images, f"external.{key}.watch_images")


def published_counts(path: Path, source: str) -> dict[str, int]:
    """Return the published counts of a table; its name or its header (VinDr-CXR) tells which."""
    if source == "chexpert" and path.name.startswith("valid"):
        return dict(COUNTS["chexpert_valid"])
    if source == "vindr":
        source = f"vindr_{vindr.release(path) if path.exists() else 'kaggle'}"
    return dict(COUNTS[source])


def _counts(column: pa.ChunkedArray, values: Iterable[Value]) -> dict[Value, int]:
    return {value: pc.sum(pc.equal(column, value)).as_py() or 0 for value in values}


def _class_counts(labels: pa.Table, classes: Sequence[str]) -> dict[str, ClassCount]:
    """Count rows by class; uncertain (-1) and blank labels are unknown."""
    found = {}
    for name in classes:
        positive, negative = _counts(labels[name], (1, 0)).values()
        found[name] = ClassCount(positive, negative, labels.num_rows - positive - negative)
    return found


def _image_files(root: Path, images: pa.Table) -> list[str]:
    return [f"{root}/{path}" for path in images["path"].to_pylist()]
