"""Published CSV files as checked columns: an error names the file, line, column and value.

A file is read whole, since damage shows only at its end: in a compressed file by the checksum, in
text by quotes that do not pair up or a quoted cell that swallowed the rows after it.
"""

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from camchex.contract import ids
from camchex.errors import DataError, counted
from camchex.sources.csv.file_content import file_content
from camchex.sources.csv.lookup import repeated

NUMBER = r"^-?(\d{1,300}(\.\d*)?|\.\d+)$"  # with more digits, float64 may be infinite
WHOLE = "[1-9][0-9]{0,18}"  # no zero before it, and as many digits as int64
LARGEST = 2**31 - 1  # of int32
RAGGED = r"Row #(\d+): Expected (\d+) columns, got (\d+)"  # Arrow's message; the header is row 1
LINE_END = re.compile(r"\r\n?|\n")
LONGEST_NAME = 255  # characters of a column's name
SHOWN = 80  # characters of a wrong value: a value that swallowed others may hold patients
LAYOUT = "%Y-%m-%d %H:%M:%S"
ISO_TIME = "a date and time, as 2150-03-01 22:00:00, without time zone"
SEPARATORS = "- :"  # in the text that Arrow prints of a time
FRACTION = r"\.0*[1-9]\d*$"
ISO = (  # a time as ISO 8601 and databases write it, in the layout of MIMIC
    (r"^(\d{4}-\d\d-\d\d)T", r"\1 "),
    (r"^(.{10} \d\d:\d\d:\d\d)\.\d+$", r"\1"),
    (r"^(.{10} \d\d:\d\d)$", r"\1:00"),
)


@dataclass(frozen=True)
class RawTable:
    """Columns of one published file as text; a blank cell is null."""

    path: Path
    table: pa.Table  # text columns, in the order of the file's rows

    def text(self, column: str) -> pa.Array:
        """Return a column without space around, null where blank or ``NULL`` or the like.

        Source: ``ids.MISSING`` has the spellings, which Arrow, pandas and databases write.
        """
        distinct, row = self._distinct(column)
        return distinct.take(row)

    def _distinct(self, column: str) -> tuple[pa.Array, pa.Array]:
        """Return the few values of a column, null where missing, and which of them each row has."""
        cells = self._cells(column).dictionary_encode()
        written = pc.utf8_trim_whitespace(cells.dictionary)
        missing = pc.or_(pc.equal(written, ""), pc.match_substring_regex(written, ids.MISSING))
        return pc.if_else(missing, pa.scalar(None, pa.string()), written), cells.indices

    def _cells(self, column: str) -> pa.Array:
        return self.table[column].combine_chunks()

    def ids(self, column: str) -> pa.Array:
        """Return a column of ids, which may be any text that ``ids.no_ids`` accepts.

        Raises:
            DataError: At the first cell that is no id.
        """
        values = self._cells(column)
        self.refuse(ids.no_ids(values), column, ids.ADVICE)
        return values

    def unique_ids(self, column: str) -> pa.Array:
        """Return a column of ids, each of which is in one row only.

        Raises:
            DataError: At the second row of an id, and as :meth:`ids`.
        """
        return self.unique(self.ids(column), column)

    def whole_ids(self, column: str, letter: str = "") -> pa.Array:
        """Return a column of ids that are whole numbers, without the letter that may precede them.

        Raises:
            DataError: At anything else, also at a number with zeros or a sign before it: it would
                match no id of another table.
        """
        values = self._cells(column)
        with suppress(pa.ArrowInvalid):  # plain numbers, the fast way
            numbers = values.cast(pa.int64())
            plain = not values.null_count and pc.min(numbers).as_py() > 0
            if plain and numbers.cast(pa.string()).equals(values):
                return values
        good = pc.match_substring_regex(values, f"^(?:{letter})?{WHOLE}$")
        form = f"a whole number, or one after {letter!r}" if letter else "a whole number"
        self.refuse(
            pc.invert(pc.fill_null(good, fill_value=False)),
            column,
            f"{form}. Export ids as text, as they are published, not through a spreadsheet or a "
            "column of floats; number ids of your own",
        )
        return pc.replace_substring_regex(values, f"^{letter}", "") if letter else values

    def unique(self, values: pa.Array, column: str) -> pa.Array:
        """Return ids that were made of a column, each of which is in one row only.

        Raises:
            DataError: At the second row of an id.
        """
        self.refuse(repeated(values), column, "every id in one row only")
        return values

    def numbers(self, column: str) -> pa.Array:
        """Return a column of numbers, float64; a blank is null, and so is ``NULL`` or the like.

        Raises:
            DataError: At anything that is not a decimal number (``inf`` and ``1e3`` are not).
        """
        distinct, row = self._distinct(column)
        odd = pc.invert(pc.match_substring_regex(distinct, NUMBER))
        if pc.any(odd).as_py():
            self.refuse(odd.take(row), column, "a number or nothing")
        return distinct.cast(pa.float64()).take(row)

    def sizes(self, column: str) -> pa.Array:
        """Return a column of positive whole numbers, int32; a blank is null.

        Raises:
            DataError: At anything else; ``3056.0`` is a whole number.
        """
        values = self.numbers(column)
        inside = pc.and_(pc.greater(values, 0), pc.less_equal(values, LARGEST))
        good = pc.and_(inside, pc.equal(values, pc.floor(values)))
        wrong = pc.fill_null(pc.invert(good), fill_value=False)
        self.refuse(wrong, column, "a positive whole number or nothing")
        return values.cast(pa.int32())

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

    def times(self, column: str) -> pa.Array:
        """Return a column of times, to the second; a blank is null, and so is ``NULL`` or the like.

        Times read ``2150-03-01 22:00:00``. ``T`` may separate date and time, and seconds may be
        left out. A fraction of a second is rounded up: what came after a study, whose fraction is
        cut off, must not seem to be of the same second.

        Raises:
            DataError: At a cell that is no such time.
        """
        parsed, wrong = _parsed(self._cells(column), LAYOUT)
        if not pc.any(wrong).as_py():  # as published
            return parsed
        written = stamps = self.text(column)
        for pattern, rewritten in ISO:
            stamps = pc.replace_substring_regex(stamps, pattern, rewritten)
        parsed = self.stamps(column, stamps, LAYOUT)
        begun = pc.match_substring_regex(written, FRACTION).cast(pa.int64())
        return pc.add(parsed, begun.cast(pa.duration("s")))

    def stamps(
        self, column: str, stamps: pa.Array, layout: str, expected: str = ISO_TIME
    ) -> pa.Array:
        """Return times, to the second, of text that was made of a column; null stays null.

        Args:
            column: Name of the column, for the message.
            stamps: One text per row.
            layout: ``LAYOUT``, or the same with fewer separators.
            expected: What the column should hold, for the message.

        Raises:
            DataError: At a text that is no such time.
        """
        parsed, wrong = _parsed(stamps, layout)
        self.refuse(wrong, column, expected)
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
        below = islice(_rows(self.path, file_content(self.path)), row + 1, None)
        line, cells = next(below, (row + 2, [shown]))
        if not any(cells):
            shown = "an empty row (take it out)"
        raise DataError(
            f"{self.path}, line {line}, column {column!r}: found {shown}, expected {expected}."
        )


def _parsed(stamps: pa.Array, layout: str) -> tuple[pa.Array, pa.Array]:
    """Return times, and which texts are none: a time prints as it was read."""
    parsed = pc.strptime(stamps, format=layout, unit="s", error_is_null=True)
    printed = parsed.cast(pa.string())  # many times faster than strftime
    for separator in set(SEPARATORS) - set(layout):
        printed = pc.replace_substring(printed, separator, "")
    same = pc.fill_null(pc.equal(printed, stamps), fill_value=False)
    return parsed, pc.and_not(pc.is_valid(stamps), same)


def read_csv(path: Path, columns: Sequence[str]) -> RawTable:
    """Read some columns of a published table, ``.csv`` or ``.csv.gz``, by name.

    Raises:
        DataError: If the file is missing or damaged, has no row, or lacks one of the columns.
    """
    content = file_content(path)
    found = read_header(path, content)
    missing = [name for name in columns if name not in found]
    separator = next((mark for mark in "\t;|" if len(found) == 1 and mark in found[0]), None)
    if missing and separator:
        raise DataError(f"{path}: cells are apart by {separator!r}. Save it with commas.")
    if missing:
        raise DataError(
            f"{path}: no column {', '.join(missing)}. It has: {', '.join(found)}. "
            "Is it the file of this data set, and of this release?"
        )
    parse = arrow_csv.ParseOptions(newlines_in_values=b'"' in content)  # as a complaint may hold
    convert = arrow_csv.ConvertOptions(
        include_columns=list(columns),
        column_types=dict.fromkeys(columns, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
    )
    try:
        table = arrow_csv.read_csv(pa.BufferReader(content), None, parse, convert)
    except pa.ArrowInvalid:
        # One block holds a cell of any size; one thread knows the row of an error.
        whole = arrow_csv.ReadOptions(use_threads=False, block_size=min(len(content) + 1, LARGEST))
        try:
            table = arrow_csv.read_csv(pa.BufferReader(content), whole, parse, convert)
        except pa.ArrowInvalid as error:
            if sum(1 for _ in islice(_rows(path, content), 2)) == 1:
                raise _without_rows(path) from error
            raise _unreadable(path, content, error) from error
    if not table.num_rows:
        raise _without_rows(path)
    _refuse_lost_rows(path, content, table.num_rows, len(found))
    return RawTable(path, table)


def read_header(path: Path, content: bytes | None = None) -> list[str]:
    """Read the names of the columns of a published table, whose unpacked content may be given.

    Raises:
        DataError: If the file is missing or damaged, or two columns have the same name.
    """
    content = file_content(path) if content is None else content
    line, names = next(_rows(path, content, strict=True), (1, []))
    if not names:
        raise DataError(f"{path}: holds no text. Download it again.")
    if len(names) == 1 and "," in names[0]:
        raise _quoted_row(path, line)
    longest = max(map(len, names))
    if longest > LONGEST_NAME:
        raise DataError(
            f"{path}, line {line}: the name of a column has {longest:,} characters. Is it the "
            "file of this data set?"
        )
    twice = [name for name, times in Counter(names).items() if name and times > 1]
    if twice:
        raise DataError(f"{path}: several columns are named {', '.join(twice)}.")
    return names


def _refuse_lost_rows(path: Path, content: bytes, rows: int, columns: int) -> None:
    """Refuse a table in which a quote that is missing or astray joined rows to one cell.

    A row that a quoted cell of several lines holds looks like a row: it has as many commas, and its
    first cell is a number, or none, as that of the table's first row is. Of a row that begins
    within the cell and ends behind it, the cell holds as many commas as there are cells before it,
    and its first cell looks like that of the table's first row.
    """
    last = content[content.rstrip(b"\r\n").rfind(b"\n") + 1 :]
    of_one_line = content.count(b"\n") + (not content.endswith(b"\n")) == rows + 1
    even = not (content.count(b'"') % 2 or last.count(b'"') % 2 or b'\\"' in content)
    if of_one_line and even:
        return
    form, starts = _form(""), -1  # of the header
    for line, cells in _rows(path, content, strict=True):
        starts += 1
        if starts == 1:
            form = _form(cells[0])
        below = line
        for place, cell in enumerate(cells):
            lines = LINE_END.split(cell)
            for number, inner in enumerate(lines[1:], 1):
                below += 1
                first, commas = inner.partition(",")[0], inner.count(",")
                whole = commas >= columns - 1 and _form(first)[0] == form[0]
                begun = number == len(lines) - 1 and commas >= place and _form(first) == form
                if starts and (whole or (place and begun)):
                    raise DataError(
                        f"{path}, line {below}: a row within a quoted cell of the row before? Mend "
                        "the quote that is missing or astray; if it is text, take out its line "
                        "break."
                    )
    if starts != rows:
        raise DataError(f"{path}: {starts} rows, of which {rows} could be told apart by quotes.")


def _form(cell: str) -> tuple[bool, ...]:
    """Whether a cell is a number, holds a digit, and holds a space: alike for ids of one kind."""
    return cell.isdigit(), any(map(str.isdigit, cell)), any(map(str.isspace, cell))


def _rows(path: Path, content: bytes, *, strict: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Read the rows of a table's content with :func:`rows_and_lines`; a cell is of any length."""
    csv.field_size_limit(max(csv.field_size_limit(), len(content)))
    text = TextIOWrapper(BytesIO(content), "utf-8-sig", newline="")
    return rows_and_lines(path, text, strict=strict)


def rows_and_lines(
    path: Path, text: Iterable[str], *, strict: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """Yield each row, the header first, and the line on which it begins; no blank lines.

    Raises:
        DataError: If ``strict``, at text behind a quoted cell, and at one that never ends.
    """
    reader = csv.reader(text, strict=strict)
    start = 1
    try:
        for cells in reader:
            if cells:
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        if "end of data" in str(error):
            what = f"line {start}: a quoted cell begins in this row and never ends. Is it cut off?"
        elif "field limit" in str(error):
            what = (
                f"line {start}: a cell of more than {csv.field_size_limit():,} letters. Is a quote "
                "missing that ends it?"
            )
        else:
            what = (
                f"line {reader.line_num}: text behind a quoted cell. A quote is missing or astray "
                f"in the row that begins in line {start}."
            )
        raise DataError(f"{path}, {what}") from error


def _unreadable(path: Path, content: bytes, error: pa.ArrowInvalid) -> DataError:
    """Make an error without the row that Arrow quotes, since that may be a patient's."""
    ragged = re.search(RAGGED, str(error))
    if ragged:
        row, expected, got = (int(number) for number in ragged.groups())
        line, cells = next(islice(_rows(path, content), row - 1, None), (row, []))
        if len(cells) == 1 and cells[0].count(",") >= expected - 1:
            return _quoted_row(path, line)
        return DataError(
            f"{path}, line {line}: found {counted(got, 'column')}, expected {expected}."
        )
    where = str(error).splitlines()[0].partition(", got ")[0]
    return DataError(f"{path}: cannot be read as CSV ({where}). Download it again.")


def _without_rows(path: Path) -> DataError:
    return DataError(f"{path}: no row below the header. Download it again.")


def _quoted_row(path: Path, line: int) -> DataError:
    return DataError(
        f"{path}, line {line}: one quoted cell holds a whole row. Take out the quotes around it."
    )
