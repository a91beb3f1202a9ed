"""Aggregates as CSV files: rounded like the JSON ones, None as an empty cell."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path

from camchex.aggregates.results import DECIMALS
from camchex.contract.files import write_text

Row = Sequence[str | int | float | None]
Table = tuple[Sequence[str], Iterable[Row]]


def write_csv(header: Sequence[str], rows: Iterable[Row], path: Path) -> None:
    """Write one CSV file, floats rounded to ``DECIMALS``; its folder is made."""
    text = StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    for row in rows:
        table.writerow([round(v, DECIMALS) if isinstance(v, float) else v for v in row])
    write_text(path, text.getvalue())


def write_tables(tables: Mapping[str, Table], folder: Path) -> None:
    """Write tables of rows below a header into a folder, each as ``<name>.csv``."""
    for name, (header, rows) in tables.items():
        write_csv(header, rows, folder / f"{name}.csv")
