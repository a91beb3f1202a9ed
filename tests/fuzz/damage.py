"""Ways in which a file arrives damaged."""

import gzip
from collections.abc import Callable, Mapping

import numpy as np

from tests.fuzz.canonical import CANONICAL

Rng = np.random.Generator
Damage = Callable[[bytes, Rng], bytes]
HUGE = 3_000_000  # characters of a field
JUNK = (
    b"NaN", b"-2", b"2", b"1e400", b"0x1F", b"inf", b"-", b"'", b'"', b"\\", b"\xef\xbc\x92",
    b"#N/A", b"\\N", b"010000032", b"+10000032", b"1.0000032e+07", b"\xc2\xa010000032",
    b"10000032\xe2\x80\x8b", b"s50414267", b"p10000032", b"2150-03-01T22:00:00.5", b"3056.5",
    b"9" * 400, b"1.5.2", b"2150-13-45 99:99:99", b"NULL", b" ", b"\x00", b"../../etc/passwd",
)  # fmt: skip


def truncated(data: bytes, rng: Rng) -> bytes:
    return data[: int(rng.integers(len(data)))]


def emptied(_data: bytes, _rng: Rng) -> bytes:
    return b""


def bits_flipped(data: bytes, rng: Rng) -> bytes:
    damaged = bytearray(data)
    for place in rng.integers(len(data), size=int(rng.integers(1, 20))):
        damaged[place] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def head_flipped(data: bytes, rng: Rng) -> bytes:
    """Flips where an image says what it is and how large."""
    return bits_flipped(data[:1000], rng) + data[1000:]


def head_overwritten(data: bytes, rng: Rng) -> bytes:
    """Junk in place of a value, most likely, where a DICOM file describes its pixels."""
    junk = JUNK[int(rng.integers(len(JUNK)))][:16]
    place = int(rng.integers(132, min(len(data), 1200)))
    return data[:place] + junk + data[place + len(junk) :]


def preamble_lost(data: bytes, _rng: Rng) -> bytes:
    return data[132:]


def zeroed(data: bytes, rng: Rng) -> bytes:
    start = int(rng.integers(len(data)))
    length = min(int(rng.integers(1, 5000)), len(data) - start)
    return data[:start] + bytes(length) + data[start + length :]


def rubbish_appended(data: bytes, rng: Rng) -> bytes:
    return data + rng.bytes(int(rng.integers(1, 5000)))


def rubbish(_data: bytes, rng: Rng) -> bytes:
    return rng.bytes(int(rng.integers(1, 5000)))


def web_page(_data: bytes, _rng: Rng) -> bytes:
    """What a download saves when the log-in has expired."""
    return b"<!DOCTYPE html>\n<html><body>Please log in, then try again.</body></html>\n"


def utf16(data: bytes, _rng: Rng) -> bytes:
    return data.decode("utf-8", "replace").encode("utf-16")


def latin1(data: bytes, rng: Rng) -> bytes:
    place = int(rng.integers(len(data)))
    return data[:place] + b"\xe9\xfc" + data[place:]


def byte_order_mark(data: bytes, _rng: Rng) -> bytes:
    return b"\xef\xbb\xbf" + data


def windows_lines(data: bytes, _rng: Rng) -> bytes:
    return data.replace(b"\n", b"\r\n")


def mac_lines(data: bytes, _rng: Rng) -> bytes:
    return data.replace(b"\n", b"\r")


def quote_inserted(data: bytes, rng: Rng) -> bytes:
    place = int(rng.integers(len(data)))
    return data[:place] + b'"' + data[place:]


def null_inserted(data: bytes, rng: Rng) -> bytes:
    place = int(rng.integers(len(data)))
    return data[:place] + b"\0" + data[place:]


def line_break_inserted(data: bytes, rng: Rng) -> bytes:
    place = int(rng.integers(len(data)))
    return data[:place] + b"\n" + data[place:]


def header_only(data: bytes, _rng: Rng) -> bytes:
    return data.partition(b"\n")[0] + b"\n"


def headless(data: bytes, _rng: Rng) -> bytes:
    return data.partition(b"\n")[2]


def semicolons(data: bytes, _rng: Rng) -> bytes:
    return data.replace(b",", b";")


def column_lost(data: bytes, rng: Rng) -> bytes:
    return _by_line(data, rng, lambda cells, k: cells[:k] + cells[k + 1 :])


def column_added(data: bytes, rng: Rng) -> bytes:
    return _by_line(data, rng, lambda cells, k: [*cells[:k], b"Bogus", *cells[k:]])


def column_renamed(data: bytes, rng: Rng) -> bytes:
    header, _, rest = data.partition(b"\n")
    cells = header.split(b",")
    cells[int(rng.integers(len(cells)))] += b"_v2"
    return b",".join(cells) + b"\n" + rest


def column_doubled(data: bytes, rng: Rng) -> bytes:
    return _by_line(data, rng, lambda cells, k: [*cells[: k + 1], *cells[k:]])


def cell_replaced(data: bytes, rng: Rng) -> bytes:
    return _one_cell(data, rng, JUNK[int(rng.integers(len(JUNK)))])


def cell_blanked(data: bytes, rng: Rng) -> bytes:
    return _one_cell(data, rng, b"")


def cell_huge(data: bytes, rng: Rng) -> bytes:
    return _one_cell(data, rng, b"x" * HUGE)


def row_doubled(data: bytes, rng: Rng) -> bytes:
    lines = data.splitlines(keepends=True)
    k = int(rng.integers(len(lines)))
    return b"".join([*lines[: k + 1], *lines[k:]])


def row_lost(data: bytes, rng: Rng) -> bytes:
    lines = data.splitlines(keepends=True)
    k = int(rng.integers(len(lines)))
    return b"".join(lines[:k] + lines[k + 1 :])


def row_cut(data: bytes, rng: Rng) -> bytes:
    lines = data.split(b"\n")
    k = int(rng.integers(len(lines)))
    lines[k] = lines[k][: len(lines[k]) // 2]
    return b"\n".join(lines)


def blank_line_first(data: bytes, _rng: Rng) -> bytes:
    return b"\n" + data


def rows_quoted(data: bytes, _rng: Rng) -> bytes:
    """What a spreadsheet makes of rows that it took for one column."""
    return b"\n".join(b'"' + line.replace(b'"', b'""') + b'"' for line in data.split(b"\n"))


def numbers_as_floats(data: bytes, rng: Rng) -> bytes:
    """What a table of floats makes of a column of whole numbers."""
    return _by_column(data, rng, lambda cell: b"%.7e" % int(cell))


def numbers_with_commas(data: bytes, rng: Rng) -> bytes:
    return _by_column(data, rng, lambda cell: b'"' + f"{int(cell):,}".encode() + b'"')


def numbers_with_a_letter(data: bytes, rng: Rng) -> bytes:
    return _by_column(data, rng, lambda cell: b"ps"[int(rng.integers(2)) :][:1] + cell)


def _by_column(data: bytes, rng: Rng, change: Callable[[bytes], bytes]) -> bytes:
    lines = [line.split(b",") for line in data.split(b"\n")]
    k = int(rng.integers(min(4, len(lines[0]))))  # where the ids are
    for cells in lines:
        if k < len(cells) and cells[k].isdigit():
            cells[k] = change(cells[k])
    return b"\n".join(map(b",".join, lines))


def _by_line(data: bytes, rng: Rng, change: Callable[[list[bytes], int], list[bytes]]) -> bytes:
    lines = [line.split(b",") for line in data.split(b"\n")]
    k = int(rng.integers(len(lines[0])))
    return b"\n".join(b",".join(change(line, k) if line != [b""] else line) for line in lines)


def _one_cell(data: bytes, rng: Rng, value: bytes) -> bytes:
    lines = [line.split(b",") for line in data.split(b"\n")]
    row = lines[int(rng.integers(len(lines)))]
    row[int(rng.integers(len(row)))] = value
    return b"\n".join(map(b",".join, lines))


ANY = (truncated, emptied, bits_flipped, zeroed, rubbish_appended, rubbish, web_page)
TEXT = (
    *ANY, utf16, latin1, byte_order_mark, windows_lines, mac_lines, quote_inserted, null_inserted,
    line_break_inserted,
)  # fmt: skip
TABLE = (
    *TEXT, header_only, headless, semicolons, column_lost, column_added, column_renamed,
    column_doubled, cell_replaced, cell_replaced, cell_blanked, cell_huge, row_doubled, row_lost,
    row_cut, blank_line_first, rows_quoted, numbers_as_floats, numbers_with_commas,
    numbers_with_a_letter,
)  # fmt: skip
IMAGE = (*ANY, bits_flipped, head_flipped, head_flipped, truncated)
KINDS: Mapping[str, tuple[Damage, ...]] = {
    ".csv": TABLE,
    ".parquet": (*ANY, *CANONICAL, *CANONICAL),
    ".txt": TEXT,
    ".zip": ANY,
    ".jpg": IMAGE,
    ".png": IMAGE,
    ".dicom": (*IMAGE, head_overwritten, head_overwritten, preamble_lost),
}


def damage(name: str, data: bytes, rng: Rng) -> tuple[str, bytes]:
    """Damage a file in a way that its kind can be; returns the way's name and what is left.

    A compressed table is damaged as it is, or unpacked, damaged and packed again.
    """
    packed = name.endswith(".gz")
    if packed and rng.random() < 1 / 4:
        how = ANY[int(rng.integers(len(ANY)))]
        return f"packed {how.__name__}", how(data, rng)
    kinds = KINDS["." + name.removesuffix(".gz").rpartition(".")[2]]
    how = kinds[int(rng.integers(len(kinds)))]
    if packed:
        return how.__name__, gzip.compress(how(gzip.decompress(data), rng), 1)
    return how.__name__, how(data, rng)
