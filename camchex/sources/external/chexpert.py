"""CheXpert: 223,414 frontal and lateral images with 14 labels mined from their reports."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract.labels import MIMIC_14
from camchex.sources.csv.lookup import positions, repeated, require_known_columns
from camchex.sources.csv.matches import require_matches
from camchex.sources.csv.raw_table import RawTable, read_csv, read_header
from camchex.sources.external.label_map import (
    Classes,
    KnownLabels,
    OfficialTest,
    alike,
    known_classes,
    without_contradictions,
)
from camchex.sources.params import LabelPolicy

CLASSES = alike(*MIMIC_14)  # one labeler made both; CXR-LT names them alike
NOT_LABELS = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA")
MEANING = {"unknown": None, "positive": True, "negative": False}
IMAGE = r"(?:^|/)patient\d+/study\d+/[^/]+$"
NAMED_VIEW = r"_(?P<view>frontal|lateral)\.[^.]+$"
BATCH = re.compile(r"CheXpert-v1\.0 batch \d+ \((\w+).*\)")  # one of the four that Stanford ships
PARTS = {"train": "train", "valid": "valid", "validate": "valid", "test": "test"}
"""Part of an image by the last folder above its patient, or by the word in the name of a batch."""
RELEASES = ("", "CheXpert-v1.0/", "CheXpert-v1.0-small/")
OFFICIAL_TEST = ("valid", "test")
ENTRY = "CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg"


def image_columns(table: Path, folder: Path) -> dict[str, pa.Array | str]:
    """Read columns of ``schemas.IMAGES``; an image's id is its part (train, ...) and what follows.

    Files lie in ``train``, ``valid`` and ``test`` of any release, or in the batches that Stanford
    ships: ``CheXpert-v1.0 batch 2 (train 1)/patient00001``, with or without ``train`` between.

    Raises:
        DataError: At a path that is not CheXpert's, an image listed twice (as v1.0 and as -small,
            or as .jpg and .png, for example), or a view that is neither frontal nor lateral, or not
            that of the file's name.
    """
    raw = read_csv(table, ["Path", "Frontal/Lateral", "AP/PA"])
    parts = _parts(raw)
    view = pc.utf8_lower(raw.choices("Frontal/Lateral", ("Frontal", "Lateral")))
    named = pc.struct_field(pc.extract_regex(pc.utf8_lower(parts["file"]), NAMED_VIEW), "view")
    contradicts = pc.fill_null(pc.not_equal(named.combine_chunks(), view), fill_value=False)
    raw.refuse(contradicts, "Frontal/Lateral", "the view that the name of the file in Path says")
    return {
        "image_id": _joined(parts, ["part", "file"]),
        "patient_id": parts["patient"],
        "study_id": parts["study"],
        "view_position": raw.text("AP/PA"),
        "view": view,
        "view_source": "Frontal/Lateral",
        "path": _paths(folder, parts),
    }


def published_classes(_table: Path) -> Mapping[str, Classes]:
    """Return ``CLASSES``, which holds for every table of CheXpert."""
    return CLASSES


def known_labels(table: Path, mapping: Mapping[str, Classes], policy: LabelPolicy) -> KnownLabels:
    """Read ids, and 1 and 0 as published; uncertain (-1) and blank are what the policy says.

    No Finding is never 0 in the published table: see ``label_map.imply_no_finding``.

    Raises:
        DataError: At a label other than 1, 0, -1 and blank, or a column that may be a new label.

    Source: docs/method.md, section 5; paper section 3.1 (uncertain and blank: predicted).
    """
    require_known_columns(read_header(table), (*NOT_LABELS, *CLASSES), str(table))
    raw = read_csv(table, ["Path", *CLASSES])
    uncertain, unmentioned = (
        pa.scalar(MEANING[value], pa.bool_()) for value in (policy.uncertain, policy.unmentioned)
    )
    findings = {}
    for name in CLASSES:
        published = raw.labels(name, (1, 0, -1, None))
        present = pc.if_else(pc.equal(published, -1), uncertain, pc.equal(published, 1))
        findings[name] = pc.if_else(pc.is_null(published), unmentioned, present)
    said, taken_back = without_contradictions(findings)
    return KnownLabels(
        _joined(_parts(raw), ["part", "file"]), known_classes(said, mapping), taken_back
    )


def official_test(images: pa.Table, table: Path, test_list: Path) -> OfficialTest:
    """Return the patients of ``valid`` and ``test``, and those of a further table of these.

    Args:
        images: image_id and patient_id of the table, (N,).
        table: ``train.csv``.
        test_list: The table itself, or one of the parts that are no training: ``valid.csv``.

    Raises:
        DataError: At a path that is not CheXpert's, or if the list and the table have parts in
            common, and of these (almost) no image.
    """
    part = pc.list_element(pc.split_pattern(images["image_id"], "/", max_splits=1), 0)
    held = images.filter(pc.is_in(part, pa.array(OFFICIAL_TEST)))["patient_id"]
    if test_list == table:
        return OfficialTest(held.unique(), 0)
    parts = _parts(read_csv(test_list, ["Path"]))
    image_id = _joined(parts, ["part", "file"])
    # Of parts that the table lacks, as ``valid`` of train.csv, no image is in it, and rightly so.
    shared = pc.is_in(parts["part"].combine_chunks(), pc.unique(part))
    listed = pa.table({"image_id": image_id}).filter(shared)
    of_parts = images.filter(pc.is_in(part, pc.unique(parts["part"])))
    require_matches((test_list, listed), (table, of_parts), ["image_id"])
    patients = pa.chunked_array([*held.chunks, *parts["patient"].chunks]).unique()
    return OfficialTest(patients, positions(image_id, images["image_id"]).null_count)


def _parts(raw: RawTable) -> pa.Table:
    """Take paths apart: part (train, valid, test), patient, study, and file below the part."""
    path = raw.ids("Path")
    raw.refuse(pc.invert(pc.match_substring_regex(path, IMAGE)), "Path", ENTRY)
    rooted = pc.binary_join_element_wise("", path, "/")
    pieces = pc.split_pattern(rooted, "/", max_splits=3, reverse=True)
    above, patient, study, file = (pc.list_element(pieces, i) for i in range(4))
    above = above.dictionary_encode()  # few are distinct
    part = pa.array([_part(name) for name in above.dictionary.to_pylist()], pa.string())
    part = part.take(above.indices)
    raw.refuse(pc.is_null(part), "Path", ENTRY)
    study = pc.binary_join_element_wise(patient, study, "/")
    below = pc.binary_join_element_wise(study, file, "/")
    parts = pa.table({"part": part, "patient": patient, "study": study, "file": below})
    once = "every image in one row only, whatever its release and the end of its name are"
    stem = pc.replace_substring_regex(_joined(parts, ["part", "file"]), r"\.[^./]*$", "")
    raw.refuse(repeated(stem), "Path", once)
    return parts


def _part(folder: str) -> str | None:
    """Part of the images below a folder, or None if it is not CheXpert's."""
    last = folder.rpartition("/")[2]
    batch = BATCH.fullmatch(last)
    return PARTS.get(batch[1] if batch else last)


def _paths(folder: Path, parts: pa.Table) -> pa.Array:
    """Find the folder of each patient; where there is none, it is expected below the part."""
    releases = [release for release in RELEASES if (folder / release).is_dir()]
    batches = sorted(path.name for path in folder.glob("CheXpert-v1.0 batch *"))
    found: dict[str, str] = {}
    for part in pc.unique(parts["part"]).to_pylist():
        own = [name for name in batches if _part(name) == part]
        named = (f"{place}{part}" for place in (*releases, *(f"{name}/" for name in own)))
        for place in (*named, *own):
            if (folder / place).is_dir():
                for entry in os.scandir(folder / place):
                    found.setdefault(f"{part}/{entry.name}", place)
    patient = _joined(parts, ["part", "patient"])
    every = pc.unique(patient)
    places = [found.get(name, name.partition("/")[0]) for name in every.to_pylist()]
    place = pa.array(places, pa.string()).take(pc.index_in(patient, value_set=every))
    return pc.binary_join_element_wise(place, parts["file"].combine_chunks(), "/")


def _joined(parts: pa.Table, names: Sequence[str]) -> pa.Array:
    return pc.binary_join_element_wise(*(parts[n].combine_chunks() for n in names), "/")
