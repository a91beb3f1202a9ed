"""Published CSV: what is refused, and that the message says where it stands."""

from pathlib import Path

import pytest

from camchex.errors import DataError
from camchex.sources.raw_table import RawTable, read_csv


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
    with pytest.raises(DataError, match=r"Row #3: Expected 2 columns") as error:
        table(tmp_path, "a,b\n1,2\nsecret\n", "a")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\x1f\x8bnot gzip"], ids=["empty", "damaged"])
def test_a_damaged_file_is_to_be_downloaded_again(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="Download it again"):
        read_csv(path, ["a"])


@pytest.mark.parametrize("value", ["x", "nan", "inf", "1e3", "1,5", "--1", "9 8", "1_0"])
def test_anything_but_a_number_is_refused_where_it_stands(tmp_path: Path, value: str) -> None:
    raw = table(tmp_path, f'a\n1.5\n"{value}"\n', "a")
    with pytest.raises(DataError, match=r"table\.csv, line 3, column 'a': found ") as error:
        raw.numbers("a")
    assert repr(value) in str(error.value)


def test_numbers_keep_their_value_and_a_blank_is_null(tmp_path: Path) -> None:
    raw = table(tmp_path, "a,b\n98.6,x\n-3,x\n.5,x\n,x\n7.,x\n 8,x\n", "a")
    assert raw.numbers("a").to_pylist() == [98.6, -3, 0.5, None, 7, 8]


def test_a_repeated_id_is_refused_at_its_second_row(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 4, column 'a': found 'x'"):
        table(tmp_path, "a\nx\ny\nx\n", "a").unique_ids("a")


@pytest.mark.parametrize("value", ["", "50414267.0"])
def test_an_id_is_neither_blank_nor_decimal(tmp_path: Path, value: str) -> None:
    with pytest.raises(DataError, match="expected an id"):
        table(tmp_path, f'a,b\n1,1\n"{value}",1\n', "a", "b").ids("a")


def test_a_label_is_one_of_the_published_values(tmp_path: Path) -> None:
    raw = table(tmp_path, "a,b\n1.0,1\n-1,1\n,1\n2,1\n", "a")
    with pytest.raises(DataError, match=r"line 5.*'2', expected one of 1, 0, -1, nothing"):
        raw.labels("a", (1, 0, -1, None))


def test_a_blank_label_is_refused_where_none_is_published(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 3, column 'a': found nothing"):
        table(tmp_path, "a,b\n1,1\n,1\n", "a").labels("a", (1, 0))


@pytest.mark.parametrize("value", ["2150-02-30 10:00:00", "2150-03-01", "2150-03-01 25:00:00"])
def test_a_time_that_does_not_exist_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(DataError, match=r"line 2.*expected a date and time"):
        table(tmp_path, f"a\n{value}\n", "a").times("a")


def test_a_short_row_far_down_is_refused_with_its_number(tmp_path: Path) -> None:
    text = "a,b\n" + "1,2\n" * 500_000 + "secret\n"  # beyond the block that the header is read in
    with pytest.raises(DataError, match=r"Row #500002: Expected 2 columns") as error:
        table(tmp_path, text, "a")
    assert "secret" not in str(error.value)
