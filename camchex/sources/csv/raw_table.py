"""Published CSV files as columns that were checked: an error names file, line, column and value.

A file is read whole, since only the whole can tell that it is whole: compressed, that its checksum
holds; as text, that quotes pair up and no quoted cell swallowed the rows after it.
"""

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from camchex.errors import DataError

GZIP = b"\x1f\x8b"
# An id that went through a table of floats, or that would match no other table's.
NO_ID = r"^\d+\.\d*$|^\s|\s$|[\r\n]"
NUMBER = r"^-?(\d{1,300}(\.\d*)?|\.\d+)$"  # with more digits, float64 may be infinite
RAGGED = r"Row #(\d+): Expected (\d+) columns, got (\d+)"  # as Arrow says it; the header is row 1
SHOWN = 80  # characters of a wrong value: one that swallowed others may hold patients
SEPARATORS = "- :"  # of Arrow's own text of a time


@dataclass(frozen=True)
class RawTable:
    """Some columns of one published file, as text; a blank cell is null.

    Attributes:
        path: Where it was read from.
        table: Text columns, in the order of the file's rows.
    """

    path: Path
    table: pa.Table

    def text(self, column: str) -> pa.Array:
        """A column as it is written."""
        return self.table[column].combine_chunks()

    def ids(self, column: str) -> pa.Array:
        """A column of ids.

        Raises:
            DataError: At a blank, a number with a decimal point, or space around an id.
        """
        values = self.text(column)
        if values.null_count or not _all_whole_numbers(values):
            wrong = pc.fill_null(pc.match_substring_regex(values, NO_ID), fill_value=True)
            self.refuse(wrong, column, "an id")
        return values

    def unique_ids(self, column: str) -> pa.Array:
        """A column of ids, each of which stands in one row.

        Raises:
            DataError: At a repetition, and as :meth:`ids`.
        """
        values = self.ids(column)
        if len(pc.unique(values)) < len(values):
            seen = set()
            for row, value in enumerate(values.to_pylist()):
                if value in seen:
                    raise self.wrong(row, column, "every id in one row only")
                seen.add(value)
        return values

    def numbers(self, column: str) -> pa.Array:
        """A column of numbers, float64, null where blank.

        Raises:
            DataError: At anything that is not a decimal number (``nan`` and ``1e3`` are not).
        """
        cells = self.text(column).dictionary_encode()  # the same few are written again and again
        written = pc.utf8_trim_whitespace(cells.dictionary)
        odd = pc.invert(pc.match_substring_regex(written, NUMBER))
        if pc.any(odd).as_py():
            self.refuse(odd.take(cells.indices), column, "a number or nothing")
        return written.cast(pa.float64()).take(cells.indices)

    def labels(self, column: str, allowed: Sequence[int | None]) -> pa.Array:
        """A column of label values, float32, null where blank.

        Args:
            column: Its name.
            allowed: Values it may hold; None allows a blank.

        Raises:
            DataError: At any other value.
        """
        values = self.numbers(column)
        known = pc.is_in(values, pa.array([v for v in allowed if v is not None], pa.float64()))
        if None in allowed:
            known = pc.or_(known, pc.is_null(values))
        expected = ", ".join("nothing" if v is None else str(v) for v in allowed)
        self.refuse(pc.invert(known), column, f"one of {expected}")
        return values.cast(pa.float32())

    def choices(self, column: str, allowed: Collection[str | None]) -> pa.Array:
        """A column of a few known words.

        Args:
            column: Its name.
            allowed: The words; None allows a blank.

        Raises:
            DataError: At any other word.
        """
        values = self.text(column)
        words = sorted(word for word in allowed if word is not None)
        known = pc.is_in(values, pa.array(words, pa.string()))
        if None in allowed:
            known = pc.or_(known, pc.is_null(values))
        self.refuse(pc.invert(known), column, f"one of {', '.join(words)}")
        return values

    def times(self, column: str) -> pa.Array:
        """A column of times like ``2150-03-01 22:00:00``, null where blank.

        Raises:
            DataError: At anything else.
        """
        stamps = self.text(column)
        try:
            times = stamps.cast(pa.timestamp("s"))  # reads other layouts too, but fast
            if times.cast(pa.string()).equals(stamps):
                return times
        except pa.ArrowInvalid:
            pass
        return self.parse_times(column, stamps, "%Y-%m-%d %H:%M:%S")

    def parse_times(self, column: str, stamps: pa.Array, layout: str) -> pa.Array:
        """Parse text that was made of ``column``; a time must print as it was read.

        Args:
            column: Its name.
            stamps: Text; null stays null.
            layout: ``%Y-%m-%d %H:%M:%S``, or the same with fewer separators.

        Raises:
            DataError: Naming the column's own value, where the stamp is no such time.
        """
        parsed = pc.strptime(stamps, format=layout, unit="s", error_is_null=True)
        printed = parsed.cast(pa.string())  # many times faster than strftime
        for separator in set(SEPARATORS) - set(layout):
            printed = pc.replace_substring(printed, separator, "")
        same = pc.fill_null(pc.equal(printed, stamps), fill_value=False)
        self.refuse(pc.and_not(pc.is_valid(stamps), same), column, "a date and time")
        return parsed

    def refuse(self, bad: pa.Array, column: str, expected: str) -> None:
        """Raise a DataError at the first row where ``bad`` holds, if there is one."""
        row = pc.index(bad, True).as_py()
        if row >= 0:
            raise self.wrong(row, column, expected)

    def wrong(self, row: int, column: str, expected: str) -> DataError:
        """Say what stands in one cell, and what should."""
        found = self.table[column][row].as_py()
        shown = "nothing" if found is None else repr(found[:SHOWN])
        starts = _first_lines(_content(self.path))
        # Where quotes within cells confuse the count, each line is a row, or it were refused.
        line = starts[row + 1] if len(starts) == self.table.num_rows + 1 else row + 2
        return DataError(
            f"{self.path}, line {line}, column {column!r}: found {shown}, expected {expected}."
        )


def read_csv(path: Path, columns: Sequence[str]) -> RawTable:
    """Read some columns of a published table, ``.csv`` or ``.csv.gz``, by name.

    Raises:
        DataError: If the file is missing or damaged, has no row, or lacks one of the columns.
    """
    content = _content(path)
    found = _header(path, content)
    missing = [name for name in columns if name not in found]
    if missing:
        raise DataError(
            f"{path}: no column {', '.join(missing)}. It has: {', '.join(found)}. "
            "Is it the file of this data set, and of this release?"
        )
    table = _parse(path, content, columns)
    if not table.num_rows:
        raise DataError(f"{path}: no row below the header. Download it again.")
    _refuse_lost_rows(path, content, table.num_rows, len(found))
    return RawTable(path, table)


def read_header(path: Path) -> list[str]:
    """Names of the columns of a published table.

    Raises:
        DataError: If the file is missing or damaged, or two columns have the same name.
    """
    return _header(path, _content(path))


def _content(path: Path) -> bytes:
    """The text of a file, unpacked.

    Raises:
        DataError: If it is missing, cut off, not text, or its quotes do not pair up.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file. `camchex check` says where to get it.")
    try:
        packed = path.read_bytes()
        content = gzip.decompress(packed) if packed.startswith(GZIP) else packed
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}). Download it again.") from error
    if not content.isascii():
        _refuse_other_encodings(path, content)
    if b"\0" in content:
        line = _line_at(content, content.index(b"\0"))
        raise DataError(f"{path}, line {line}: holds a NUL byte. Download it again.")
    if content.count(b'"') % 2:
        line = next((n for n, _, inside in _lines(content) if inside), 1) - 1
        where = f"line {line} or below" if line else "its last line"
        raise DataError(f"{path}: a quoted cell begins in {where} and never ends. Is it damaged?")
    return content


def _refuse_other_encodings(path: Path, content: bytes) -> None:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = _line_at(content, error.start)
        raise DataError(
            f"{path}, line {line}: not UTF-8 text. Save it as UTF-8, or download it again."
        ) from error


def _header(path: Path, content: bytes) -> list[str]:
    try:
        with csv.open_csv(BytesIO(BytesIO(content).readline())) as reader:
            names = list(reader.schema.names)
    except pa.ArrowInvalid as error:
        raise _unreadable(path, content, error) from error
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise DataError(f"{path}: several columns are named {', '.join(twice)}.")
    return names


def _parse(path: Path, content: bytes, columns: Sequence[str]) -> pa.Table:
    parse = csv.ParseOptions(newlines_in_values=b'"' in content)  # a chief complaint may hold one
    convert = csv.ConvertOptions(
        include_columns=list(columns),
        column_types=dict.fromkeys(columns, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
    )

    def parsed(*, use_threads: bool) -> pa.Table:
        read = csv.ReadOptions(use_threads=use_threads)
        return csv.read_csv(pa.BufferReader(content), read, parse, convert)

    try:
        return parsed(use_threads=True)
    except pa.ArrowInvalid:
        pass
    try:
        return parsed(use_threads=False)  # one thread knows in which row it was
    except pa.ArrowInvalid as error:
        raise _unreadable(path, content, error) from error


def _refuse_lost_rows(path: Path, content: bytes, rows: int, columns: int) -> None:
    """Refuse a table some of whose rows lie within a quoted cell of another.

    Raises:
        DataError: At a line within a quoted cell that has the commas of a whole row.
    """
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
    """Number and text of every line that is not blank, and whether it begins in a quoted cell."""
    inside = False
    for number, line in enumerate(content.splitlines(), start=1):
        if line or inside:
            yield number, line, inside
        inside ^= line.count(b'"') % 2 == 1


def _first_lines(content: bytes) -> list[int]:
    """Line on which each row begins, the header's first."""
    return [number for number, _, inside in _lines(content) if not inside]


def _line_at(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1


def _all_whole_numbers(values: pa.Array) -> bool:
    try:
        values.cast(pa.int64())
    except pa.ArrowInvalid:
        return False
    return True


def _unreadable(path: Path, content: bytes, error: pa.ArrowInvalid) -> DataError:
    """The error without the row that Arrow quotes: it may be a patient's."""
    ragged = re.search(RAGGED, str(error))
    if ragged:
        row, expected, got = (int(number) for number in ragged.groups())
        line = next(islice(_first_lines(content), row - 1, None), row)
        return DataError(f"{path}, line {line}: found {got} columns, expected {expected}.")
    where = str(error).splitlines()[0].partition(", got ")[0]
    return DataError(f"{path}: cannot be read as CSV ({where}). Download it again.")
