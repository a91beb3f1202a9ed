"""CSV files, plain or compressed, whose bytes only depend on their rows."""

import csv
import gzip
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows under a header; a column that a row lacks is blank.

    Args:
        path: Compressed if it ends with ``.gz``; its folder is made.
        columns: The header.
        rows: Values by column.

    Raises:
        ValueError: If a row has a column that the header lacks.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    content = text.getvalue().encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
