"""Vital signs as the one line of text that the model reads."""

from collections.abc import Mapping

from camchex.errors import DataError
from camchex.schemas import VITAL_SIGNS

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
    return " | ".join([*fields, f"Gender: {gender or MISSING}"])


def _number(value: float | None) -> str:
    return MISSING if value is None else str(float(value))
