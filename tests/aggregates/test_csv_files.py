"""CSV files, read again by Python's own reader."""

import csv
from pathlib import Path

from camchex.aggregates.csv_files import write_csv


def test_what_is_written_is_read_again_rounded(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rows.csv"
    write_csv(["class", "AP", "positives"], [('a, "b"', 1 / 3, 7), ("c", None, "<5")], path)
    with path.open(newline="") as file:
        found = list(csv.reader(file))
    assert found == [["class", "AP", "positives"], ['a, "b"', "0.333333", "7"], ["c", "", "<5"]]
    assert b"\r" not in path.read_bytes()
