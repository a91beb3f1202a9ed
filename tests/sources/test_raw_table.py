"""Published CSV: what is refused, and that the message says where it stands."""

import bz2
import csv
import gzip
import lzma
import re
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camchex.errors import DataError
from camchex.sources.csv.raw_table import RawTable, read_csv


def table(tmp_path: Path, text: str, *columns: str) -> RawTable:
    path = tmp_path / "table.csv"
    path.write_text(text)
    return read_csv(path, columns)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.csv: no such file"):
        read_csv(tmp_path / "nowhere.csv", ["a"])


def test_a_missing_column_is_named_beside_those_found(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"table\.csv: no column c\. It has: a, b\."):
        table(tmp_path, "a,b\n1,2\n", "a", "c")


def test_columns_are_read_by_name_whatever_their_order(tmp_path: Path) -> None:
    assert table(tmp_path, "b,a\n1,2\n", "a", "b").text("a").to_pylist() == ["2"]


def test_a_short_row_is_refused_without_quoting_the_patient(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 3: found 1 column, expected 2") as error:
        table(tmp_path, "a,b\n1,2\nsecret\n", "a")
    assert "secret" not in str(error.value)


def packed(text: bytes) -> bytes:
    return gzip.compress(text, mtime=0)


def flipped(content: bytes, byte: int) -> bytes:
    return content[:byte] + bytes([content[byte] ^ 0b100]) + content[byte + 1 :]


ROWS = b"a,b,note\n" + b"".join(b'%d,%d,"x, y"\n' % (n, n) for n in range(2000))
DAMAGED = {
    "empty": (b"", "holds no text"),
    "empty, compressed": (packed(b""), "holds no text"),
    "only the magic number": (b"\x1f\x8bnot gzip", "cannot be read"),
    "cut off": (packed(ROWS)[:-20], "cannot be read"),
    "cut off in the checksum": (packed(ROWS)[:-4], "cannot be read"),
    "cut off, not compressed": (ROWS[:-3], "never ends"),
    "cut off between two columns": (b"a,b,note\n1,2,x\n3,4", "line 3: found 2 columns"),
    "a bit flipped": (flipped(packed(ROWS), 900), "cannot be read"),
    "a bit flipped in the checksum": (flipped(packed(ROWS), -6), "cannot be read"),
    "a bit flipped in the magic number": (flipped(packed(ROWS), 0), "not UTF-8"),
    "something after the end": (packed(ROWS) + b"garbage", "cannot be read"),
    "latin-1": ("a,b,note\n1,2,x\n3,4,caf\xe9\n".encode("latin-1"), "line 3: not UTF-8"),
    "latin-1 header": ("a,b,caf\xe9\n1,2,x\n".encode("latin-1"), "line 1: not UTF-8"),
    "UTF-16": ("a,b,note\n1,2,x\n".encode("utf-16"), "is text in UTF-16. Save it as UTF-8"),
    "UTF-16, big end first": (b"\xfe\xff\0a", "is text in UTF-16"),
    "UTF-32": ("a,b,note\n1,2,x\n".encode("utf-32"), "is text in UTF-32"),
    "packed twice": (packed(packed(b"a,b\n1,2\n")), "was packed twice"),
    "zip": (b"PK\x03\x04\x14\0", "is a zip archive. Unpack it"),
    "bzip2": (bz2.compress(b"a,b\n1,2\n"), "is packed by bzip2"),
    "xz": (lzma.compress(b"a,b\n1,2\n"), "is packed by xz"),
    "a web page": (b"<!DOCTYPE html>\n<html></html>\n", "is a web page, maybe of a login"),
    "a pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid x\n",
        "is a pointer of Git LFS",
    ),
    "semicolons": (b"a;b;note\n1;2;x\n", "cells are apart by ';'. Save it with commas"),
    "tabs": (b"a\tb\tnote\n1\t2\tx\n", r"cells are apart by '\\t'"),
    "quotes behind backslashes": (b'a,b,note\n1,2,"a \\"big\\" one"\n', "text behind a quoted"),
    "UTF-16 without mark": (
        "a,b,note\n1,2,x\n".encode("utf-16-le"),
        "line 1: holds a NUL byte. If it is",
    ),
    "a NUL byte": (b"a,b,note\n1,2,x\n3,4,\0y\n", "line 3: holds a NUL byte"),
    "only a header": (b"a,b,note\n", "no row below the header"),
    "only half a header": (b"a,b,note", "no row below the header"),
    "blank lines": (b"\n\n\n", "holds no text"),
    "a name used twice": (b"a,b,a\n1,2,3\n", "several columns are named a"),
    "a column less": (b"a,note\n1,x\n", "no column b"),
    "a row too long": (b"a,b,note\n1,2,x\n1,2,3,4\n", "line 3: found 4 columns"),
    "a huge row of other columns": (
        b"a,b,note\n1,2\n" + b"x" * 5_000_000,
        "line 2: found 2 columns",
    ),
    "a huge name": (
        b"a,b," + b"x" * 5_000_000 + b"\n1,2,y\n",
        "line 1: the name of a column has 5,0",
    ),
    "a quote astray": (b'a,b,note\n1,2,x\n3,4,"y\n5,6,z\n', "line 3: a quoted cell begins in this"),
    "a quote astray before others": (
        b'a,b,note\n1,2,"x\n3,4,"y, z"\n',
        "line 2: found 4 columns",
    ),
    "a quote astray in the last line": (
        b'a,b,note\n1,2,x\n3,4,"y',
        "line 3: a quoted cell begins in",
    ),
    "a quote astray after inches": (
        b'a,b,note\n1,2,5" wide\n3,4,"y',
        "line 3: a quoted cell begin",
    ),
    "a quote astray in the header": (b'"a,b,note\n1,2,x\n', "line 1: a quoted cell begins in this"),
    "two quotes astray": (b'a,b,note\n1,2,"x\n3,4,y\n5,6,"z\n', "line 4: text behind a quoted"),
    "two quotes astray, side by side": (
        b'a,b,note\n1,"2,x\n3,"4,y\n',
        "line 3: text behind a quoted",
    ),
    "two quotes astray, in one column": (
        b'a,b,note\n1,"x,y\n2,z",3\n3,4,5\n',
        "line 3: a row within a quoted cell",
    ),
    "two quotes astray, of ids with letters": (
        b'a,b,note\nx1,2,3\nx2,"2,3\nx3,2",3\n',
        "line 4: a row within a quoted cell",
    ),
    "two quotes lost": (b'a,b,note\n1,2,"x\n3,4,y"\n', "line 3: a row within a quoted cell"),
    "a header within quotes": (b'"a,b,note"\n"1,2,x"\n', "line 1: one quoted cell holds a whole"),
    "a row within quotes": (b'a,b,note\n"1,2,x"\n', "line 2: one quoted cell holds a whole row"),
}


@pytest.mark.parametrize(("content", "expected"), DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_file_is_named_with_what_is_wrong(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=expected) as error:
        read_csv(path, ["a", "b"])
    assert str(error.value).startswith(f"{path}")
    assert len(str(error.value)) < 300


@given(st.integers(0, len(packed(ROWS)) - 1), st.integers(0, 7))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
def test_a_flipped_bit_of_a_compressed_file_never_changes_a_value(
    tmp_path: Path, byte: int, bit: int
) -> None:
    content = bytearray(packed(ROWS))
    content[byte] ^= 1 << bit
    path = tmp_path / "table.csv.gz"
    path.write_bytes(content)
    try:
        read = read_csv(path, ["a", "b"])
    except DataError as error:
        assert str(path) in str(error)  # noqa: PT017  # flags in the header of gzip mean nothing
    else:
        assert read.text("a").to_pylist() == [str(n) for n in range(2000)]


@given(
    st.integers(0, len(ROWS)),
    st.binary(max_size=3).filter(lambda written: not {*b"\r\n"} & {*written}),
    st.integers(0, 40),
)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
def test_whatever_is_overwritten_the_file_is_named_or_no_row_is_lost(
    tmp_path: Path, start: int, written: bytes, removed: int
) -> None:
    content = ROWS[:start] + written + ROWS[start + removed :]
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    try:
        read = read_csv(path, ["a", "b"])
    except DataError as error:
        assert str(path) in str(error)  # noqa: PT017
    else:
        lines = [line for line in content.splitlines() if line]
        assert read.table.num_rows == len(lines) - 1


@given(
    st.lists(
        st.lists(st.text("ab ,\"'\n\u00e9", max_size=6), min_size=3, max_size=3),
        min_size=1,
        max_size=30,
    )
)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
def test_quoted_cells_are_read_as_python_reads_them(tmp_path: Path, rows: list[list[str]]) -> None:
    path = tmp_path / "table.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([["a", "b", "c", "d", "e", "f"], *([*r, "1", "2", "x"] for r in rows)])
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        next(reader)
        starts, expected = [reader.line_num + 1], []
        for row in reader:
            expected.append(row)
            starts.append(reader.line_num + 1)
    try:
        raw = read_csv(path, list("abc"))
    except DataError as error:
        assert "within a quoted cell" in str(error)  # noqa: PT017  # five commas in one line
        return
    for n, name in enumerate("abc"):
        assert raw.table[name].to_pylist() == [row[n] or None for row in expected]
    for row, line in enumerate(starts[:-1]):
        with pytest.raises(DataError, match=f", line {line},"):
            raw.refuse(pa.array([place == row for place in range(row + 1)]), "a", "something else")


def test_an_error_names_the_line_as_an_editor_counts(tmp_path: Path) -> None:
    text = 'a,note\n1,"two\nlines"\n\n2,x\nhigh,y\n'
    with pytest.raises(DataError, match="line 6, column 'a': found 'high'"):
        table(tmp_path, text, "a").numbers("a")


def test_inches_written_as_quotes_are_text_and_do_not_confuse_the_lines(tmp_path: Path) -> None:
    inches = 'a,note\n1,5" wide\n3,6" wide\n'
    assert table(tmp_path, inches, "note").text("note").to_pylist() == ['5" wide', '6" wide']
    with pytest.raises(DataError, match="line 4, column 'a': found 'high'"):
        table(tmp_path, inches + "high,x\n", "a").numbers("a")
    with pytest.raises(DataError, match="line 4: found 1 column"):
        table(tmp_path, inches + "high\n", "a")


def test_a_complaint_of_several_lines_is_no_lost_row(tmp_path: Path) -> None:
    text = 'a,b,note\n1,2,"pain, cough\nfever"\n3,4,\n'
    raw = table(tmp_path, text, "a", "note")
    assert raw.text("note").to_pylist() == ["pain, cough\nfever", None]


def test_a_wrong_cell_that_swallowed_others_is_not_shown_whole(tmp_path: Path) -> None:
    raw = table(tmp_path, f"a,b\n{'secret' * 100},2\n", "a")
    with pytest.raises(DataError, match="line 2") as error:
        raw.numbers("a")
    assert str(error.value).count("secret") < 20


def test_a_file_that_a_browser_unpacked_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(ROWS)
    assert read_csv(path, ["a"]).table.num_rows == 2000


@pytest.mark.parametrize(
    "value", ["x", "-", "5%", "inf", "1e3", "1,5", "--1", "9 8", "1_0", "9" * 400]
)
def test_anything_but_a_number_is_refused_where_it_stands(tmp_path: Path, value: str) -> None:
    raw = table(tmp_path, f'a\n1.5\n"{value}"\n', "a")
    with pytest.raises(DataError, match=r"table\.csv, line 3, column 'a': found ") as error:
        raw.numbers("a")
    assert repr(value[:80]) in str(error.value)


def test_numbers_keep_their_value_and_a_blank_is_null(tmp_path: Path) -> None:
    raw = table(tmp_path, "a,b\n98.6,x\n-3,x\n.5,x\n,x\n7.,x\n 8,x\n  ,x\n", "a")
    assert raw.numbers("a").to_pylist() == [98.6, -3, 0.5, None, 7, 8, None]


def test_space_around_a_cell_is_no_part_of_it(tmp_path: Path) -> None:
    raw = table(tmp_path, "a,b\n F ,2150-03-01 22:00:00 \n \u00a0, NULL\n", "a", "b")
    assert raw.text("a").to_pylist() == raw.choices("a", ("F", None)).to_pylist() == ["F", None]
    assert raw.times("b").to_pylist() == [datetime(2150, 3, 1, 22), None]


def test_an_empty_row_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 3, column 'a': found an empty row .take it out."):
        table(tmp_path, "a,b\n1,2\n,\n", "a").ids("a")


def test_columns_without_a_name_are_passed_over(tmp_path: Path) -> None:
    raw = table(tmp_path, "a,b,,\n1,2,,\n", "a", "b")
    assert raw.table.to_pylist() == [{"a": "1", "b": "2"}]


def test_a_repeated_id_is_refused_at_its_second_row(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 4, column 'a': found 'x'"):
        table(tmp_path, "a\nx\ny\nx\n", "a").unique_ids("a")


NO_IDS = [
    *("", " 1", "1 ", "1\u00a0", "1\u200b", "\ufeff1", "1\n2", "1\t", "x" * 256),
    *("#REF!", "#DIV/0!", "NaT", "(null)", "-nan", "1,0E+07", "..", "../../x", "a/../b"),
    *("50414267.0", "1.0000032e+07", "1e+07", "nan", "NaN", "NULL", "#N/A", "N/A", "None", "\\N"),
]
NO_WHOLE_IDS = [*NO_IDS, "0", "010000032", "+10000032", "-1", "10,000,032", "0x1F", "1" * 20, "x1"]


@pytest.mark.parametrize("value", NO_IDS)
def test_what_is_no_id_is_refused_where_it_stands(tmp_path: Path, value: str) -> None:
    with pytest.raises(DataError, match=r"table\.csv, line 3, column 'a': found .*expected an id"):
        table(tmp_path, f'a,b\n1,1\n"{value}",1\n', "a", "b").ids("a")


@pytest.mark.parametrize(
    "value", ["NA1", "A/1", "Zo\u00eb 2", "1.2.840.113619", "d41d8e98", "-", "..a"]
)
def test_any_other_text_is_an_id(tmp_path: Path, value: str) -> None:
    raw = table(tmp_path, f'a,b\n"{value}",1\n', "a", "b")
    assert raw.ids("a").to_pylist() == [value]


@pytest.mark.parametrize("letter", ["", "s"])
@pytest.mark.parametrize("value", [*NO_WHOLE_IDS, "p1", "S1", "ss1", "s01", "s"])
def test_an_id_that_is_a_number_is_written_in_one_way(
    tmp_path: Path, value: str, letter: str
) -> None:
    raw = table(tmp_path, f'a,b\n1,1\n"{value}",1\n', "a", "b")
    with pytest.raises(DataError, match=r"line 3, column 'a': found .*expected a whole num") as no:
        raw.whole_ids("a", letter)
    assert (repr(value)[:80] if value else "nothing") in str(no.value)


@given(st.lists(st.tuples(st.sampled_from(["", "s"]), st.integers(1, 10**18 - 1)), min_size=1))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
def test_a_published_letter_is_taken_off_and_no_digit_with_it(
    tmp_path: Path, ids: list[tuple[str, int]]
) -> None:
    text = "a,b\n" + "".join(f"{letter}{number},1\n" for letter, number in ids)
    found = table(tmp_path, text, "a").whole_ids("a", "s").to_pylist()
    assert found == [str(number) for _, number in ids]


@pytest.mark.parametrize("value", ["3056.5", "-3", "0", "2147483648", "tall"])
def test_a_size_is_a_positive_whole_number(tmp_path: Path, value: str) -> None:
    raw = table(tmp_path, f"a,b\n3056,1\n3056.0,1\nNULL,1\n{value},1\n", "a")
    with pytest.raises(DataError, match=rf"line 5, column 'a': found '{value}', expected a "):
        raw.sizes("a")
    assert table(tmp_path, "a,b\n3056.0,1\nNULL,1\n", "a").sizes("a").to_pylist() == [3056, None]


WORDS = ["NULL", "null", "NaN", "nan", "N/A", "#N/A", "NA", "<NA>", "None", "\\N", "NaT"]
WORDS += ["-nan", "(null)", "1.#IND", "-1.#QNAN"]


@pytest.mark.parametrize("word", WORDS)
def test_a_word_for_a_missing_value_is_none_where_it_may_be_missing(
    tmp_path: Path, word: str
) -> None:
    text = f"number,time,label,choice,text\n{word},{word},{word},{word},{word}\n"
    raw = table(tmp_path, text, "number", "time", "label", "choice", "text")
    assert raw.numbers("number").to_pylist() == [None]
    assert raw.times("time").to_pylist() == [None]
    assert raw.labels("label", (1, 0, None)).to_pylist() == [None]
    assert raw.choices("choice", ("F", "M", None)).to_pylist() == [None]
    assert raw.text("text").to_pylist() == [None]
    with pytest.raises(DataError, match=re.escape(f"found {word!r}, expected one of 1, 0")):
        raw.labels("label", (1, 0))


def test_a_label_is_one_of_the_published_values(tmp_path: Path) -> None:
    raw = table(tmp_path, "a,b\n1.0,1\n-1,1\n,1\n2,1\n", "a")
    with pytest.raises(DataError, match=r"line 5.*'2', expected one of 1, 0, -1, nothing"):
        raw.labels("a", (1, 0, -1, None))


def test_a_blank_label_is_refused_where_none_is_published(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 3, column 'a': found nothing"):
        table(tmp_path, "a,b\n1,1\n,1\n", "a").labels("a", (1, 0))


NO_TIMES = [
    "2150-02-30 10:00:00",
    "2150-03-01",
    "2150-03-01 25:00:00",
    "2150-03-01T25:00:00",
    "2150-03-01T10:00:00Z",
    "2150-03-01 10:00:00+01:00",
    "2150-03-01  10:00:00",
    "2150-03-01 10:00:00.",
    "2150-03-01 10",
    "2150-03-01T",
    "2150-3-1 10:00:00",
]


@pytest.mark.parametrize("value", NO_TIMES)
def test_a_time_that_does_not_exist_is_refused(tmp_path: Path, value: str) -> None:
    text = f"a,b\n2150-03-01 22:00:00,1\n,1\n{value},1\n"
    with pytest.raises(DataError, match=r"line 4.*expected a date and time"):
        table(tmp_path, text, "a").times("a")


@given(st.lists(st.none() | st.datetimes(datetime(1678, 1, 1), datetime(2262, 1, 1)), min_size=1))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
def test_times_are_read_to_the_second(tmp_path: Path, times: list[datetime | None]) -> None:
    whole = [t and t.replace(microsecond=0) for t in times]
    text = "a,b\n" + "".join(f"{t or ''},1\n" for t in whole)
    assert table(tmp_path, text, "a").times("a").to_pylist() == whole


@given(
    st.lists(
        st.tuples(
            st.datetimes(datetime(1678, 1, 1), datetime(2262, 1, 1)),
            st.sampled_from(["T", " "]),
            st.sampled_from(["minutes", "seconds", "milliseconds", "microseconds"]),
        ),
        min_size=1,
    )
)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
def test_times_are_read_however_iso_8601_writes_them(
    tmp_path: Path, times: list[tuple[datetime, str, str]]
) -> None:
    text = "a,b\n" + "".join(f"{t.isoformat(separator, spec)},1\n" for t, separator, spec in times)
    digits = {"minutes": timedelta(minutes=1), "seconds": timedelta(seconds=1)}
    digits |= {"milliseconds": timedelta(milliseconds=1), "microseconds": timedelta(0, 0, 1)}
    start, second = datetime(1678, 1, 1), timedelta(seconds=1)
    cut = [(t - start) // digits[spec] * digits[spec] for t, _, spec in times]  # as it is written
    whole = [start - (-age // second) * second for age in cut]
    assert table(tmp_path, text, "a").times("a").to_pylist() == whole


@given(st.lists(st.none() | st.floats(-1e299, 1e299), min_size=1))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
def test_numbers_are_read_to_their_last_bit(tmp_path: Path, numbers: list[float | None]) -> None:
    printed = ["" if n is None else format(Decimal(n), "f") for n in numbers]
    found = table(tmp_path, "a,b\n" + "".join(f"{n},1\n" for n in printed), "a").numbers("a")
    assert found.to_pylist() == numbers


def test_a_short_row_far_down_is_refused_with_its_number(tmp_path: Path) -> None:
    text = "a,b\n" + "1,2\n" * 500_000 + "secret\n"  # beyond the block that the header is read in
    with pytest.raises(DataError, match=r"line 500002: found 1 column") as error:
        table(tmp_path, text, "a")
    assert "secret" not in str(error.value)


LONG = "x" * 3_000_000
VALID = {
    "a line break in the first cell": ('a,b,c\n"x\ny",2,3\n', ["x\ny"]),
    "a line break in the first name": ('a,b,"c\nd"\n1,2,3\n', ["1"]),
    "a line of text with many commas": ('a,b,c\n1,2,"ill\nfever, cough, chills, 3"\n', ["1"]),
    "lines of text that begin otherwise": ('a,b,c\nx1,"ill\nfever, cough",3\n', ["x1"]),
    "a backslash before the end": ('a,b,c\n1,"C:\\",3\n', ["1"]),
    "a quoted row with commas": ('"a","b","c"\n"1,0","2,0","3,0"\n', ["1,0"]),
    "a cell of 3 MB": (f"a,b,c\n1,2,{LONG}\n4,5,6\n", ["1", "4"]),
    "a quoted cell of 3 MB": (f'a,b,c\n1,2,"{LONG}\n{LONG}"\n4,5,6\n', ["1", "4"]),
    "a first cell of 3 MB": (f"a,b,c\n{LONG},2,3\n", [LONG]),
    "a blank first line": ("\na,b,c\n1,2,3\n", ["1"]),
    "blank lines before, between and after": ("\r\n\na,b,c\n\n1,2,3\n\n", ["1"]),
    "a mark of UTF-8 and a blank line": ("\ufeff\na,b,c\n1,2,3\n", ["1"]),
    "an inch": ('a,b,c\n1,2,5" wide\n', ["1"]),
    "an inch and a line break": ('a,b,c\n1,2,5" wide\n4,5,"a\nb"\n', ["1", "4"]),
}


@pytest.mark.parametrize(("text", "expected"), VALID.values(), ids=VALID.keys())
def test_odd_but_valid_csv_is_read(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert table(tmp_path, text, "a").text("a").to_pylist() == expected


def test_a_folder_in_the_place_of_a_table_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder, expected a file"):
        read_csv(tmp_path, ["a"])
