"""Published CSV files as checked columns: an error names the file, line, column and value.

A file is read whole, since damage shows only at its end: in a compressed file by the checksum, in
text by quotes that do not pair up or a quoted cell that swallowed the rows after it.
"""

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from camchex.errors import DataError

GZIP = b"\x1f\x8b"
# Ids that went through a table of floats, or that would match no id of another table.
NO_ID = r"^\d+\.\d*$|^\s|\s$|[\r\n]"
NUMBER = r"^-?(\d{1,300}(\.\d*)?|\.\d+)$"  # with more digits, float64 may be infinite
RAGGED = r"Row #(\d+): Expected (\d+) columns, got (\d+)"  # Arrow's message; the header is row 1
SHOWN = 80  # characters of a wrong value: a value that swallowed others may hold patients
SEPARATORS = "- :"  # in the text that Arrow prints of a time


@dataclass(frozen=True)
class RawTable:
    """Columns of one published file as text; a blank cell is null."""

    path: Path
    table: pa.Table  # text columns, in the order of the file's rows

    def text(self, column: str) -> pa.Array:
        """Return a column as it is written."""
        return self.table[column].combine_chunks()

    def ids(self, column: str) -> pa.Array:
        """Return a column of ids.

        Raises:
            DataError: At a blank, a number with a decimal point, or space around an id.
        """
        values = self.text(column)
        with suppress(pa.ArrowInvalid):
            if not values.cast(pa.int64()).null_count:  # whole numbers, the fast way
                return values
        wrong = pc.fill_null(pc.match_substring_regex(values, NO_ID), fill_value=True)
        self.refuse(wrong, column, "an id")
        return values

    def unique_ids(self, column: str) -> pa.Array:
        """Return a column of ids, each of which is in one row only.

        Raises:
            DataError: At the second row of an id, and as :meth:`ids`.
        """
        values = self.ids(column)
        first = pc.index_in(values, value_set=values)
        repeated = pc.not_equal(first, pa.array(range(len(values)), pa.int32()))
        self.refuse(repeated, column, "every id in one row only")
        return values

    def numbers(self, column: str) -> pa.Array:
        """Return a column of numbers, float64; a blank is null.

        Raises:
            DataError: At anything that is not a decimal number (``nan`` and ``1e3`` are not).
        """
        cells = self.text(column).dictionary_encode()  # few values are distinct
        written = pc.utf8_trim_whitespace(cells.dictionary)
        odd = pc.invert(pc.match_substring_regex(written, NUMBER))
        if pc.any(odd).as_py():
            self.refuse(odd.take(cells.indices), column, "a number or nothing")
        return written.cast(pa.float64()).take(cells.indices)

    def labels(self, column: str, allowed: Sequence[int | None]) -> pa.Array:
        """Return a column of label values, float32; a blank is null.

        Raises:
            DataError: At a value that is not ``allowed``; None allows a blank.
        """
        values = self.numbers(column)
        expected = ", ".join("nothing" if v is None else str(v) for v in allowed)
        self._require_one_of(values, allowed, column, expected)
        return values.cast(pa.float32())

    def choices(self, column: str, allowed: Collection[str | None]) -> pa.Array:
        """Return a column of a few known words; a blank is null.

        Raises:
            DataError: At a word that is not ``allowed``; None allows a blank.
        """
        values = self.text(column)
        words = sorted(word for word in allowed if word is not None)
        self._require_one_of(values, allowed, column, ", ".join(words))
        return values

    def _require_one_of(
        self, values: pa.Array, allowed: Collection[object], column: str, expected: str
    ) -> None:
        known = pc.is_in(values, pa.array([v for v in allowed if v is not None], values.type))
        if None in allowed:
            known = pc.or_(known, pc.is_null(values))
        self.refuse(pc.invert(known), column, f"one of {expected}")

    def times(
        self, column: str, stamps: pa.Array | None = None, layout: str = "%Y-%m-%d %H:%M:%S"
    ) -> pa.Array:
        """Return a column of times, to the second; a blank is null.

        Args:
            column: Name of the column.
            stamps: Text made of the column, one per row; None: the column as it is written.
            layout: That of ``2150-03-01 22:00:00``, or the same with fewer separators.

        Raises:
            DataError: At a cell that is no such time: a time must print as it was read.
        """
        stamps = self.text(column) if stamps is None else stamps
        parsed = pc.strptime(stamps, format=layout, unit="s", error_is_null=True)
        printed = parsed.cast(pa.string())  # many times faster than strftime
        for separator in set(SEPARATORS) - set(layout):
            printed = pc.replace_substring(printed, separator, "")
        same = pc.fill_null(pc.equal(printed, stamps), fill_value=False)
        self.refuse(pc.and_not(pc.is_valid(stamps), same), column, "a date and time")
        return parsed

    def refuse(self, bad: pa.Array, column: str, expected: str) -> None:
        """Refuse the cell of the first row where ``bad`` holds, if there is one.

        Raises:
            DataError: Saying what the cell holds, and what it should hold.
        """
        row = pc.index(bad, True).as_py()
        if row < 0:
            return
        found = self.table[column][row].as_py()
        shown = "nothing" if found is None else repr(found[:SHOWN])
        starts = _first_lines(_content(self.path))
        # Quotes within cells may confuse the count of rows; such a file has one row per line.
        line = starts[row + 1] if len(starts) == self.table.num_rows + 1 else row + 2
        raise DataError(
            f"{self.path}, line {line}, column {column!r}: found {shown}, expected {expected}."
        )


def read_csv(path: Path, columns: Sequence[str]) -> RawTable:
    """Read some columns of a published table, ``.csv`` or ``.csv.gz``, by name.

    Raises:
        DataError: If the file is missing or damaged, has no row, or lacks one of the columns.
    """
    content = _content(path)
    found = read_header(path, content)
    missing = [name for name in columns if name not in found]
    if missing:
        raise DataError(
            f"{path}: no column {', '.join(missing)}. It has: {', '.join(found)}. "
            "Is it the file of this data set, and of this release?"
        )
    parse = csv.ParseOptions(newlines_in_values=b'"' in content)  # a chief complaint may hold one
    convert = csv.ConvertOptions(
        include_columns=list(columns),
        column_types=dict.fromkeys(columns, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
    )
    try:
        table = csv.read_csv(pa.BufferReader(content), None, parse, convert)
    except pa.ArrowInvalid:
        one_thread = csv.ReadOptions(use_threads=False)  # which knows the row of the error
        try:
            table = csv.read_csv(pa.BufferReader(content), one_thread, parse, convert)
        except pa.ArrowInvalid as error:
            raise _unreadable(path, content, error) from error
    if not table.num_rows:
        raise DataError(f"{path}: no row below the header. Download it again.")
    _refuse_lost_rows(path, content, table.num_rows, len(found))
    return RawTable(path, table)


def _content(path: Path) -> bytes:
    """Read a file, unpacked; refuse one that is cut off, no text, or has an unpaired quote."""
    if not path.is_file():
        raise DataError(f"{path}: no such file. `camchex check` says where to get it.")
    try:
        packed = path.read_bytes()
        content = gzip.decompress(packed) if packed.startswith(GZIP) else packed
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}). Download it again.") from error
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
        raise DataError(f"{path}, line {line}: holds a NUL byte. Download it again.")
    if content.count(b'"') % 2:
        line = next((n for n, _, inside in _lines(content) if inside), 1) - 1
        where = f"line {line} or below" if line else "its last line"
        raise DataError(f"{path}: a quoted cell begins in {where} and never ends. Is it damaged?")
    return content


def read_header(path: Path, content: bytes | None = None) -> list[str]:
    """Read the names of the columns of a published table, whose unpacked content may be given.

    Raises:
        DataError: If the file is missing or damaged, or two columns have the same name.
    """
    content = _content(path) if content is None else content
    try:
        with csv.open_csv(BytesIO(BytesIO(content).readline())) as reader:
            names = list(reader.schema.names)
    except pa.ArrowInvalid as error:
        raise _unreadable(path, content, error) from error
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise DataError(f"{path}: several columns are named {', '.join(twice)}.")
    return names


def _refuse_lost_rows(path: Path, content: bytes, rows: int, columns: int) -> None:
    """Refuse a table in which a quoted cell holds rows, by the commas of a whole row in a line."""
    if content.count(b"\n") + (not content.endswith(b"\n")) == rows + 1:
        return
    for number, line, inside in _lines(content):
        if inside and line.count(b",") >= columns - 1:
            raise DataError(
                f"{path}, line {number}: a row within a quoted cell of the row before. Is a quote "
                "missing or astray?"
            )
    starts = len(_first_lines(content)) - 1
    if starts != rows:
        raise DataError(f"{path}: {starts} rows, of which {rows} could be told apart by quotes.")


def _lines(content: bytes) -> Iterator[tuple[int, bytes, bool]]:
    """Yield the number and text of each line that is not blank, and whether a quote is open."""
    inside = False
    for number, line in enumerate(content.splitlines(), start=1):
        if line or inside:
            yield number, line, inside
        inside ^= line.count(b'"') % 2 == 1


def _first_lines(content: bytes) -> list[int]:
    """List the line on which each row begins, that of the header first."""
    return [number for number, _, inside in _lines(content) if not inside]


def _unreadable(path: Path, content: bytes, error: pa.ArrowInvalid) -> DataError:
    """Make an error without the row that Arrow quotes, since that may be a patient's."""
    ragged = re.search(RAGGED, str(error))
    if ragged:
        row, expected, got = (int(number) for number in ragged.groups())
        line = next(islice(_first_lines(content), row - 1, None), row)
        return DataError(f"{path}, line {line}: found {got} columns, expected {expected}.")
    where = str(error).splitlines()[0].partition(", got ")[0]
    return DataError(f"{path}: cannot be read as CSV ({where}). Download it again.")
