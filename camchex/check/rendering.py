"""Results of ``camchex check`` as a person reads them in a terminal."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from camchex.check import checked
from camchex.check.arithmetic import ArithmeticTest
from camchex.check.canonical_tables import CheckedTable
from camchex.errors import counted

INDENT = (0, 0, 0, 2)  # on the left


def render_data(data: checked.CheckedData) -> Group:
    """Lay out what is there, what is missing and how to get it, one data set after the other."""
    parts = [Text.assemble("data.root: ", (str(data.root), "bold"))]
    if not data.root.is_dir():
        parts.append(_line("no such folder: set data.root in params.yaml", good=False))
    blocks = [block for data_set in data.data_sets for block in _data_set(data_set)]
    complete = sum(data_set.complete for data_set in data.data_sets)
    verdict = f"{complete} of {len(data.data_sets)} data sets complete"
    return Group(*parts, *blocks, Text(), _line(verdict, good=data.complete))


def render_arithmetic(test: ArithmeticTest) -> Text:
    """Say whether this machine's arithmetic is the recorded one."""
    if not test.differs:
        return _line("arithmetic: the recorded bytes", good=True)
    return _line(f"arithmetic: {', '.join(test.differs)} differ: {test.advice}", good=False)


def render_pretrained(found: Mapping[str, str | None]) -> Iterator[Text | Padding]:
    """Say of each published model whether it can be had; found: what is wrong, or None."""
    yield from [Text()] if found else []
    for key, problem in found.items():
        yield _line(f"{key}: {'cannot be had' if problem else 'can be had'}", good=not problem)
        if problem:
            yield Padding(Text(problem), INDENT, expand=False)


def _data_set(data_set: checked.CheckedDataSet) -> Iterator[Text | Padding]:
    yield Text()
    yield Text.assemble((data_set.name, "bold"))
    for file in data_set.files:
        yield from (Padding(line, INDENT, expand=False) for line in _file(file))
    if not data_set.complete:
        yield Padding(Text(f"get it: {data_set.page}", style="yellow"), INDENT, expand=False)


def _file(file: checked.CheckedFile) -> Iterator[Padding | Text]:
    if not file.present or file.problem:
        state = "present, but cannot be used" if file.present else "missing"
        yield _line(f"{file.path}: {state}", good=False)
        if file.problem:
            yield Text(f"   {file.problem}")
        return
    yield _line(str(file.path), good=True)
    if file.table.counts:
        counts = []
        for name, n in file.table.counts.items():
            published = file.table.published.get(name)
            if published is None:
                counts.append(f"{n:,} {name}")
            else:
                same = "as published" if n == published else f"published: {published:,}"
                counts.append(f"{n:,} {name} ({same})")
        yield Text(f"   {', '.join(counts)}")
    if file.table.classes:
        yield from _classes(file.table)
    if file.referred:
        yield _referred(file.referred)


def _classes(counts: checked.TableCounts) -> Iterator[Padding | Text]:
    """Yield a table with a row for each class that has known labels; name the others below it."""
    said = {name: n for name, n in counts.classes.items() if n.positive or n.negative}
    columns = [*checked.ClassCount._fields, *(["as published"] if counts.positive else [])]
    table = Table("class", *(Column(name, justify="right") for name in columns), box=None)
    for name, n in said.items():
        published = counts.positive.get(name)
        comparison = "" if published is None else "yes" if published == n.positive else published
        cells = [f"{value:,}" if isinstance(value, int) else value for value in (*n, comparison)]
        table.add_row(name, *cells[: len(columns)])
    yield Padding(table, INDENT, expand=False)
    silent = [name for name in counts.classes if name not in said]
    if silent:
        yield Text(f"   nothing is said of: {', '.join(silent)}", style="dim")


def _referred(files: checked.ReferredFiles) -> Text:
    sample = "" if files.looked_for == files.total else f" tried, of {files.total:,} in all"
    found = f"{files.present:,} of {files.looked_for:,} files{sample} are there"
    if files.missing is None:
        return _line(found, good=True)
    return _line(f"{found}; missing for example {files.missing}", good=False)


def render_tables(tables: Sequence[CheckedTable]) -> Group:
    """Lay out what is wrong with each canonical table, column by column, or image store."""
    right = sum(not table.problems for table in tables)
    verdict = _line(f"{right} of {len(tables)} are as they should be", good=right == len(tables))
    return Group(*(line for table in tables for line in _table(table)), Text(), verdict)


def _table(table: CheckedTable) -> Iterator[Text | Padding]:
    rows = "" if table.rows is None else f": {counted(table.rows, 'row')}"
    yield _line(f"{table.path}{rows}", good=not table.problems)
    for problem in table.problems:
        column = "" if problem.column is None else f"{problem.column}: "
        yield Padding(Text.assemble((column, "bold"), problem.what), INDENT, expand=False)


def _line(text: str, *, good: bool) -> Text:
    return Text.assemble(("ok", "green") if good else ("!!", "bold red"), " ", text)
