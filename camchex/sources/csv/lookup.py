"""Rows found by id, and checks that the tables of every data set share."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from camchex.errors import DataError


def positions(ids: pa.Array, within: pa.Array) -> pa.Array:
    """Position of each id in ``within``; null where ``within`` does not hold the id."""
    return pc.index_in(_one_chunk(ids), value_set=_one_chunk(within))


def repeated(ids: pa.Array) -> pa.Array:
    """Whether an id stands in a row above its own, bool, (N,)."""
    first = pc.index_in(ids, value_set=ids)
    return pc.not_equal(first, pa.array(np.arange(len(ids), dtype=np.int32)))


def values_of(ids: pa.Array, table: pa.Table, key: str, column: str) -> pa.Array:
    """Value of ``column`` in the row whose ``key`` is each id; null where there is no such row."""
    return _one_chunk(table[column]).take(positions(ids, table[key]))


def any_known(labels: pa.Table, classes: Iterable[str]) -> pa.Array:
    """Whether any of some labels is known, bool, (N,)."""
    known = np.zeros(labels.num_rows, bool)
    for name in classes:
        known |= pc.is_valid(labels[name]).to_numpy()
    return pa.array(known)


def require_known_columns(header: Sequence[str], known: Collection[str], where: str) -> None:
    """Check that a table with one column per label has no label that would be passed over.

    Args:
        header: Names of the table's columns; a column without a name is an index.
        known: Columns that are read, and columns that are known not to be labels.
        where: The file, for the message.

    Raises:
        DataError: Naming the unknown columns.
    """
    unknown = [name for name in header if name and name not in known]
    if unknown:
        folded = {_folded(name): name for name in known}
        meant = [repr(folded[_folded(name)]) for name in unknown if _folded(name) in folded]
        advice = (
            f"Write {', '.join(meant)}, as published."
            if meant
            else "is it the file of this release? If the column is no label, take it out."
        )
        raise DataError(
            f"{where}: unknown column {', '.join(map(repr, unknown))}. A label in it would be "
            f"lost: {advice} Known: {', '.join(known)}."
        )


def _folded(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name).strip().casefold()


def require_one_value_per_study(
    images: pa.Table,
    columns: Iterable[str],
    where: str,
    origin: Mapping[str, str] | None = None,
) -> None:
    """Check that the images of a study agree in some columns; null is a value like any other.

    Args:
        images: image_id, study_id, the columns and, with ``origin``, split.
        columns: The columns.
        where: The file of the images, for the message.
        origin: The file of the images of each split, for the message.

    Raises:
        DataError: Naming the column, the first study with several values, and two of its images.
    """
    every = pc.CountOptions(mode="all")
    studies = images.group_by("study_id")
    for name in columns:
        counted = studies.aggregate([(name, "count_distinct", every)])
        several = counted.filter(pc.greater(counted[f"{name}_count_distinct"], 1))["study_id"]
        if len(several):
            study = pc.min(several).as_py()
            rows = (
                images.filter(pc.equal(images["study_id"], study)).sort_by("image_id").to_pylist()
            )
            other = next(row for row in rows if row[name] != rows[0][name])
            said = [
                f"{'nothing' if row[name] is None else row[name]} for image {row['image_id']}"
                + (f" ({origin[row['split']]})" if origin else "")
                for row in (rows[0], other)
            ]
            raise DataError(
                f"{where}: study {study} has images with different values of {name!r}: "
                f"{' and '.join(said)}, and {len(several) - 1} further such studies. A study has "
                "one patient and one set of labels: correct the file, or take the study out of it."
            )


def image_counts(images: pa.Table) -> dict[str, int]:
    """Count images, studies and patients of a table with study_id and patient_id of each image."""
    studies, patients = (pc.count_distinct(images[k]).as_py() for k in ("study_id", "patient_id"))
    return {"images": images.num_rows, "studies": studies, "patients": patients}


def _one_chunk(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
