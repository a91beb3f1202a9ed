"""Tables that should speak of the same patients, studies or images, and whether they do."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract.rules import LEAST_SHARE
from camchex.errors import DataError, counted
from camchex.sources.csv.lookup import positions

SAMPLE = 10_000  # rows that are looked up, drawn anyhow, where a table has more
Named = tuple[Path | str, pa.Table]


def require_matches(one: Named, other: Named, keys: Sequence[str]) -> None:
    """Check that two tables, of any rows, have rows in common, more than chance would give.

    One of the two may be far larger: most ED stays are of patients without an X-ray, and a cohort
    may be a few studies of a full release. So it is enough if ``LEAST_SHARE`` of the rows of either
    are in the other. A table without rows says that there is no such data.

    Args:
        one: A table, and its file for the message.
        other: The table it belongs to.
        keys: Columns that are equal in both; the first is looked up, and decides the others.

    Raises:
        DataError: If less than ``LEAST_SHARE`` of either are in the other.
    """
    if not (one[1].num_rows and other[1].num_rows):
        return
    found = share_found(one[1], other[1], keys)
    if max(found, share_found(other[1], one[1], keys) if found < LEAST_SHARE else 1) >= LEAST_SHARE:
        return
    ids = [f"{', '.join(str(t[name][0]) for name in keys)}" for _, t in (one, other)]
    share = f"only about {found:.1%}" if found else "none"
    raise DataError(
        f"{one[0]}: of {counted(one[1].num_rows, 'row')}, {share} belong to {other[0]}, by "
        f"{' and '.join(keys)}. The first is {ids[0]} here and {ids[1]} there. Take both from one "
        "release; if so few belong together, cut one down to these."
    )


def sample(table: pa.Table) -> pa.Table:
    """Draw ``SAMPLE`` rows of a table that has more."""
    if table.num_rows <= SAMPLE:
        return table
    return table.take(pa.array(np.random.default_rng(0).integers(table.num_rows, size=SAMPLE)))


def share_found(table: pa.Table, within: pa.Table, keys: Sequence[str]) -> float:
    """Return the share of rows, of at most ``SAMPLE`` of them, whose keys are in ``within``."""
    some = sample(table.select(list(keys)))
    first, *others = keys
    row = positions(some[first], within[first])
    same = pc.is_valid(row)
    for name in others:
        there = within[name].combine_chunks().take(row)
        same = pc.and_kleene(same, pc.equal(there, some[name].combine_chunks()))
    return float(pc.mean(same).as_py())
