"""What is read, and how: every raw file of the pipeline the way its stage reads it."""

import gzip
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from camchex.aggregates.small_cells import Counts
from camchex.cohort.build import CohortInputs, build_cohort
from camchex.cohort.contradictions import cohort_schemas
from camchex.contract import params, tables
from camchex.contract.image_store import ImageParams
from camchex.contract.labels import LabelParams
from camchex.errors import CamchexError
from camchex.images.jpeg import prepared_pixels
from camchex.images.unreadable import UnreadableImage
from camchex.reports.files import Report
from camchex.reports.indications import OUTCOMES, extract_indications, read_indication
from camchex.sources.external.read import read_external
from camchex.sources.mimic import mimic_cxr, mimic_iv_ed
from camchex.sources.mimic.curated import read_curated
from camchex.sources.mimic.mimic_tables import MimicFiles, MimicTables, read_mimic
from camchex.sources.params import ExternalSet, ExternalSets
from camchex.synthetic.make import make_cohort
from camchex.synthetic.params import SyntheticParams
from camchex.texts.params import IndicationParams, SectionRules
from camchex.vitals.link import link_and_count
from camchex.vitals.params import VitalsParams

MIMIC = "mimic-cxr-jpg/mimic-cxr-2.0.0"
CURATED = "mimic-cxr-jpg/mimic-cxr-2.1.0-test-set-labeled.csv"
ED = "mimic-iv-ed/ed"
ED_TABLES = ("edstays", "triage", "vitalsign")
REPORTS = "mimic-cxr-reports"
CANONICAL = "canonical"
SPLITS = ("train", "development", "test")
IMAGES = ("mimic-cxr-jpg/files", "ChestX-ray14/images", "vinbigdata/train")
REFUSED, QUARANTINED, READ = "refused", "quarantined", "read in full"
FEW = {"train": 20, "development": 6, "test": 8}


@dataclass(frozen=True)
class Target:
    """Files below data.root that are damaged, and what reads them.

    Attributes:
        name: What is damaged.
        files: Paths below data.root.
        read: Reads a damaged file below data.root; returns rows seen by file, or what became of it.
    """

    name: str
    files: tuple[str, ...]
    read: Callable[[Path, str], Mapping[str, int] | str]


def write_cohort(root: Path) -> None:
    """A small cohort as published, with the dirt of the demo's, and its reports unpacked too."""
    demo = params.load("synthetic", SyntheticParams).model_dump()
    small = {"studies": FEW, "external": {"chexpert": 12, "nih": 12, "vindr": 12}, "image_px": 48}
    make_cohort(SyntheticParams(**{**demo, **small}), root, root.with_name("truth"), workers=0)
    shutil.unpack_archive(root / f"{REPORTS}/{REPORTS}.zip", root / REPORTS)
    _write_curated(root)
    _write_canonical(root)


def _write_curated(root: Path) -> None:
    """Labels that radiologists gave, which the synthetic cohort lacks: here the labeler's."""
    labels = mimic_cxr.read_mimic14(root / f"{MIMIC}-chexpert.csv.gz").drop_columns("No Finding")
    names = [name.replace("Lung Opacity", "Airspace Opacity") for name in labels.column_names]
    csv.write_csv(labels.rename_columns(names), root / CURATED)


def _write_canonical(root: Path) -> None:
    """The tables that the cohort is built from, as the stages write them."""
    mimic, _ = _read_mimic(root)
    rules = params.load("indications", IndicationParams)
    indications, _ = extract_indications(mimic.studies, root / REPORTS, rules, 0)
    vitals, _ = _link(mimic.studies, root)
    found = {**vars(mimic), "indications": indications, "vitals": vitals}
    for name, schema in cohort_schemas(params.load("labels", LabelParams).classes).items():
        table = found[name.rpartition("/")[2]]
        tables.write(table, root / CANONICAL / f"{name}.parquet", schema)


def targets(root: Path) -> list[Target]:
    """Everything that is read of an undamaged cohort."""
    _, studies = mimic_cxr.read_metadata(root / f"{MIMIC}-metadata.csv.gz", "")
    reports = tuple(str(f.relative_to(root)) for f in (root / REPORTS).rglob("s*.txt"))
    pictures = tuple(
        str(f.relative_to(root)) for folder in IMAGES for f in (root / folder).rglob("*.*")
    )
    tables = (*(f"{MIMIC}-{n}.csv.gz" for n in ("metadata", "split", "chexpert")),)
    emergency = tuple(f"{ED}/{n}.csv.gz" for n in ED_TABLES)
    canonical = tuple(f"{CANONICAL}/{name}.parquet" for name in cohort_schemas(()))
    external = params.load("external", ExternalSets)
    return [
        Target("MIMIC-CXR-JPG and CXR-LT tables", (*tables, *_challenge()), _mimic),
        Target("MIMIC-IV-ED tables", emergency, partial(_emergency, studies)),
        *(
            Target(
                f"{key} table",
                tuple(sorted({f"{one.folder}/{name}" for name in (one.table, one.test_list)})),
                partial(_external, key, one),
            )
            for key, one in external.items()
        ),
        Target("canonical tables", canonical, _canonical),
        Target("curated labels", (CURATED,), _curated),
        Target("reports", tuple(sorted(reports)), _report),
        Target("archive of reports", (f"{REPORTS}/{REPORTS}.zip",), partial(_archive, studies)),
        Target("images", tuple(sorted(pictures)), _image),
    ]


def lines(path: Path) -> int:
    """Lines of a table below its header, blank ones left out."""
    if path.suffix == ".parquet":
        return int(pq.read_metadata(path).num_rows)
    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    return sum(bool(line.strip()) for line in text.splitlines()) - 1


def _challenge() -> tuple[str, ...]:
    return tuple(f"cxr-lt-2023/{split}.csv" for split in SPLITS)


def _read_mimic(root: Path) -> tuple[MimicTables, Counts]:
    paths = {n: root / f"{MIMIC}-{n}.csv.gz" for n in ("metadata", "split", "chexpert")}
    splits = {n: root / f"cxr-lt-2023/{n}.csv" for n in SPLITS}
    space = params.load("labels", LabelParams)
    files = MimicFiles(**paths, cxr_lt=splits, other_tests={})
    return read_mimic(files, "mimic-cxr-jpg", space)


def _mimic(root: Path, _: str) -> Mapping[str, int]:
    mimic, counts = _read_mimic(root)
    return {
        f"{MIMIC}-metadata.csv.gz": mimic.images.num_rows,
        f"{MIMIC}-chexpert.csv.gz": counts["mimic14"]["studies"],
        **{f"cxr-lt-2023/{n}.csv": counts["splits"][n]["images"] for n in SPLITS},
    }


def _link(studies: pa.Table, root: Path) -> tuple[pa.Table, Counts]:
    ed = mimic_iv_ed.read_ed(*(root / ED / f"{name}.csv.gz" for name in ED_TABLES), studies)
    return link_and_count(studies, *ed, params.load("vitals", VitalsParams))


def _emergency(studies: pa.Table, root: Path, _: str) -> Mapping[str, int]:
    vitals, counts = _link(studies, root)
    assert vitals["study_id"].equals(studies["study_id"])
    return {f"{ED}/{name}.csv.gz": counts["rows"][name] for name in ED_TABLES}


def _canonical(root: Path, _: str) -> Mapping[str, int]:
    classes = params.load("labels", LabelParams).classes
    read = {
        name: tables.read(root / CANONICAL / f"{name}.parquet", schema)
        for name, schema in cohort_schemas(classes).items()
    }
    inputs = CohortInputs(**{name.rpartition("/")[2]: table for name, table in read.items()})
    cohort, _counts = build_cohort(inputs, inputs.images["image_id"].to_pylist(), classes)
    placed = inputs.studies.filter(pc.is_valid(inputs.studies["split"]))
    imaged = pc.is_in(placed["study_id"], inputs.images["study_id"].combine_chunks())
    assert cohort["study_id"].to_pylist() == placed.filter(imaged)["study_id"].to_pylist()
    return {f"{CANONICAL}/{name}.parquet": table.num_rows for name, table in read.items()}


def _external(key: str, external: ExternalSet, root: Path, _: str) -> Mapping[str, int]:
    space = params.load("labels", LabelParams)
    table, listed = (root / external.folder / name for name in (external.table, external.test_list))
    images, labels, counts = read_external(key, external, table, listed, root, space)
    assert images["image_id"].equals(labels["image_id"])
    if external.source == "vindr":  # one row is a reader's, or a box
        return {}
    return {f"{external.folder}/{external.table}": counts.listed["images"]}


def _curated(root: Path, file: str) -> Mapping[str, int]:
    return {file: read_curated(root / file).num_rows}


def _report(root: Path, file: str) -> str:
    path = root / file
    for sections in get_args(SectionRules):
        rules = params.load("indications", IndicationParams)
        rules = rules.model_copy(update={"sections": sections, "cleaner": "corrected"})
        found = read_indication(Report("50000000", str(path), path.read_bytes()), rules)
        assert found.outcome in OUTCOMES
        assert "\0" not in (found.indication or "")
    return READ


def _archive(studies: pa.Table, root: Path, file: str) -> str:
    rules = params.load("indications", IndicationParams)
    indications, counts = extract_indications(studies, root / file, rules, 0)
    assert sorted(indications["study_id"].to_pylist()) == sorted(studies["study_id"].to_pylist())
    assert sum(counts["outcomes"].values()) == studies.num_rows  # type: ignore[union-attr]
    return READ


def _image(root: Path, file: str) -> str:
    image = ImageParams(size=32, fit="stretch", jpeg_quality=95, shard_mb=1, max_unreadable=1)
    try:
        assert prepared_pixels(root / file, image).shape == (32, 32)
    except UnreadableImage:
        return QUARANTINED
    return READ


def outcome(target: Target, root: Path, file: str) -> str:
    """Read a damaged file: what became of it.

    Raises:
        AssertionError: If rows were lost or made up, or the error does not name the file.
    """
    try:
        seen = target.read(root, file)
    except CamchexError as error:
        # Of tables that contradict each other, either may be named.
        if not any(Path(name).name in str(error) for name in (file, *target.files)):
            raise AssertionError(f"the error names no file: {error}") from error
        return REFUSED
    if isinstance(seen, str):
        return seen
    if file in seen:
        there = lines(root / file)
        assert seen[file] == there, f"{there} lines, {seen[file]} rows"
    return READ
