"""SQL over Arrow tables, and Parquet files whose schema is checked on the way in and out."""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from importlib.resources import files
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from camchex.contract import rules, schemas
from camchex.contract.files import whole_file
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
    """Read a Parquet file, and refuse one that is not what ``schema`` and ``rules`` say.

    Raises:
        DataError: If the file is missing or damaged, or at the first thing that is wrong with it.
    """
    table = read_parquet(path)
    _require(path, rules.problems(table, schema))
    return table.select(schema.names).cast(schema)


def read_parquet(path: Path) -> pa.Table:
    """Read a Parquet file of any schema, whole, with the checksums of its pages if it has them.

    Raises:
        DataError: If the file is missing, or damaged as far as can be told.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder, expected a Parquet file.")
    if not path.exists():
        raise DataError(f"{path}: no such file. `dvc repro` makes it.")
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        table = file.read()
        table.validate(full=True)
        names = ", ".join(table.column_names)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: not a Parquet file, or damaged ({str(error).splitlines()[0]}). Copy or write "
            "it again; if a stage wrote it, delete it and run `dvc repro`."
        ) from error
    counts = _row_counts(file)
    if counts != {table.num_rows}:
        raise DataError(
            f"{path}: damaged, since its columns ({names}) do not have one number of rows: "
            f"{', '.join(map(str, sorted(counts)))}. Copy or write it again."
        )
    return table


def _row_counts(file: pq.ParquetFile) -> set[int]:
    """Numbers of rows that a Parquet file says it has, in all and in each column but lists."""
    groups = [file.metadata.row_group(n) for n in range(file.num_row_groups)]
    plain = [n for n in range(len(file.schema)) if not file.schema.column(n).max_repetition_level]
    by_column = (sum(group.column(n).num_values for group in groups) for n in plain)
    return {file.metadata.num_rows, sum(group.num_rows for group in groups), *by_column}


def write(table: pa.Table, path: Path, schema: pa.Schema) -> None:
    """Write a Parquet file of ``schema``: the same table gives the same bytes.

    Raises:
        DataError: At the first thing that ``rules`` finds wrong with the table.
    """
    _require(path, rules.problems(table, schema))
    table = table.select(schema.names).cast(schema)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:  # a new file: the old one may be linked to one of DVC's cache
        pq.write_table(table.combine_chunks(), file, compression="zstd", write_page_checksum=True)


def _require(path: Path, problems: Iterable[rules.Problem]) -> None:
    for problem in problems:
        raise DataError(
            f"{path}: {problem}. docs/tables.md says what each column holds; of tables of your "
            "own, `camchex check --tables FOLDER` lists all that is wrong."
        )


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


def require_distinct_images(image_ids: Mapping[str, pa.ChunkedArray], what: str) -> None:
    """Check that no image is in two sets of one source, where it may have two sets of labels.

    Args:
        image_ids: The images of each set, by key.
        what: The source, for the message.

    Raises:
        DataError: Naming the sets and the first image.
    """
    keys = list(image_ids)
    for i, key in enumerate(keys):
        for other in keys[:i]:
            ids = image_ids[key]
            shared = ids.filter(pc.is_in(ids, pa.array(image_ids[other].to_pylist(), ids.type)))
            if len(shared):
                raise DataError(
                    f"external.{other} and external.{key}: both are of {what} and list image "
                    f"{pc.min(shared).as_py()} ({len(shared)} such images), so that students would "
                    "see it twice, maybe with different labels. Take one entry out of params.yaml."
                )


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


def require_no_later_value(vitals: pa.Table) -> None:
    """Check that no vital sign was measured after its study.

    A negative age is right for one value only: triage of the linked stay, where that stay had not
    begun. Triage has no time of its own, and the arrival stands for it.

    Args:
        vitals: ``schemas.VITALS``.

    Raises:
        DataError: Naming the first such study, the vital sign, its source and its minutes.
    """
    for name in schemas.VITAL_SIGNS:
        source, stay, age = (vitals[f"{name}_{origin}"] for origin in schemas.ORIGIN)
        of_arrival = (
            pc.equal(source, "triage"),
            pc.equal(stay, vitals["stay_id"]),
            pc.equal(age, vitals["minutes_since_arrival"]),
            pc.equal(vitals["taken"], "before"),
        )
        on_arrival = pc.fill_null(reduce(pc.and_kleene, of_arrival), fill_value=False)
        later = vitals.filter(pc.and_(pc.less(age, 0.0), pc.invert(on_arrival)))
        if later.num_rows:
            row = later.slice(0, 1).to_pylist()[0]
            raise DataError(
                f"vitals: study {row['study_id']}: {name} (from {row[f'{name}_source']}, stay "
                f"{row[f'{name}_stay_id']}) was measured {-row[f'{name}_age_minutes']:g} minutes "
                f"after the study ({later.num_rows} studies in all). A model must not read what "
                f"came later: set the value and its columns {name}_... to null, or correct the age."
            )
