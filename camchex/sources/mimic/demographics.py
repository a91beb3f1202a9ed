"""Race and age of patients, from tables that may be there: no model reads either.

``edstays`` of MIMIC-IV-ED says a race at every stay; ``patients`` of MIMIC-IV, an age in one year.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from camchex.sources.csv.raw_table import read_csv
from camchex.sources.mimic.mimic_ids import mimic_ids

RACES = (
    ("white", r"^WHITE\b|^PORTUGUESE$"),
    ("black", r"^BLACK\b"),
    ("hispanic or latino", r"^HISPANIC\b|^SOUTH AMERICAN$"),
    ("asian", r"^ASIAN\b"),
    ("american indian or pacific islander", r"^AMERICAN INDIAN\b|^NATIVE HAWAIIAN\b"),
    ("other", r"^OTHER$|^MULTIPLE RACE"),
)
"""Broad groups of the published races, by how these begin. Another text is a group of its own."""
NOT_SAID = r"^(UNKNOWN|UNABLE TO OBTAIN|PATIENT DECLINED TO ANSWER)$"
SEVERAL = "said differently"
AGES = ((40, "under 40"), (60, "40 to 59"), (80, "60 to 79"))
OLDEST = "80 and over"


def race(path: Path, studies: pa.Table) -> list[str | None]:
    """Find the race of the patient of each study.

    All stays of a patient count, whenever they were, and those that say none do not.

    Args:
        path: ``edstays`` of MIMIC-IV-ED.
        studies: Has the ``patient_id`` of the N studies.

    Returns:
        A group of ``RACES``; ``SEVERAL`` where stays say different ones; None where none says any.

    Raises:
        DataError: At a cell that is no id, or if the columns are missing.
    """
    raw = read_csv(path, ["subject_id", "race"])
    said = pc.utf8_upper(raw.text("race"))
    group = pc.utf8_lower(said)
    for name, pattern in RACES:
        group = pc.if_else(pc.match_substring_regex(said, pattern), name, group)
    known = pc.and_kleene(pc.is_valid(said), pc.invert(pc.match_substring_regex(said, NOT_SAID)))
    patients = mimic_ids(raw, "patient_id")["patient_id"]
    rows = pa.table({"patient_id": patients, "race": group}).filter(known)
    found: dict[str, str] = {}
    for patient, one in zip(*(rows[name].to_pylist() for name in rows.column_names), strict=True):
        found[patient] = one if found.get(patient, one) == one else SEVERAL
    return [found.get(patient) for patient in studies["patient_id"].to_pylist()]


def age(path: Path, studies: pa.Table) -> list[str | None]:
    """Find the age of the patient of each study, when it was taken, as one of four groups.

    MIMIC-IV shifts a patient's dates, and says the age in one shifted year, so that an age may be
    off by a year. All that are over 89 have the same age there.

    Args:
        path: ``patients`` of MIMIC-IV.
        studies: ``schemas.STUDIES``, N rows.

    Returns:
        ``under 40``, ``40 to 59``, ``60 to 79`` or ``80 and over``; None for other patients.

    Raises:
        DataError: At a cell that is no id or no number, and at a patient listed twice.
    """
    raw = read_csv(path, ["subject_id", "anchor_age", "anchor_year"])
    patients = raw.unique(mimic_ids(raw, "patient_id")["patient_id"], "subject_id")
    born = pc.subtract(raw.numbers("anchor_year"), raw.numbers("anchor_age"))
    year_of_birth = dict(zip(patients.to_pylist(), born.to_pylist(), strict=True))
    years = pc.year(studies["study_time"]).to_pylist()
    return [
        None if (birth := year_of_birth.get(patient)) is None else age_group(year - birth)
        for patient, year in zip(studies["patient_id"].to_pylist(), years, strict=True)
    ]


def age_group(years: float) -> str:
    """Name the group of an age."""
    return next((name for end, name in AGES if years < end), OLDEST)


READERS: Mapping[str, Callable[[Path, pa.Table], list[str | None]]] = MappingProxyType(
    {"race": race, "age": age}
)
"""How each key of ``data.demographics`` is read."""
