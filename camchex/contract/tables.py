"""SQL over Arrow tables, and Parquet files whose schema is checked on the way in and out."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from camchex.contract import schemas
from camchex.errors import DataError


def run_sql(
    resource: str,
    inputs: Mapping[str, pa.Table],
    schema: pa.Schema,
    params: Mapping[str, object] | None = None,
) -> pa.Table:
    """Run one ``.sql`` file of the package and cast its result to ``schema``.

    Args:
        resource: ``package/name.sql`` below ``camchex``.
        inputs: Tables by the name under which the query reads them.
        schema: Columns, order, types and nullability of the result.
        params: Values for the ``$name`` placeholders.

    Raises:
        ValueError: If the result does not have exactly the columns of ``schema``.
    """
    query = files("camchex").joinpath(resource).read_text()
    with duckdb.connect() as connection:
        for name, table in inputs.items():
            connection.register(name, table)
        result = connection.sql(query, params=dict(params or {})).to_arrow_table()
    if result.column_names != schema.names:
        raise ValueError(f"{resource}: got {result.column_names}, expected {schema.names}")
    return result.cast(schema)


def read(path: Path, schema: pa.Schema) -> pa.Table:
    """Read a Parquet file and refuse one that does not have ``schema``.

    Raises:
        DataError: If the file is missing or has other columns or types.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file. `dvc repro` makes it.")
    table = pq.read_table(path)
    if not table.schema.equals(schema):
        raise DataError(f"{path}: its schema is\n{table.schema}\nexpected\n{schema}")
    return table


def write(table: pa.Table, path: Path, schema: pa.Schema) -> None:
    """Write a Parquet file of ``schema``: the same table gives the same bytes.

    Raises:
        ValueError: If the table does not have ``schema``, or holds a null where it allows none.
    """
    if table.column_names != schema.names:
        raise ValueError(f"{path}: got {table.column_names}, expected {schema.names}")
    table = table.cast(schema)
    for field in schema:
        if not field.nullable and table[field.name].null_count:
            raise ValueError(f"{path}: {field.name} holds {table[field.name].null_count} nulls")
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.combine_chunks(), path, compression="zstd")


def predictions_table(
    study_ids: Sequence[str],
    splits: Sequence[str],
    probabilities: NDArray[np.float32],
    classes: Sequence[str],
) -> pa.Table:
    """Build a table of ``schemas.predictions``.

    Args:
        study_ids: One id per study, (S,).
        splits: The split of each study, (S,).
        probabilities: Probability of each class, (S, Q).
        classes: The label space, Q names in the order of the columns.
    """
    columns = [study_ids, splits, *(pa.array(column) for column in probabilities.T)]
    schema = schemas.predictions(classes)
    return pa.table(dict(zip(schema.names, columns, strict=True)), schema=schema)


def require_disjoint_patients(
    table: pa.Table, origin: Mapping[str, str] | None = None, key: str = "patient_id"
) -> None:
    """Check that no patient (study, image) is in two splits.

    Args:
        table: ``key`` and ``split`` (null: in no split), in any number of rows.
        origin: The file that each split comes from, for the message.
        key: ``patient_id``; ``study_id`` or ``image_id`` where these are to be named instead.

    Raises:
        DataError: Naming the first id that is in two splits, and where these come from.
    """
    pairs = table.group_by([key, "split"]).aggregate([]).drop_null()
    splits = pairs.group_by(key).aggregate([("split", "count")])
    shared = splits.filter(pc.greater(splits["split_count"], 1))[key]
    if len(shared):
        first = pc.min(shared).as_py()
        found = pairs.filter(pc.equal(pairs[key], first))["split"].to_pylist()
        named = [name for name in schemas.SPLITS if name in found]
        where = " and ".join((origin or {}).get(name, f"split {name}") for name in named)
        raise DataError(
            f"{key.removesuffix('_id')} {first} is in several splits: {where} ({len(shared)} in "
            "all). The test would be of patients that were trained on: use the split files of one "
            "release, or correct the column split of your studies (docs/own_data.md)."
        )
