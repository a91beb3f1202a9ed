"""MIMIC-CXR-JPG and the labels learnt from it, joined and checked against each other."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from camchex.aggregates.small_cells import Counts
from camchex.contract import schemas
from camchex.contract.labels import MIMIC_14, NO_FINDING, NORMAL, LabelParams
from camchex.contract.rules import LEAST_SHARE
from camchex.contract.schemas import MIMIC, SPLITS
from camchex.contract.tables import require_disjoint_patients
from camchex.errors import DataError
from camchex.sources.csv.lookup import any_known, image_counts, positions, values_of
from camchex.sources.csv.matches import Named, require_matches
from camchex.sources.csv.no_finding import contradicted
from camchex.sources.mimic import cxr_lt, mimic_cxr
from camchex.sources.mimic.mimic_views import RULES

NO_SPLIT = "none"
ODDITIES = ("view_position_against_view_code", "view_position_unknown", "studies_of_over_a_day")


@dataclass(frozen=True)
class MimicFiles:
    """The published tables of MIMIC-CXR-JPG and CXR-LT."""

    metadata: Path  # MIMIC-CXR-JPG: one row per image
    split: Path  # MIMIC-CXR-JPG: the official split
    chexpert: Path  # MIMIC-CXR-JPG: labels per study, by the CheXpert labeler
    cxr_lt: Mapping[str, Path]  # CXR-LT: the file of each split
    # CXR-LT: test files of other releases, by the name they are counted under
    other_tests: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class MimicTables:
    """The canonical tables, with labels of the chosen space."""

    images: pa.Table  # schemas.IMAGES
    labels: pa.Table  # schemas.labels: one row per image that is in a split
    studies: pa.Table  # schemas.STUDIES
    mimic14: pa.Table  # schemas.study_labels(MIMIC_14), as published, of these studies


def read_mimic(files: MimicFiles, folder: str, params: LabelParams) -> tuple[MimicTables, Counts]:
    """Read MIMIC-CXR-JPG and the labels of its images; CXR-LT only if labels or splits are its own.

    Returns:
        The tables, with paths that start with ``folder``, and what was counted in them (aggregates,
        small cells not hidden).

    Raises:
        DataError: If the tables contradict each other: a labelled image that MIMIC-CXR-JPG does not
            have, images of a study with different labels, a patient in two splits.

    Source: docs/method.md, sections 2, 4, 10.6 and 10.7.
    """
    notes = Counter(dict.fromkeys(ODDITIES, 0))
    images, studies = mimic_cxr.read_metadata(files.metadata, folder, notes)
    official = mimic_cxr.read_official_split(files.split)
    mimic14 = mimic_cxr.read_mimic14(files.chexpert)
    require_matches((files.split, official), (files.metadata, images), ["image_id"])
    require_matches((files.chexpert, mimic14), (files.metadata, studies), ["study_id"])
    mimic_cxr.require_same_ids((files.split, files.chexpert), images)
    by_labeler = params.space == "mimic-14"
    chosen = official
    if params.reads_cxr_lt:
        challenge = cxr_lt.read_splits(files.cxr_lt, () if by_labeler else params.classes)
        require_matches(
            (", ".join(map(str, files.cxr_lt.values())), challenge),
            (files.metadata, images),
            ["image_id"],
        )
        chosen = challenge if params.splits == "cxr-lt" else official
    labelled = label_by_report(images, mimic14) if by_labeler else challenge.drop_columns("split")
    split = values_of(labelled["image_id"], chosen, "image_id", "split")
    labelled = labelled.append_column("split", split).filter(pc.is_valid(split))
    by_cxr_lt = params.splits == "cxr-lt"
    origin = {n: str(p) if by_cxr_lt else f"{files.split} ({n})" for n, p in files.cxr_lt.items()}
    require_disjoint_patients(labelled, origin)
    require_known_images(labelled, images, files.metadata, origin)
    if by_labeler:
        require_known_labels(labelled, params.classes, files.chexpert)
    split = values_of(studies["study_id"], labelled, "study_id", "split")
    labels = labelled.append_column("dataset", pa.repeat(MIMIC, labelled.num_rows))
    schema = schemas.labels(params.classes)
    tables = MimicTables(
        images=images,
        labels=labels.select(schema.names).cast(schema).sort_by("image_id"),
        studies=studies.set_column(studies.column_names.index("split"), "split", split),
        mimic14=mimic14,
    )
    counts = count(tables, labelled, official, params.classes)
    of_these = pc.is_valid(positions(mimic14["study_id"], studies["study_id"]))
    tables = replace(tables, mimic14=mimic14.filter(of_these))
    return tables, {
        **counts,
        **notes,
        "other_tests_in_training": {
            name: shared_with_training(labelled, path, (files.metadata, images))
            for name, path in files.other_tests.items()
        },
    }


def shared_with_training(labelled: pa.Table, path: Path, images: Named) -> Counts:
    """Count the images, studies and patients of another release's test file that are trained on.

    Source: docs/method.md, section 10.6 (the splits of 2023 and 2024 cross).
    """
    other = cxr_lt.read_ids(path)
    require_matches((path, other), images, ["image_id"])
    train = labelled.filter(pc.equal(labelled["split"], "train"))
    counted = {}
    for plural, key in (
        ("images", "image_id"),
        ("studies", "study_id"),
        ("patients", "patient_id"),
    ):
        ids = other[key].unique()
        there = len(ids) - positions(ids, train[key]).null_count
        counted[plural] = {"in_all": len(ids), "in_training": there}
    return counted


def label_by_report(images: pa.Table, mimic14: pa.Table) -> pa.Table:
    """Label images as the CheXpert labeler read the report of their study.

    A finding that a report does not mention counts as absent (0). An uncertain finding is unknown
    (null), as is every finding of a study without labels. No Finding is 0 beside a finding.

    Returns:
        image_id, patient_id, study_id and one float32 column per class, one row per image.

    Source: docs/method.md, section 4.4 (recommended).
    """
    labelled = images.select(["image_id", "patient_id", "study_id"])
    row = positions(images["study_id"], mimic14["study_id"])
    wrong = contradicted({name: mimic14[name] for name in MIMIC_14})
    consistent = pc.if_else(wrong, pa.scalar(0, pa.int8()), mimic14[NO_FINDING])
    at = mimic14.column_names.index(NO_FINDING)
    mimic14 = mimic14.set_column(at, NO_FINDING, consistent)
    for name in mimic14.column_names[1:]:
        known = pc.fill_null(mimic14[name], 0).cast(pa.float32())
        known = pc.if_else(pc.equal(known, -1), pa.scalar(None, pa.float32()), known)
        labelled = labelled.append_column(name, known.combine_chunks().take(row))
    return labelled


def require_known_labels(labelled: pa.Table, classes: Iterable[str], chexpert: Path) -> None:
    """Check that ``LEAST_SHARE`` or more of the images in a split have a label that is known.

    Raises:
        DataError: Naming the file of the labels.
    """
    number = int(pc.sum(any_known(labelled, classes)).as_py() or 0)
    if number < LEAST_SHARE * labelled.num_rows:
        raise DataError(
            f"{chexpert}: of {labelled.num_rows:,} images in a split, {number:,} have a known "
            "label. Is it the file of this release?"
        )


def require_known_images(
    labelled: pa.Table, images: pa.Table, metadata: Path, origin: Mapping[str, str]
) -> None:
    """Check that every labelled image is one of MIMIC-CXR-JPG, of the same study and patient.

    Raises:
        DataError: Naming the image, the file of the images and that of the image's split.
    """
    for key in ("study_id", "patient_id"):
        published = values_of(labelled["image_id"], images, "image_id", key)
        same = pc.equal(published, labelled[key].combine_chunks())
        row = pc.index(pc.fill_null(same, fill_value=False), value=False).as_py()
        if row < 0:
            continue
        image, split, found = (labelled[c][row].as_py() for c in ("image_id", "split", key))
        where = f"{origin[split]}: image {image} of {key.removesuffix('_id')} {found}"
        if not published[row].is_valid:
            raise DataError(
                f"{where} is an image without study: {metadata} does not list it "
                f"({published.null_count} such images). Is either file incomplete?"
            )
        raise DataError(f"{where}, which in {metadata} is of {published[row].as_py()}.")


def count(
    tables: MimicTables, labelled: pa.Table, official: pa.Table, classes: tuple[str, ...]
) -> Counts:
    """Count what was read: aggregates, small cells not yet hidden.

    Args:
        tables: What was read.
        labelled: image_id, split and one column per class, for the images in a split.
        official: image_id and official split.
        classes: The label space.
    """

    def lacking(table: pa.Table, within: pa.Table, key: str) -> int:
        return int(positions(table[key], within[key]).null_count)

    images, studies, mimic14 = tables.images, tables.studies, tables.mimic14
    ours, theirs = (
        pc.fill_null(values_of(images["image_id"], table, "image_id", "split"), NO_SPLIT)
        for table in (labelled, official)
    )
    placed = images.append_column("split", ours).append_column("official", theirs)
    pairs = placed.group_by(["split", "official"]).aggregate([("patient_id", "count_distinct")])
    patients = {(s, o): n for s, o, n in zip(*pairs.to_pydict().values(), strict=True)}
    views = Counter(zip(images["view_source"].to_pylist(), images["view"].to_pylist(), strict=True))
    names = (*SPLITS, NO_SPLIT)
    parts = {split: labelled.filter(pc.equal(labelled["split"], split)) for split in SPLITS}
    return {
        **image_counts(images),
        "views": {rule: {v: views[rule, v] for v in ("frontal", "lateral")} for rule in RULES},
        "splits": {s: image_counts(placed.filter(pc.equal(ours, s))) for s in names},
        # The two splits cross: whoever scores the official test patients must leave out those
        # that were trained on.
        "patients_by_official_split": {
            split: {f"official_{other}": patients.get((split, other), 0) for other in names}
            for split in names
        },
        "official_split_without_image": lacking(official, images, "image_id"),
        "positive_images": {
            split: {name: int(pc.sum(part[name]).as_py() or 0) for name in classes}
            for split, part in parts.items()
        },
        # Published labels stay as they are: a challenge scores them so.
        "no_finding_beside_a_finding": {
            split: {name: _contradictions(part, classes, name) for name in (NO_FINDING, NORMAL)}
            for split, part in parts.items()
        },
        "mimic14": {
            "studies": mimic14.num_rows,
            "no_finding_beside_a_finding": _contradictions(mimic14, MIMIC_14, NO_FINDING),
            "studies_without_labels": lacking(studies, mimic14, "study_id"),
            "blank_rows": int(pc.sum(pc.invert(any_known(mimic14, MIMIC_14))).as_py() or 0),
            "labels_without_study": lacking(mimic14, studies, "study_id"),
        },
    }


def _contradictions(labels: pa.Table, classes: Sequence[str], name: str) -> int:
    """Count the rows in which ``name`` excludes every finding, and a finding is positive."""
    if name not in classes:
        return 0
    return int(pc.sum(contradicted({n: labels[n] for n in classes}, name)).as_py() or 0)
