"""Bytes of a published table, unpacked: what is no text is called by its name."""

import gzip
import zlib
from pathlib import Path

from camchex.errors import DataError

GZIP = b"\x1f\x8b"
NOT_TEXT = (  # how a file begins, what it is then, and what to do
    (GZIP, "was packed twice", "Unpack it once"),
    (b"PK\x03\x04", "is a zip archive", "Unpack it"),
    (b"BZh", "is packed by bzip2", "Unpack it"),
    (b"\xfd7zXZ\0", "is packed by xz", "Unpack it"),
    (b"\x28\xb5\x2f\xfd", "is packed by zstd", "Unpack it"),
    (b"\xff\xfe\0\0", "is text in UTF-32", "Save it as UTF-8"),
    (b"\0\0\xfe\xff", "is text in UTF-32", "Save it as UTF-8"),
    (b"\xff\xfe", "is text in UTF-16", "Save it as UTF-8"),
    (b"\xfe\xff", "is text in UTF-16", "Save it as UTF-8"),
    (b"version https://git-lfs", "is a pointer of Git LFS", "Fetch the file: `git lfs pull`"),
    (b"<!doctype", "is a web page, maybe of a login", "Download the table itself"),
    (b"<html", "is a web page, maybe of a login", "Download the table itself"),
)


def file_content(path: Path) -> bytes:
    """Read a table, ``.csv`` or ``.csv.gz``, as bytes that are UTF-8 text.

    Raises:
        DataError: If it is missing or damaged, or no such text.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder, expected a file. Put the table itself there.")
    if not path.is_file():
        raise DataError(f"{path}: no such file. `camchex check` says where to get it.")
    try:
        packed = path.read_bytes()
        content = gzip.decompress(packed) if packed.startswith(GZIP) else packed
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}). Download it again.") from error
    _require_text(path, content)
    return content


def _require_text(path: Path, content: bytes) -> None:
    for begin, what, advice in NOT_TEXT:
        if content[: len(begin)].lower() == begin.lower():
            raise DataError(f"{path}: {what}. {advice}.")
    try:
        if not content.isascii():
            content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: not UTF-8 text. Save it as UTF-8, or download it again."
        ) from error
    if b"\0" in content:
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        raise DataError(
            f"{path}, line {line}: holds a NUL byte. If it is text in UTF-16, save it as UTF-8; "
            "else download it again."
        )
