"""Identifiers of MIMIC: whole numbers, which may stand behind the letter of MIMIC-CXR's folders."""

import pyarrow as pa

from camchex.sources.csv.raw_table import RawTable

PUBLISHED = {
    "patient_id": ("subject_id", "p"),  # files/p10/p10000032
    "study_id": ("study_id", "s"),  # s50414267, as CXR-LT 2024 writes every study
    "stay_id": ("stay_id", ""),
}
"""Column of each id in every table of MIMIC, and the letter that its numbers may have."""


def mimic_ids(raw: RawTable, *names: str) -> dict[str, pa.Array]:
    """Read ids by canonical name, without letter, so that those of every table match.

    Raises:
        DataError: At a cell that is no such number: no id of MIMIC is missing.
    """
    return {name: raw.whole_ids(*PUBLISHED[name]) for name in names}
