"""Finding rows by id, and what must hold of the tables of every data set."""

from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from camchex.errors import DataError


def positions(ids: pa.Array, within: pa.Array) -> pa.Array:
    """Where each id stands in ``within``; null where it does not."""
    return pc.index_in(_whole(ids), value_set=_whole(within))


def values_of(ids: pa.Array, table: pa.Table, key: str, column: str) -> pa.Array:
    """The value of ``column`` in the row whose ``key`` is each id; null where there is none."""
    return _whole(table[column]).take(positions(ids, table[key]))


def require_known_columns(header: Sequence[str], known: Collection[str], where: str) -> None:
    """Check that a table of labels, one column each, has none that would be passed over.

    Args:
        header: Names of its columns; one without a name is an index.
        known: Those that are read, and those that are known not to be labels.
        where: The file, for the message.

    Raises:
        DataError: Naming the columns.
    """
    unknown = [name for name in header if name and name not in known]
    if unknown:
        raise DataError(
            f"{where}: unknown column {', '.join(map(repr, unknown))}. If that is a label, it "
            "would be lost: is it the file of this release? If it is not, take it out. "
            f"Known: {', '.join(known)}."
        )


def require_one_patient(studies: pa.Table, where: str) -> None:
    """Check that no study belongs to two patients.

    Args:
        studies: study_id and patient_id, in any number of rows per study.
        where: The file, for the message.

    Raises:
        DataError: Naming the study.
    """
    patients = studies.group_by("study_id").aggregate([("patient_id", "count_distinct")])
    shared = patients.filter(pc.greater(patients["patient_id_count_distinct"], 1))
    if shared.num_rows:
        raise DataError(
            f"{where}: study {_first(shared, 'study_id')} belongs to several patients "
            f"({shared.num_rows} studies in all). A study is of one patient."
        )


def require_disjoint(table: pa.Table, key: str, origin: Mapping[str, str]) -> None:
    """Check that nobody (or nothing) stands in two splits.

    Args:
        table: ``key`` and ``split`` (null: in none), in any number of rows.
        key: ``patient_id``, ``study_id`` or ``image_id``.
        origin: Where each split comes from, for the message: its file.

    Raises:
        DataError: Naming the first one, by id, that does, and both origins.
    """
    kind = key.removesuffix("_id")
    split = table.select([key, "split"]).drop_null()
    pairs = split.group_by([key, "split"]).aggregate([])
    several = pairs.group_by(key).aggregate([("split", "count")])
    shared = several.filter(pc.greater(several["split_count"], 1))
    if shared.num_rows:
        first = _first(shared, key)
        splits = pairs.filter(pc.equal(pairs[key], first))["split"].to_pylist()
        files = " and ".join(str(origin[name]) for name in origin if name in splits)
        raise DataError(
            f"{kind} {first} is in several splits: {files} ({shared.num_rows} in all). What is "
            "tested would have been trained on: use the split files of one release."
        )


def require_agreement(labels: pa.Table, classes: Sequence[str], where: str) -> None:
    """Check that the images of a study have the same labels.

    Args:
        labels: study_id and one column per class, null where unknown.
        classes: Their names.
        where: The file or files, for the message.

    Raises:
        DataError: Naming the study and the class.
    """
    by_study = labels.group_by("study_id")
    for name in classes:
        spread = by_study.aggregate(
            [(name, "min"), (name, "max"), (name, "count"), ([], "count_all")]
        )
        partly = pc.not_equal(spread[f"{name}_count"], spread["count_all"])
        unequal = pc.fill_null(
            pc.not_equal(spread[f"{name}_min"], spread[f"{name}_max"]), fill_value=False
        )
        mixed = pc.and_(partly, pc.greater(spread[f"{name}_count"], 0))
        bad = spread.filter(pc.or_(unequal, mixed))
        if bad.num_rows:
            raise DataError(
                f"{where}: study {_first(bad, 'study_id')} has images with different labels for "
                f"{name!r} ({bad.num_rows} studies in all). Labels are per study."
            )


def _first(table: pa.Table, column: str) -> str:
    return str(pc.min(table[column]).as_py())


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
