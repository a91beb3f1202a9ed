"""The findings as a person reads them in a terminal."""

from collections.abc import Iterator, Sequence

from rich.console import Group
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from camchex.check.canonical import TableFinding
from camchex.check.findings import ClassCount, Contents, DataSet, FileFinding, Findings, Referenced

INDENT = (0, 0, 0, 2)  # on the left
GOOD, BAD = ("ok", "green"), ("!!", "bold red")


def render(findings: Findings) -> Group:
    """Lay out what is there, what is missing and how to get it, one data set after the other."""
    parts = [Text.assemble("data.root: ", (str(findings.root), "bold"))]
    if not findings.root.is_dir():
        parts.append(_line(BAD, "no such folder: set data.root in params.yaml"))
    blocks = [block for data_set in findings.data_sets for block in _data_set(data_set)]
    complete = sum(data_set.complete for data_set in findings.data_sets)
    total = len(findings.data_sets)
    verdict = _line(GOOD if findings.complete else BAD, f"{complete} of {total} data sets complete")
    return Group(*parts, *blocks, Text(), verdict)


def _data_set(data_set: DataSet) -> Iterator[Text | Padding]:
    yield Text()
    yield Text.assemble((data_set.name, "bold"))
    for file in data_set.files:
        yield from (Padding(line, INDENT, expand=False) for line in _file(file))
    if not data_set.complete:
        yield Padding(Text(f"get it: {data_set.page}", style="yellow"), INDENT, expand=False)


def _file(file: FileFinding) -> Iterator[Padding | Text]:
    if not file.present or file.problem:
        state = "present, but cannot be used" if file.present else "missing"
        yield _line(BAD, f"{file.path}: {state}")
        if file.problem:
            yield Text(f"   {file.problem}")
        return
    yield _line(GOOD, str(file.path))
    if file.contents.counts:
        yield Text(f"   {_counts(file.contents)}")
    if file.contents.classes:
        yield from _classes(file.contents)
    if file.referenced:
        yield _referenced(file.referenced)


def _counts(contents: Contents) -> str:
    return ", ".join(
        f"{n:,} {name}{_published(n, contents.published.get(name))}"
        for name, n in contents.counts.items()
    )


def _classes(contents: Contents) -> Iterator[Padding | Text]:
    """A row for each class of which anything is said, and one line for the others."""
    said = {name: n for name, n in contents.classes.items() if n.positive or n.negative}
    columns = [*ClassCount._fields, *(["as published"] if contents.positive else [])]
    table = Table("class", *(Column(name, justify="right") for name in columns), box=None)
    for name, n in said.items():
        published = contents.positive.get(name)
        comparison = "" if published is None else "yes" if published == n.positive else published
        cells = [f"{value:,}" if isinstance(value, int) else value for value in (*n, comparison)]
        table.add_row(name, *cells[: len(columns)])
    yield Padding(table, INDENT, expand=False)
    silent = [name for name in contents.classes if name not in said]
    if silent:
        yield Text(f"   nothing is said of: {', '.join(silent)}", style="dim")


def _published(found: int, published: int | None) -> str:
    if published is None:
        return ""
    return " (as published)" if found == published else f" (published: {published:,})"


def _referenced(files: Referenced) -> Text:
    sample = "" if files.looked_for == files.total else f" tried, of {files.total:,} in all"
    found = f"{files.present:,} of {files.looked_for:,} files{sample}"
    if files.missing is None:
        return _line(GOOD, f"{found} are there")
    return _line(BAD, f"{found} are there; missing for example {files.missing}")


def _line(sign: tuple[str, str], text: str) -> Text:
    return Text.assemble(sign, " ", text)


def render_tables(tables: Sequence[TableFinding]) -> Group:
    """Lay out what is wrong with each canonical table, column by column."""
    right = sum(not table.problems for table in tables)
    verdict = _line(
        GOOD if right == len(tables) else BAD, f"{right} of {len(tables)} tables are as they should"
    )
    return Group(*(line for table in tables for line in _table(table)), Text(), verdict)


def _table(table: TableFinding) -> Iterator[Text | Padding]:
    rows = "" if table.rows is None else f": {table.rows:,} rows"
    yield _line(BAD if table.problems else GOOD, f"{table.path}{rows}")
    for problem in table.problems:
        column = "" if problem.column is None else f"{problem.column}: "
        yield Padding(Text.assemble((column, "bold"), problem.what), INDENT, expand=False)
