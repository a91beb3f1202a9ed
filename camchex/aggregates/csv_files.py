"""Aggregates as CSV files: rounded like the JSON ones, None as an empty cell."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path

from camchex.aggregates.results import DECIMALS

Row = Sequence[str | int | float | None]


def write_csv(header: Sequence[str], rows: Iterable[Row], path: Path) -> None:
    """Write one CSV file, floats rounded to ``DECIMALS``; its folder is made."""
    text = StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    for row in rows:
        table.writerow([round(v, DECIMALS) if isinstance(v, float) else v for v in row])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.getvalue())
