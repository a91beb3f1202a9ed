"""Ways in which a canonical table of somebody's own is not what it should be."""

import io
from collections.abc import Callable
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Rng = np.random.Generator
Change = Callable[[pa.Table, int, Rng], pa.Table]  # the table, one of its columns, and chance
JUNK: tuple[object, ...] = (
    None, "", " ", "nan", "NULL", "FRONTAL", "x" * 300, "a\u200b", "1.0000032e+07", "other", -1, 0,
    2, 7, 0.5, float("nan"), float("inf"), 1e300,
)  # fmt: skip
TYPES = (pa.large_string(), pa.float64(), pa.float32(), pa.int64(), pa.int8(), pa.binary())


def cell_replaced(table: pa.Table, column: int, rng: Rng) -> pa.Table:
    """Another value, of the same type where there is one, else the column as it was."""
    if not table.num_rows:
        return table
    field, values = table.schema.field(column), table[column].to_pylist()
    old = int(rng.integers(len(values)))
    values[old] = JUNK[int(rng.integers(len(JUNK)))]
    try:
        changed = pa.array(values, field.type)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return table
    return table.set_column(column, field.with_nullable(nullable=True), changed)


def cell_of_another_row(table: pa.Table, column: int, rng: Rng) -> pa.Table:
    rows = np.arange(table.num_rows)
    if len(rows):
        rows[rng.integers(len(rows))] = rng.integers(len(rows))
    return table.set_column(column, table.schema.field(column), table[column].take(rows))


def type_changed(table: pa.Table, column: int, rng: Rng) -> pa.Table:
    kind = TYPES[int(rng.integers(len(TYPES)))]
    try:
        changed = table[column].cast(kind)
    except pa.ArrowException:
        changed = pa.nulls(table.num_rows, kind)
    return table.set_column(column, table.column_names[column], changed)


def row_twice(table: pa.Table, _column: int, rng: Rng) -> pa.Table:
    row = int(rng.integers(table.num_rows))
    return pa.concat_tables([table.slice(0, row + 1), table.slice(row)])


def row_gone(table: pa.Table, _column: int, rng: Rng) -> pa.Table:
    row = int(rng.integers(table.num_rows))
    return pa.concat_tables([table.slice(0, row), table.slice(row + 1)])


def rows_in_any_order(table: pa.Table, _column: int, rng: Rng) -> pa.Table:
    return table.take(rng.permutation(table.num_rows))


def no_rows(table: pa.Table, _column: int, _rng: Rng) -> pa.Table:
    return table.slice(0, 0)


def column_gone(table: pa.Table, column: int, _rng: Rng) -> pa.Table:
    return table.remove_column(column)


def column_renamed(table: pa.Table, column: int, _rng: Rng) -> pa.Table:
    names = [f"{name}_v2" if n == column else name for n, name in enumerate(table.column_names)]
    return table.rename_columns(names)


def column_twice(table: pa.Table, column: int, _rng: Rng) -> pa.Table:
    return table.append_column(table.schema.field(column), table[column])


def columns_in_any_order(table: pa.Table, _column: int, rng: Rng) -> pa.Table:
    return table.select(list(rng.permutation(table.column_names)))


def _changed(change: Change, data: bytes, rng: Rng) -> bytes:
    table = pq.read_table(io.BytesIO(data))
    out = io.BytesIO()
    pq.write_table(change(table, int(rng.integers(table.num_columns)), rng), out)
    return out.getvalue()


def _damage(change: Change) -> Callable[[bytes, Rng], bytes]:
    how = partial(_changed, change)
    how.__name__ = change.__name__  # type: ignore[attr-defined]
    return how


CANONICAL = tuple(
    _damage(change)
    for change in (
        *(cell_replaced, cell_replaced, cell_of_another_row, type_changed, row_twice, row_gone),
        *(rows_in_any_order, no_rows, column_gone, column_renamed, column_twice),
        columns_in_any_order,
    )
)
