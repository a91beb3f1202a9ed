"""Zip files whose bytes only depend on what is in them."""

import zipfile
from collections.abc import Iterable
from pathlib import Path

LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip file can hold
PLAIN_FILE = 0o100644 << 16  # unpacked, it can be read by everybody


def write_zip(path: Path, texts: Iterable[tuple[str, str]]) -> None:
    """Write texts under their names, in their order.

    Args:
        path: Its folder is made.
        texts: Name within the archive, and content.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in texts:
            member = zipfile.ZipInfo(name, LONG_AGO)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 3  # Unix, whatever it is written on
            member.external_attr = PLAIN_FILE
            archive.writestr(member, text.encode())
