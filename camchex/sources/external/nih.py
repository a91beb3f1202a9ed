"""NIH ChestX-ray14: 112,120 frontal images with 14 findings mined from their reports."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract.labels import NO_FINDING
from camchex.sources.csv.lookup import repeated, values_of
from camchex.sources.csv.matches import require_matches
from camchex.sources.csv.raw_table import RawTable, read_csv
from camchex.sources.external.image_files import image_paths, read_names
from camchex.sources.external.label_map import (
    Classes,
    KnownLabels,
    OfficialTest,
    alike,
    known_classes,
    without_contradictions,
)
from camchex.sources.params import LabelPolicy

CLASSES: dict[str, Classes] = {
    **alike("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Emphysema", "Fibrosis"),
    **alike("Hernia", "Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax", NO_FINDING),
    "Effusion": ("Pleural Effusion",),
    "Pleural_Thickening": ("Pleural Thickening",),
}
"""Classes by published name (docs/method.md, section 5)."""
NUMBERED = r"^(?P<patient>\d+)_\d+\.\w+$"  # the published name of an image


def image_columns(table: Path, folder: Path) -> dict[str, pa.Array | str]:
    """Read columns of ``schemas.IMAGES``; files lie in ``images``, ``images_001/images`` and so on.

    The published numbers of pixels are left out: those of the original, not of the file.

    Raises:
        DataError: At an image listed twice (as .png and .jpg, for example), a patient who is not
            the one of the image's name or is written in two ways, or a view position other than PA
            and AP.
    """
    raw = read_csv(table, ["Image Index", "Patient ID", "View Position"])
    image_id = raw.unique_ids("Image Index")
    stem = pc.replace_substring_regex(image_id, r"\.[^.]*$", "")
    raw.refuse(
        repeated(stem), "Image Index", "every image in one row only, whatever its name ends in"
    )
    parts = sorted(path.name for path in folder.glob("images_*"))
    places = ["images", *(f"{part}/images" for part in parts), *parts]
    return {
        "image_id": image_id,
        "patient_id": _patients(raw, image_id),
        "study_id": image_id,
        "view_position": raw.choices("View Position", ("PA", "AP")),
        "view": "frontal",
        "view_source": "View Position",
        "path": image_paths(folder, image_id, places),
    }


def _patients(raw: RawTable, image_id: pa.Array) -> pa.Array:
    """Return the patients: 13 has the images 00000013_000.png and so on."""
    written = raw.ids("Patient ID")
    number, named = (
        pc.replace_substring_regex(values, r"^0+(\d)", r"\1")
        for values in (written, pc.struct_field(pc.extract_regex(image_id, NUMBERED), "patient"))
    )
    other = pc.fill_null(pc.not_equal(number, named), fill_value=False)
    raw.refuse(other, "Patient ID", "the patient whom the name in Image Index begins with")
    first = written.take(pc.index_in(number, value_set=number))
    raw.refuse(pc.not_equal(written, first), "Patient ID", "each patient written in one way")
    return written


def published_classes(_table: Path) -> Mapping[str, Classes]:
    """Return ``CLASSES``, which holds for every table of ChestX-ray14."""
    return CLASSES


def known_labels(table: Path, mapping: Mapping[str, Classes], _policy: LabelPolicy) -> KnownLabels:
    """Read ids, and 1 where a finding is named, else 0.

    Raises:
        DataError: At a finding that is not one of ``CLASSES``.
    """
    raw = read_csv(table, ["Image Index", "Finding Labels"])
    cells = raw.text("Finding Labels")
    known = [c for c in pc.unique(cells).drop_null().to_pylist() if set(c.split("|")) <= {*CLASSES}]
    raw.refuse(
        pc.invert(pc.is_in(cells, pa.array(known, pa.string()))),
        "Finding Labels",
        f"any of {', '.join(CLASSES)} joined by |",
    )
    named = pc.split_pattern(cells, "|")
    row, finding = pc.list_parent_indices(named), pc.list_flatten(named)
    rows = pa.array(range(len(named)), pa.int64())
    findings = {name: pc.is_in(rows, pc.filter(row, pc.equal(finding, name))) for name in CLASSES}
    said, taken_back = without_contradictions(findings)
    return KnownLabels(raw.unique_ids("Image Index"), known_classes(said, mapping), taken_back)


def official_test(images: pa.Table, table: Path, test_list: Path) -> OfficialTest:
    """Return the patients of the images that ``test_list.txt`` names; none if it is the table.

    Args:
        images: image_id and patient_id of the table, (N,).
        table: ``Data_Entry_2017_v2020.csv``.
        test_list: One name of an image per line.

    Raises:
        DataError: If the list is missing or damaged, or of its names (almost) none is an image of
            the table, and of the images of the table (almost) none is named.
    """
    if test_list == table:
        return OfficialTest(pa.array([], pa.string()), 0)
    listed = read_names(test_list)
    if not len(listed):
        return OfficialTest(listed, 0, empty_list=True)
    require_matches((test_list, pa.table({"image_id": listed})), (table, images), ["image_id"])
    patients = values_of(listed, images, "image_id", "patient_id")
    return OfficialTest(patients.drop_null().unique(), patients.null_count)
