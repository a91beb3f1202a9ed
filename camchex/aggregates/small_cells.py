"""Aggregates of patients as they may be published: a small count reads ``<5``."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Counts = Mapping[str, "int | float | str | Share | Counts | None"]
PERCENTILES = (5, 25, 50, 75, 95, 99)
FEWEST = 100  # values: with fewer, the 99th percentile is the value of one patient


@dataclass(frozen=True)
class Share:
    """So many of so many: written as both the count and the fraction, or hidden as a whole."""

    count: int
    of: int


def write_counts(counts: Counts, path: Path, min_cell: int) -> None:
    """Write counts as JSON, in their order, with small cells hidden.

    Args:
        counts: Names to whole numbers, nested; anything else is written as it is.
        path: The file.
        min_cell: Smallest count above 0 that is shown (``evaluation.min_cell``).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(hide_small(counts, min_cell), indent=2) + "\n")


def hide_small(counts: Counts, min_cell: int) -> Counts:
    """Replace every whole number above 0 and below ``min_cell`` by ``<min_cell``.

    The share that such a number is of another is hidden with it.
    """
    return {name: _shown(value, min_cell) for name, value in counts.items()}


def _shown(
    value: int | float | str | Share | Counts | None, min_cell: int
) -> int | float | str | Share | Counts | None:
    if isinstance(value, Mapping):
        return hide_small(value, min_cell)
    if isinstance(value, Share):
        count = _shown(value.count, min_cell)
        hidden = count != value.count or not value.of
        return {"count": count, "share": None if hidden else round(value.count / value.of, 4)}
    if isinstance(value, int) and 0 < value < min_cell:
        return f"<{min_cell}"
    return value


def percentiles(values: Sequence[float]) -> Counts:
    """Spread of a quantity, in its own unit, to a tenth; nulls for fewer than ``FEWEST`` values."""
    if len(values) < FEWEST:
        return dict.fromkeys(f"p{q:02}" for q in PERCENTILES)
    return {f"p{q:02}": round(float(np.percentile(values, q)), 1) for q in PERCENTILES}
