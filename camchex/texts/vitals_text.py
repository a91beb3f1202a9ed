"""Vital signs as the one line of text that the model reads."""

from collections.abc import Callable, Mapping
from typing import Any

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
"""Canonical column and what Table A1 calls it, in its order."""
MISSING = "NA"


def vitals_text(values: Mapping[str, float | None], gender: str | None) -> str:
    """Write vital signs as Table A1 does: ``Temperature: 97.9 | ... | Gender: F``.

    Args:
        values: Canonical column of ``schemas.VITAL_SIGNS`` (unit in its name) to value; one that
            is left out, or None, reads ``NA``.
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
    fields = [f"{title}: {_number(values.get(name))}" for name, title in TITLES.items()]
    return " | ".join([*fields, f"Gender: {_gender(gender)}"])


def vitals_texts(vitals: pa.Table) -> pa.Array:
    """Write :func:`vitals_text` of every row.

    Args:
        vitals: The columns of ``schemas.VITAL_SIGNS``, and gender.

    Returns:
        Text, (N,).
    """
    columns = [_written(vitals[name], f"{title}: ", _number) for name, title in TITLES.items()]
    gender = _written(vitals["gender"], "Gender: ", _gender)
    return pc.binary_join_element_wise(*columns, gender, " | ")


def _written(column: pa.ChunkedArray, title: str, write: Callable[[Any], str]) -> pa.Array:
    """Write each distinct value once, since few are distinct and Arrow prints floats otherwise."""
    cells = column.combine_chunks().dictionary_encode(null_encoding="encode")
    written = [title + write(value) for value in cells.dictionary.to_pylist()]
    return pa.array(written, pa.string()).take(cells.indices)


def _number(value: float | None) -> str:
    return MISSING if value is None else str(float(value))


def _gender(value: str | None) -> str:
    return value or MISSING
