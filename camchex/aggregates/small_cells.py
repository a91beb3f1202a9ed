"""The privacy rule: which aggregates of patients may be published, and which are hidden.

A count above 0 and below ``min_cell`` (``evaluation.min_cell`` of params.yaml) is small and reads
``<5``. Everything that would tell a small count is hidden with it: a share of few, the score of a
class with few positives or negatives, the mean of a single such class, and the one other value
from which a total would give a single small one away. A count of 0 is no patient's and is shown;
a ``min_cell`` of 1 hides nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from camchex.contract.files import write_text

Counts = Mapping[str, "int | float | str | Share | Counts | None"]
PERCENTILES = (5, 25, 50, 75, 95, 99)
FEWEST = 100  # values: with fewer, the 99th percentile is the value of one patient


@dataclass(frozen=True)
class Share:
    """A count out of a larger one, published as the count and the fraction, or hidden as a whole.

    Attributes:
        count: The part.
        of: The whole.
    """

    count: int
    of: int


def is_small(count: int, min_cell: int) -> bool:
    """Whether a count may not be shown."""
    return 0 < count < min_cell


def shown_count(count: int, min_cell: int) -> int | str:
    """The count, or ``<min_cell`` where it is small."""
    return f"<{min_cell}" if is_small(count, min_cell) else count


def shown_share(part: int, whole: int, min_cell: int) -> float | None:
    """The part as a share of the whole; None where part or rest is small, or the whole is 0."""
    if not whole or is_small_class(part, whole - part, min_cell):
        return None
    return part / whole


def is_small_class(positives: int, negatives: int, min_cell: int) -> bool:
    """Whether a class has so few positives, or negatives, that it is not shown on its own."""
    return is_small(positives, min_cell) or is_small(negatives, min_cell)


def has_enough_of_both(positives: int, negatives: int, min_cell: int) -> bool:
    """Whether a class has positives and negatives, and enough of both to be shown on its own."""
    return min(positives, negatives) >= max(min_cell, 1)


def shown_positives(positives: int, negatives: int, min_cell: int) -> int | str:
    """Positives of a class; of a small class only on which side of a bound they are.

    Few positives read ``<min_cell``. Where the negatives are few, the positives read as more than
    the known labels less ``min_cell``, since an exact number would tell the negatives.
    """
    if is_small(positives, min_cell):
        return f"<{min_cell}"
    if is_small(negatives, min_cell):
        return f">{positives + negatives - min_cell}"
    return positives


def tells_one_small(small: Sequence[bool]) -> bool:
    """Whether a mean over classes is the score of a single small class.

    Args:
        small: For each class that the mean averages, whether it is small.
    """
    return len(small) == 1 and small[0]


def hidden_values(counts: Mapping[str, int], min_cell: int) -> set[str]:
    """The values of a characteristic that are left out: the small ones, and perhaps one more.

    If a single value is small, the total less the others would tell it, so that the smallest of
    the others is hidden too (complementary suppression).

    Args:
        counts: Studies by value, each above 0.
        min_cell: Smallest count that is shown.
    """
    small = {value for value, count in counts.items() if count < min_cell}
    rest = sorted((count, value) for value, count in counts.items() if value not in small)
    return small | {rest[0][1]} if len(small) == 1 and rest else small


def hide_small(counts: Counts, min_cell: int) -> Counts:
    """Replace every small count, at any depth, by ``<min_cell``; its share becomes None."""
    return {name: _shown(value, min_cell) for name, value in counts.items()}


def _shown(
    value: int | float | str | Share | Counts | None, min_cell: int
) -> int | float | str | Share | Counts | None:
    if isinstance(value, Mapping):
        return hide_small(value, min_cell)
    if isinstance(value, Share):
        hidden = is_small(value.count, min_cell) or not value.of
        share = None if hidden else round(value.count / value.of, 4)
        return {"count": shown_count(value.count, min_cell), "share": share}
    return shown_count(value, min_cell) if isinstance(value, int) else value


def write_counts(counts: Counts, path: Path, min_cell: int) -> None:
    """Write counts as JSON, in their order, with small ones hidden.

    Args:
        counts: Whole numbers and shares by name, nested; any other value is written as it is.
        path: The file; its folder is made.
        min_cell: Smallest count above 0 that is shown.
    """
    write_text(path, json.dumps(hide_small(counts, min_cell), indent=2) + "\n")


def percentiles(values: Sequence[float] | NDArray[np.float64]) -> Counts:
    """Percentiles of a quantity, in its own unit, to a tenth; None for fewer than ``FEWEST``."""
    if len(values) < FEWEST:
        return dict.fromkeys(f"p{q:02}" for q in PERCENTILES)
    found = np.percentile(values, PERCENTILES).tolist()
    return {f"p{q:02}": round(value, 1) for q, value in zip(PERCENTILES, found, strict=True)}
