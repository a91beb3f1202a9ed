"""Numbers in the header of a DICOM file, or a reason that names the attribute."""

from collections.abc import Sequence
from reprlib import repr as short

from pydicom import Dataset

from camchex.images.unreadable import DECODER_ERRORS

LARGEST = 65_535  # of the value representation US, PS3.5 6.2


def number(dataset: Dataset, keyword: str) -> float | None:
    """Read the first value of an attribute; None if the attribute is absent or empty.

    Raises:
        ValueError: If the value is no finite number.
    """
    values = several(dataset, keyword)
    return finite(values[0], keyword) if values else None


def several(dataset: Dataset, keyword: str) -> list[object]:
    """Read every value of an attribute, of any type; none if the attribute is absent."""
    value = _value(dataset, keyword)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return list(value)
    return [] if value is None else [value]


def finite(value: object, keyword: str) -> float | None:
    """Turn one value of an attribute into a number; None if it is empty.

    Raises:
        ValueError: If it is no finite number.
    """
    if value is None or value == "":
        return None
    try:
        found = float(value)  # type: ignore[arg-type]  # of any type: that is what is tested
    except (TypeError, ValueError, OverflowError):
        found = float("nan")
    if not abs(found) < float("inf"):
        raise ValueError(f"{keyword} is {short(value)}, not a number")
    return found


def whole_number(dataset: Dataset, keyword: str, largest: int = LARGEST) -> int:
    """Read the only value of an attribute, from 0 to ``largest``.

    Raises:
        ValueError: If the attribute is absent, empty or anything else.
    """
    value, found = _value(dataset, keyword), None
    if not isinstance(value, Sequence) or isinstance(value, str):
        found = number(dataset, keyword)
    if found is None or not found.is_integer() or not 0 <= found <= largest:
        text = "missing" if value is None else short(value)
        raise ValueError(f"{keyword} is {text}, not a whole number up to {largest}")
    return int(found)


def text(dataset: Dataset, keyword: str) -> str:
    """Read the first code of PS3.3 in an attribute, in capitals; empty if it is absent."""
    values = several(dataset, keyword)
    return str(values[0]).strip().upper() if values else ""


def _value(dataset: Dataset, keyword: str) -> object:
    try:
        value: object = dataset.get(keyword)  # converted only now
    except DECODER_ERRORS as error:
        raise ValueError(f"{keyword} cannot be read: {error}") from error
    return value
