"""What a canonical table must be: held where one is written or read, and by ``camchex check``."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract import ids, schemas

LEAST_SHARE = 0.05
"""Share of rows below which almost nothing of a table belongs to another.

Between what chance gives and what people use: ids of MIMIC are one of 10 million, so that 4.3 % of
any such ids are those of one of its 425,087 stays; the smallest part that is usually downloaded is
a folder of a tenth of the patients, ``files/p10``.
"""
NO_TEXT = r"^[\pZ\s]*$|[\x00-\x08\x0e-\x1b\x7f]"  # blank, or with characters that are no text
OUTSIDE = rf"^/|(^|/)\.\.(/|$)|{NO_TEXT}"
"""What no path below a folder has: a start at the root, a step up, nothing that can be read."""
SET = "dataset"  # within which ids tell rows apart, and by which they are sorted first


@dataclass(frozen=True)
class Problem:
    """Fault of one column or (column None) of a table as a whole."""

    column: str | None
    what: str

    def __str__(self) -> str:
        """Column and fault, for a message."""
        return self.what if self.column is None else f"column {self.column!r}: {self.what}"


def problems(table: pa.Table, schema: pa.Schema, *, in_order: bool = True) -> Iterator[Problem]:
    """Yield what is wrong with a table by itself.

    Args:
        table: The table; its columns may have any order.
        schema: What it should be: columns, types, nulls, values (``schemas.one_of``), key.
        in_order: Whether the rows must be sorted by their key.
    """
    for unknown in sorted(set(table.column_names) - set(schema.names)):
        yield Problem(unknown, "is not a column of this table: leave it out")
    for name in sorted({name for name in table.column_names if table.column_names.count(name) > 1}):
        yield Problem(name, "is there several times: leave all but one out")
        return
    for field in schema:
        if field.name not in table.column_names:
            yield Problem(field.name, f"missing ({field.type}): {schemas.meaning(field)}")
        elif table[field.name].type != field.type:
            yield Problem(field.name, _other_type(table[field.name].type, field.type))
        elif pa.types.is_list(field.type):
            yield from _lists(table, field)
        else:
            yield from _values(table, field)
    key = schemas.key(schema)
    if key is not None and key in table.column_names and pa.types.is_string(table[key].type):
        yield from _order(table, key, in_order=in_order)


def wrong(
    table: pa.Table, name: str, good: pa.Array | pa.ChunkedArray, expected: str
) -> Iterator[Problem]:
    """Yield the first value of a column that is not ``good``, its row, and how many there are."""
    bad = len(good) - int(pc.sum(good).as_py() or 0)
    if bad:
        row = pc.index(good, value=False).as_py()
        first = f"the first {table[name][row].as_py()!r} in row {row}"
        key = table.column_names[0] if name != table.column_names[0] else None
        of = next((n for n in ("image_id", "study_id") if n in table.column_names), key)
        where = f" ({of} {table[of][row].as_py()})" if of and of != name else ""
        yield Problem(name, f"{bad:,} wrong values, {first}{where}; expected {expected}")


def _other_type(found: pa.DataType, expected: pa.DataType) -> str:
    what = f"is of type {found}, expected {expected}"
    if pa.types.is_floating(found) and pa.types.is_string(expected):
        return f"{what}: a float may have lost digits; read the ids as text where they come from"
    return f"{what}: write it so (in Arrow, cast)"


def _values(table: pa.Table, field: pa.Field) -> Iterator[Problem]:
    """Yield nulls where none may be, and values that the column may not hold."""
    column = table[field.name]
    if not field.nullable and column.null_count:
        row = pc.index(pc.is_null(column), value=True).as_py()
        yield Problem(field.name, f"{column.null_count:,} nulls, the first in row {row}; none may")
    good, expected = _good(column, field)
    if good is not None:
        good = pc.if_else(pc.is_null(column), pa.scalar(value=True), good)
        yield from wrong(table, field.name, good, expected)


def _good(column: pa.ChunkedArray, field: pa.Field) -> tuple[pa.ChunkedArray | None, str]:
    """Tell which values a column may hold (None: any), and what they should be."""
    choices = schemas.one_of(field)
    if choices:
        known = pc.is_in(column, value_set=pa.array(choices, field.type))
        return known, f"one of {', '.join(map(str, choices))}"
    bounds = schemas.between(field)
    if bounds:
        inside = pc.and_(pc.greater_equal(column, bounds[0]), pc.less_equal(column, bounds[1]))
        return inside, "a number from {:g} to {:g}".format(*bounds)
    if pa.types.is_floating(field.type):
        return pc.is_finite(column), "a number" + (", or null if unknown" if field.nullable else "")
    if pa.types.is_timestamp(field.type):
        return pc.equal(pc.floor_temporal(column, unit="second"), column), "whole seconds"
    return _good_text(column, field) if pa.types.is_string(field.type) else (None, "")


def _good_text(column: pa.ChunkedArray, field: pa.Field) -> tuple[pa.ChunkedArray, str]:
    if field.name.endswith("_id"):
        return pc.invert(ids.no_ids(column)), ids.ADVICE
    if field.name == "path":
        return pc.invert(pc.match_substring_regex(column, OUTSIDE)), "a path below data.root"
    missing = "" if field.name in schemas.REPORTED else f"|{ids.MISSING}"
    good = pc.invert(pc.match_substring_regex(column, NO_TEXT + missing))
    return good, "a text" + (", or null if there is none" if field.nullable else "")


def _lists(table: pa.Table, field: pa.Field) -> Iterator[Problem]:
    """Yield lists that are empty, of another length than the first's, or of wrong elements."""
    column, name = table[field.name].combine_chunks(), field.name.removesuffix("s")
    first = next(f.name for f in table.schema if pa.types.is_list(f.type))
    lengths = pc.fill_null(pc.list_value_length(column), 0)
    same = pc.equal(lengths, pc.fill_null(pc.list_value_length(table[first]), 0).combine_chunks())
    good = pc.and_(same, pc.greater(lengths, 0)).to_numpy(zero_copy_only=False).copy()
    elements = pc.list_flatten(column)
    element = pa.field(name, field.type.value_type, metadata=field.metadata)
    right, expected = _good(elements, element)
    right = pc.fill_null(right, fill_value=False)
    if name.endswith("_id"):
        expected = f"each in one row only: {expected}"
        right = pc.and_(right, _first(elements))
    good[pc.list_parent_indices(column).filter(pc.invert(right)).to_numpy()] = False
    yield from wrong(table, field.name, pa.array(good), f"as many as {first}, {expected}")


def _first(values: pa.Array) -> pa.Array:
    """Whether no row above has the same value."""
    found = pc.index_in(values, value_set=values)
    return pc.equal(found, pa.array(np.arange(len(values), dtype=np.int32)))


def _order(table: pa.Table, key: str, *, in_order: bool) -> Iterator[Problem]:
    """Yield ids that several rows of a data set have, and rows that are not sorted by them."""
    values = table[key].combine_chunks()
    if SET in table.column_names and pa.types.is_string(table[SET].type):
        # The least character: texts so joined are sorted as pairs are.
        values = pc.binary_join_element_wise(table[SET].combine_chunks(), values, "\0")
    rising = pc.less(values.slice(0, max(len(values) - 1, 0)), values.slice(1))
    if values.null_count or pc.all(rising, min_count=0).as_py():
        return
    repeated = list(wrong(table, key, _first(values), "every id in one row only"))
    yield from repeated
    if in_order and not repeated:
        yield from wrong(table, key, pa.concat_arrays([pa.array([True]), rising]), "sorted rows")
