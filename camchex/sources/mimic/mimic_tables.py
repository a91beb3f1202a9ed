"""MIMIC-CXR and the labels learnt from it, brought together and checked against each other."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from camchex.aggregates.small_cells import Counts
from camchex.contract import schemas
from camchex.contract.labels import LabelParams
from camchex.errors import DataError
from camchex.sources.csv.lookup import positions, require_agreement, require_disjoint, values_of
from camchex.sources.mimic import cxr_lt, mimic_cxr
from camchex.sources.mimic.mimic_views import RULES
from camchex.sources.params import MIMIC

NO_SPLIT = "none"
SIZES = {"images": "image_id", "studies": "study_id", "patients": "patient_id"}


@dataclass(frozen=True)
class MimicFiles:
    """The published tables.

    Attributes:
        metadata: MIMIC-CXR-JPG's, as are the next two.
        split: The official split.
        chexpert: Labels.
        cxr_lt: CXR-LT's file by split.
        other_tests: Its test files of other releases, by the name under which they are counted.
    """

    metadata: Path
    split: Path
    chexpert: Path
    cxr_lt: Mapping[str, Path]
    other_tests: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class MimicTables:
    """The canonical tables, with the labels of the chosen space.

    Attributes:
        images: ``schemas.IMAGES``.
        labels: ``schemas.labels``: one row per image that is in a split.
        studies: ``schemas.STUDIES``.
        mimic14: ``schemas.study_labels(MIMIC_14)``, as published.
    """

    images: pa.Table
    labels: pa.Table
    studies: pa.Table
    mimic14: pa.Table


def read_mimic(files: MimicFiles, folder: str, params: LabelParams) -> tuple[MimicTables, Counts]:
    """Read MIMIC-CXR-JPG and the labels of its images.

    Args:
        files: Where the tables lie; CXR-LT's are not read if neither labels nor splits are its.
        folder: MIMIC-CXR-JPG's folder below data.root.
        params: Which labels and which splits.

    Returns:
        The tables, and what was counted on the way (aggregates).

    Raises:
        DataError: If the tables contradict each other: a labelled image that MIMIC-CXR-JPG does not
            have, images of a study with different labels, a patient in two splits.

    Source: docs/method.md, sections 2, 4, 10.6 and 10.7.
    """
    images, studies = mimic_cxr.read_metadata(files.metadata, folder)
    official = mimic_cxr.read_official_split(files.split)
    mimic14 = mimic_cxr.read_mimic14(files.chexpert)
    challenge = _read_cxr_lt(files, params)
    chosen = official if challenge is None or params.splits == "official" else challenge
    if challenge is None or params.space == "mimic-14":
        labelled = mimic14_labels(images, chosen, mimic14)
    else:
        labelled = _in_split(challenge, chosen)
    origin = {split: str(path) for split, path in files.cxr_lt.items()}
    if params.splits == "official":
        origin = {split: f"{files.split} ({split})" for split in origin}
    for key in ("image_id", "study_id", "patient_id"):
        require_disjoint(labelled, key, origin)
    require_known(labelled, images, files.metadata, origin)
    require_agreement(labelled, params.classes, ", ".join(origin.values()))
    split = values_of(studies["study_id"], labelled, "study_id", "split")
    tables = MimicTables(
        images=images,
        labels=_labels(labelled, params.classes),
        studies=studies.set_column(studies.column_names.index("split"), "split", split),
        mimic14=mimic14,
    )
    shared = {name: shared_with_training(labelled, p) for name, p in files.other_tests.items()}
    return tables, {
        **count(tables, labelled, official, params.classes),
        "other_tests_in_training": shared,
    }


def _read_cxr_lt(files: MimicFiles, params: LabelParams) -> pa.Table | None:
    """CXR-LT's labels and splits; None if neither is wanted."""
    if not params.reads_cxr_lt:
        return None
    classes = () if params.space == "mimic-14" else params.classes
    challenge = cxr_lt.read_splits(files.cxr_lt, classes)
    origin = {split: str(path) for split, path in files.cxr_lt.items()}
    require_disjoint(challenge, "image_id", origin)
    return challenge


def _in_split(labelled: pa.Table, splits: pa.Table) -> pa.Table:
    """Labelled images with the split that another table says; without those in none."""
    split = values_of(labelled["image_id"], splits, "image_id", "split")
    column = labelled.column_names.index("split")
    return labelled.set_column(column, "split", split).filter(pc.is_valid(split))


def shared_with_training(labelled: pa.Table, path: Path) -> Counts:
    """Images, studies and patients of another release's test file that are trained on.

    Args:
        labelled: image_id, study_id, patient_id and split.
        path: A file of CXR-LT.

    Source: docs/method.md, section 10.6 (the splits of 2023 and 2024 cross).
    """
    other = cxr_lt.read_ids(path)
    train = labelled.filter(pc.equal(labelled["split"], "train"))
    counted = {}
    for plural, key in SIZES.items():
        ids = other[key].combine_chunks().unique()
        found = pc.is_valid(positions(ids, train[key]))
        counted[plural] = {"in_all": len(ids), "in_training": pc.sum(found).as_py() or 0}
    return counted


def mimic14_labels(images: pa.Table, official: pa.Table, mimic14: pa.Table) -> pa.Table:
    """Label the images of the official splits by the CheXpert labeler.

    A finding that a report does not mention is taken to be absent (0), an uncertain one is unknown
    (null), and so is all of a study that has no labels.

    Returns:
        As ``cxr_lt.read_splits``.

    Source: docs/method.md, section 4.4 (recommended).
    """
    split = values_of(images["image_id"], official, "image_id", "split")
    kept = images.select(["image_id", "patient_id", "study_id"]).append_column("split", split)
    kept = kept.filter(pc.is_valid(split))
    row = positions(kept["study_id"], mimic14["study_id"])
    for name in mimic14.column_names[1:]:
        known = pc.fill_null(mimic14[name], 0).cast(pa.float32())
        known = pc.if_else(pc.equal(known, -1), pa.scalar(None, pa.float32()), known)
        kept = kept.append_column(name, known.combine_chunks().take(row))
    return kept


def require_known(
    labelled: pa.Table, images: pa.Table, metadata: Path, origin: dict[str, str]
) -> None:
    """Check that every labelled image is one of MIMIC-CXR-JPG, of the same study and patient.

    Raises:
        DataError: Naming the image and the files.
    """
    for key in ("study_id", "patient_id"):
        published = values_of(labelled["image_id"], images, "image_id", key)
        wrong = pc.fill_null(
            pc.not_equal(published, labelled[key].combine_chunks()), fill_value=True
        )
        row = pc.index(wrong, True).as_py()
        if row < 0:
            continue
        image, split, found = (labelled[c][row].as_py() for c in ("image_id", "split", key))
        where = f"{origin[split]}: image {image} of {key.removesuffix('_id')} {found}"
        if not published[row].is_valid:
            raise DataError(
                f"{where} is an image without study: {metadata} does not list it "
                f"({pc.sum(pc.is_null(published)).as_py()} such images). Is either file incomplete?"
            )
        raise DataError(f"{where}, which in {metadata} is of {published[row].as_py()}.")


def count(
    tables: MimicTables, labelled: pa.Table, official: pa.Table, classes: tuple[str, ...]
) -> Counts:
    """Count what was read: aggregates, small cells not yet hidden."""
    images, studies = tables.images, tables.studies
    split = pc.fill_null(values_of(images["image_id"], labelled, "image_id", "split"), NO_SPLIT)
    theirs = pc.fill_null(values_of(images["image_id"], official, "image_id", "split"), NO_SPLIT)
    in_split = pa.table({n: images[n] for n in ("study_id", "patient_id")} | {"split": split})
    positive = {
        s: labelled.filter(pc.equal(labelled["split"], s)) for s in ("train", "development", "test")
    }
    unlabelled = pc.is_null(positions(studies["study_id"], tables.mimic14["study_id"]))
    unseen = pc.is_null(positions(tables.mimic14["study_id"], studies["study_id"]))
    unlisted = pc.is_null(positions(official["image_id"], images["image_id"]))
    return {
        "images": images.num_rows,
        "studies": studies.num_rows,
        "patients": pc.count_distinct(studies["patient_id"]).as_py(),
        "views": _views(images),
        "splits": {s: _sizes(in_split.filter(pc.equal(split, s))) for s in (*positive, NO_SPLIT)},
        # The two splits cross: whoever scores the official test patients must leave out those
        # that were trained on.
        "patients_by_official_split": _patients(images["patient_id"], split, theirs),
        "official_split_without_image": pc.sum(unlisted).as_py() or 0,
        "positive_images": {
            s: {name: int(pc.sum(part[name]).as_py() or 0) for name in classes}
            for s, part in positive.items()
        },
        "mimic14": {
            "studies": tables.mimic14.num_rows,
            "studies_without_labels": pc.sum(unlabelled).as_py(),
            "labels_without_study": pc.sum(unseen).as_py() or 0,
        },
    }


def _labels(labelled: pa.Table, classes: tuple[str, ...]) -> pa.Table:
    columns = {"dataset": pa.repeat(MIMIC, labelled.num_rows), "image_id": labelled["image_id"]}
    columns |= {name: labelled[name] for name in classes}
    return pa.table(columns).cast(schemas.labels(classes)).sort_by("image_id")


def _views(images: pa.Table) -> Counts:
    """Images by the rule that decided their view, and the view it decided."""
    seen = Counter(zip(images["view_source"].to_pylist(), images["view"].to_pylist(), strict=True))
    return {rule: {view: seen[rule, view] for view in ("frontal", "lateral")} for rule in RULES}


def _sizes(rows: pa.Table) -> Counts:
    return {
        "images": rows.num_rows,
        "studies": pc.count_distinct(rows["study_id"]).as_py(),
        "patients": pc.count_distinct(rows["patient_id"]).as_py(),
    }


def _patients(patients: pa.ChunkedArray, split: pa.Array, official: pa.Array) -> Counts:
    """Patients by split and official split."""
    together: dict[tuple[str, str], set[str]] = defaultdict(set)
    rows = zip(patients.to_pylist(), split.to_pylist(), official.to_pylist(), strict=True)
    for patient, ours, theirs in rows:
        together[ours, theirs].add(patient)
    names = ("train", "development", "test", NO_SPLIT)
    return {
        ours: {f"official_{theirs}": len(together[ours, theirs]) for theirs in names}
        for ours in names
    }
