"""Vital signs as the one line of text that the model reads."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract.schemas import VITAL_SIGNS
from camchex.errors import DataError

TITLES = {
    "temperature_f": "Temperature",
    "heart_rate_bpm": "Heart rate",
    "respiratory_rate_bpm": "Respiratory rate",
    "o2_saturation_pct": "O2 Saturation",
    "systolic_bp_mmhg": "Systolic BP",
    "diastolic_bp_mmhg": "Diastolic BP",
}
"""Title in Table A1 of each canonical column, in the order of that table."""
MISSING = "NA"


def vitals_text(values: Mapping[str, float | None], gender: str | None) -> str:
    """Write vital signs as Table A1 does: ``Temperature: 97.9 | ... | Gender: F``.

    Args:
        values: Value by canonical column of ``schemas.VITAL_SIGNS`` (unit in its name); a column
            that is left out, or None, reads ``NA``.
        gender: ``F`` or ``M``; None reads ``NA``.

    Returns:
        Seven fields in a fixed order. Numbers as Python prints a float, so ``109`` is ``109.0``.

    Raises:
        DataError: If a key is not a vital sign.

    Source:
        Paper Table A1; a missing value reads ``NA`` in the released code.
    """
    unknown = sorted(set(values) - set(VITAL_SIGNS))
    if unknown:
        raise DataError(f"{unknown} are no vital signs. Known: {', '.join(VITAL_SIGNS)}.")
    fields = [f"{title}: {_written(values.get(name))}" for name, title in TITLES.items()]
    return " | ".join([*fields, f"Gender: {_written(gender)}"])


def vitals_texts(vitals: pa.Table) -> pa.Array:
    """Write :func:`vitals_text` of every row.

    Args:
        vitals: The columns of ``schemas.VITAL_SIGNS``, and gender.

    Returns:
        Text, (N,).
    """
    columns = []
    for name, title in {**TITLES, "gender": "Gender"}.items():
        # Each distinct value is written once, since few are distinct.
        cells = vitals[name].combine_chunks().dictionary_encode(null_encoding="encode")
        written = [f"{title}: {_written(value)}" for value in cells.dictionary.to_pylist()]
        columns.append(pa.array(written, pa.string()).take(cells.indices))
    return pc.binary_join_element_wise(*columns, " | ")


def _written(value: float | str | None) -> str:
    if value is None or value == "":
        return MISSING
    return value if isinstance(value, str) else str(float(value))
