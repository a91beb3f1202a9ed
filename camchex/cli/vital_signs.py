"""Vital signs as typed on the command line."""

import math

from camchex.errors import DataError


def parse_vital_signs(text: str) -> dict[str, float]:
    """Read ``temperature=101.2,o2sat=91`` as numbers by canonical column.

    Raises:
        DataError: If a name is unknown or given twice, or a value is in another unit or cannot be
            right.
    """
    from camchex.contract.schemas import VITAL_SIGNS
    from camchex.vitals.plausible import require_measurement, require_pressures

    canonical = {published: name for name, published in VITAL_SIGNS.items()}
    values: dict[str, float] = {}
    for item in text.split(",") if text else []:
        name, _, number = (part.strip() for part in item.partition("="))
        if name not in canonical or canonical[name] in values:
            raise DataError(f"--vitals: {item!r}: expected each of {', '.join(canonical)} once")
        try:
            # Python also reads 1_0, and digits of other scripts.
            value = float(number) if number.isascii() and "_" not in number else math.nan
        except ValueError:
            value = math.nan
        require_measurement(canonical[name], value, f"--vitals: {name}={number}")
        values[canonical[name]] = value
    require_pressures(values)
    return values
