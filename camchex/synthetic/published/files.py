"""CSV and zip files whose bytes depend on nothing but what they hold."""

import csv
import gzip
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip file can hold
PLAIN_FILE = 0o100644 << 16  # unpacked, it can be read by everybody


def write_raw_table(
    path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]
) -> None:
    """Write rows under a header; a column that a row lacks is blank.

    Args:
        path: Compressed if the name ends with ``.gz``; its folder is made.
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


def write_zip(path: Path, texts: Iterable[tuple[str, str]]) -> None:
    """Write texts under their names, in their order.

    Args:
        path: The archive; its folder is made.
        texts: Name within the archive, and content.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in texts:
            member = zipfile.ZipInfo(name, LONG_AGO)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 3  # Unix, on whatever system the archive is written
            member.external_attr = PLAIN_FILE
            archive.writestr(member, text.encode())
