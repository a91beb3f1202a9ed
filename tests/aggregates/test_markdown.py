"""Markdown tables: what is in a cell stays as it is."""

import pytest

from camchex.aggregates.markdown import markdown_table


def test_cells_are_written_as_they_are_and_the_table_is_not_padded() -> None:
    rows = [["A: `x`", "+0.10", ""], ["a longer name", "1e3", "<5"]]
    assert markdown_table(["name", "value", "note"], rows).splitlines() == [
        "| name | value | note |",
        "| --- | --- | --- |",
        "| A: `x` | +0.10 |  |",
        "| a longer name | 1e3 | <5 |",
    ]


@pytest.mark.parametrize("columns", [1, 3])
def test_a_table_without_rows_is_its_header(columns: int) -> None:
    header = ["name"] * columns
    assert len(markdown_table(header, []).splitlines()) == 2
