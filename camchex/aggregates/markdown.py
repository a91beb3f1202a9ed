"""Tables in Markdown, for files that people read on a code host."""

from collections.abc import Iterable, Sequence

from tabulate import DataRow, TableFormat, tabulate

CELLS = DataRow("| ", " | ", " |")
UNPADDED = TableFormat(
    lineabove=None,
    linebelowheader=lambda widths, _: f"| {' | '.join(['---'] * len(widths))} |",
    linebetweenrows=None,
    linebelow=None,
    headerrow=CELLS,
    datarow=CELLS,
    padding=0,
    with_header_hide=None,
)
"""The table format of GitHub without padding: a changed cell changes one line, not the table."""


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, without a newline at its end.

    Args:
        header: Name of each column.
        rows: Text of each cell, as it is to be written.
    """
    table: str = tabulate(
        list(rows), header, tablefmt=UNPADDED, stralign=None, disable_numparse=True
    )
    return table
