"""Published CSV files as columns that were checked: an error names file, line, column and value."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from camchex.errors import DataError

FIRST_LINE = 2  # of the data: line 1 is the header
DECIMAL_ID = r"^\d+\.\d*$"  # an id that went through a table of floats
NUMBER = r"^-?(\d+\.?\d*|\.\d+)$"
PARSE = csv.ParseOptions(newlines_in_values=True)  # a chief complaint may hold one


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
            DataError: At a blank, or a number with a decimal point.
        """
        values = self.text(column)
        decimal = pc.fill_null(pc.match_substring_regex(values, DECIMAL_ID), fill_value=True)
        self.refuse(decimal, column, "an id")
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
        values = pc.utf8_trim_whitespace(self.text(column))
        number = pc.fill_null(pc.match_substring_regex(values, NUMBER), fill_value=True)
        self.refuse(pc.invert(number), column, "a number or nothing")
        return values.cast(pa.float64())

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
        return self.parse_times(column, self.text(column), "%Y-%m-%d %H:%M:%S")

    def parse_times(self, column: str, stamps: pa.Array, layout: str) -> pa.Array:
        """Parse text that was made of ``column``; a time must print as it was read.

        Raises:
            DataError: Naming the column's own value, where the stamp is no such time.
        """
        parsed = pc.strptime(stamps, format=layout, unit="s", error_is_null=True)
        same = pc.fill_null(pc.equal(pc.strftime(parsed, format=layout), stamps), fill_value=False)
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
        return DataError(
            f"{self.path}, line {row + FIRST_LINE}, column {column!r}: "
            f"found {'nothing' if found is None else repr(found)}, expected {expected}."
        )


def read_csv(path: Path, columns: Sequence[str]) -> RawTable:
    """Read some columns of a published table, ``.csv`` or ``.csv.gz``, by name.

    Raises:
        DataError: If the file is missing or damaged, or lacks one of the columns.
    """
    found = read_header(path)
    missing = [name for name in columns if name not in found]
    if missing:
        raise DataError(
            f"{path}: no column {', '.join(missing)}. It has: {', '.join(found)}. "
            "Is it the file of this data set, and of this release?"
        )
    convert = csv.ConvertOptions(
        include_columns=list(columns),
        column_types=dict.fromkeys(columns, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
    )
    try:
        # One thread, so that an error can say which row it is in.
        table = csv.read_csv(path, csv.ReadOptions(use_threads=False), PARSE, convert)
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, error) from error
    return RawTable(path, table)


def read_header(path: Path) -> list[str]:
    """Names of the columns of a published table.

    Raises:
        DataError: If the file is missing or damaged.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file. `camchex check` says where to get it.")
    try:
        with csv.open_csv(path, parse_options=PARSE) as reader:
            return list(reader.schema.names)
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DataError:
    """The error without the row that Arrow quotes: it may be a patient's."""
    where = str(error).splitlines()[0].partition(", got ")[0]
    return DataError(f"{path}: cannot be read as CSV ({where}). Download it again.")
