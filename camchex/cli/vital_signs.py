"""Vital signs as typed on the command line."""

import math

from camchex.errors import DataError


def parse_vital_signs(text: str) -> dict[str, float]:
    """Read ``temperature=101.2,o2sat=91`` as numbers by canonical column.

    Raises:
        DataError: If a name is unknown or given twice, or a value is not above 0 or looks like
            degrees Celsius.
    """
    from camchex.contract.schemas import VITAL_SIGNS
    from camchex.vitals.plausible import CELSIUS

    canonical = {published: name for name, published in VITAL_SIGNS.items()}
    values: dict[str, float] = {}
    for item in text.split(",") if text else []:
        name, _, number = (part.strip() for part in item.partition("="))
        if name not in canonical or canonical[name] in values:
            raise DataError(f"--vitals: {item!r}: expected each of {', '.join(canonical)} once")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not 0 < value < math.inf:
            raise DataError(
                f"--vitals: {name}={number}: expected a number above 0; leave out unknowns"
            )
        if name == "temperature" and CELSIUS[0] <= value <= CELSIUS[1]:
            raise DataError(
                f"--vitals: {name}={number} looks like degrees Celsius. "
                f"In Fahrenheit that is {name}={value * 1.8 + 32:.1f}."
            )
        values[canonical[name]] = value
    return values
