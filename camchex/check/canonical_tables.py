"""``camchex check --tables``: canonical tables of one's own, held against their schemas.

The folder is laid out as the pipeline's own ``data/interim``::

    mimic/{images,labels,studies,mimic14}.parquet
    indications.parquet, vitals.parquet
    external/<key>/{images,labels}.parquet        one folder per entry of ``external``
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from camchex.check.checked import look_for
from camchex.contract import schemas
from camchex.contract.labels import MIMIC_14
from camchex.contract.schemas import MIMIC, SOURCES, SPLITS, TAKEN, VITAL_SIGNS
from camchex.contract.tables import require_disjoint_patients, require_no_later_value
from camchex.errors import DataError
from camchex.sources.csv.lookup import positions, require_one_value_per_study, values_of
from camchex.texts.vitals_text import vitals_texts
from camchex.vitals.params import VitalRanges

VIEWS = ("frontal", "lateral")


@dataclass(frozen=True)
class Problem:
    """Fault of one column or (column None) of a table as a whole."""

    column: str | None
    what: str


@dataclass(frozen=True)
class Expected:
    """Requirements on one canonical table."""

    schema: pa.Schema  # columns, types, and which columns may hold nulls
    key: str  # the column that tells its rows apart, by which they are sorted
    choices: Mapping[str, Sequence[object]]  # values that a column may hold beside null


@dataclass(frozen=True)
class CheckedTable:
    """One table (or image store): its rows, and what is wrong with it."""

    path: Path
    rows: int | None  # None: it could not be read
    problems: tuple[Problem, ...]


def check_tables(
    folder: Path,
    root: Path,
    classes: Sequence[str],
    external: Iterable[str],
    ranges: VitalRanges | None,
) -> list[CheckedTable]:
    """Validate a folder of canonical tables, each by itself and then against the others.

    What is wrong is part of the result, never an error. A table is held against others only once
    its own columns are right.

    Args:
        folder: Laid out as above.
        root: data.root, which the images' paths start from.
        classes: The label space.
        external: Keys of the external sets.
        ranges: Plausible vital signs, or None to accept every value.
    """
    expected = _expected_tables(classes, external)
    paths = {name: folder / f"{name}.parquet" for name in expected}
    read = {name: _read(path) for name, path in paths.items()}
    problems = {name: list(_columns(read[name], table)) for name, table in expected.items()}
    sound = {n: t for n, t in read.items() if isinstance(t, pa.Table) and not problems[n]}
    for name, found in _between(sound, root, classes, ranges):
        problems[name].extend(found)
    rows = {n: t.num_rows if isinstance(t, pa.Table) else None for n, t in read.items()}
    return [CheckedTable(path, rows[n], tuple(problems[n])) for n, path in paths.items()]


def _expected_tables(classes: Sequence[str], external: Iterable[str]) -> dict[str, Expected]:
    sections = ("indication", "history", "both")
    vitals = {"gender": ("F", "M"), "taken": TAKEN}
    vitals |= {f"{name}_source": SOURCES for name in VITAL_SIGNS}
    labels = schemas.labels(classes)
    of_set = {
        "images": Expected(schemas.IMAGES, "image_id", {"view": VIEWS}),
        "labels": Expected(labels, "image_id", dict.fromkeys(classes, (0.0, 1.0))),
    }
    mimic14 = schemas.study_labels(MIMIC_14)
    return {
        **{f"{MIMIC}/{name}": table for name, table in of_set.items()},
        "mimic/studies": Expected(schemas.STUDIES, "study_id", {"split": SPLITS}),
        "mimic/mimic14": Expected(mimic14, "study_id", dict.fromkeys(MIMIC_14, (-1, 0, 1))),
        "indications": Expected(schemas.INDICATIONS, "study_id", {"source_section": sections}),
        "vitals": Expected(schemas.VITALS, "study_id", vitals),
        **{f"external/{key}/{name}": t for key in external for name, t in of_set.items()},
    }


def _read(path: Path) -> pa.Table | Problem:
    if not path.is_file():
        return Problem(None, "no such file")
    try:
        return pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        return Problem(None, f"not a Parquet file: {str(error).splitlines()[0]}")


def _columns(table: pa.Table | Problem, expected: Expected) -> Iterator[Problem]:
    """Yield what is wrong with a table by itself."""
    if isinstance(table, Problem):
        yield table
        return
    for unknown in sorted(set(table.column_names) - set(expected.schema.names)):
        yield Problem(unknown, "is not a column of this table: leave it out")
    for wanted in expected.schema:
        if wanted.name not in table.column_names:
            yield Problem(wanted.name, f"missing ({wanted.type}): {schemas.meaning(wanted)}")
        else:
            yield from _values(wanted, table[wanted.name], expected.choices.get(wanted.name))
    if expected.key in table.column_names:
        ids = table[expected.key]
        repeated = table.num_rows - pc.count_distinct(ids).as_py()
        if repeated:
            yield Problem(expected.key, f"{repeated:,} rows repeat one")
        elif not ids.equals(table.select([expected.key]).sort_by(expected.key)[expected.key]):
            yield Problem(expected.key, "not sorted by it")


def _values(
    wanted: pa.Field, column: pa.ChunkedArray, choices: Sequence[object] | None
) -> Iterator[Problem]:
    if column.type != wanted.type:
        yield Problem(wanted.name, f"is of type {column.type}, expected {wanted.type}")
        return
    if not wanted.nullable and column.null_count:
        row = pc.index(pc.is_null(column), value=True).as_py()
        yield Problem(wanted.name, f"{column.null_count:,} nulls, the first in row {row}; none may")
    if choices is not None:
        known = pc.is_in(column, value_set=pa.array(choices, wanted.type))
        good = pc.or_(known, pc.is_null(column))
        yield from _wrong(wanted.name, column, good, f"one of {choices}")


def _wrong(
    name: str, column: pa.ChunkedArray, good: pa.ChunkedArray, expected: str
) -> Iterator[Problem]:
    """Yield the first value that is not good, and how many there are."""
    bad = len(good) - int(pc.sum(good).as_py() or 0)
    if bad:
        row = pc.index(good, value=False).as_py()
        first = f"the first {column[row].as_py()!r} in row {row}"
        yield Problem(name, f"{bad:,} wrong values, {first}; expected {expected}")


def _between(
    tables: Mapping[str, pa.Table],
    root: Path,
    classes: Sequence[str],
    ranges: VitalRanges | None,
) -> Iterator[tuple[str, Iterable[Problem]]]:
    """Yield what is wrong with tables whose own columns are right, by table."""
    for name, table in tables.items():
        folder, _, last = name.rpartition("/")
        if last == "images":
            yield name, _missing_files(table, root)
        if last in {"images", "labels"}:
            data_set = folder.removeprefix("external/")
            same = pc.equal(table["dataset"], data_set)
            yield name, _wrong("dataset", table["dataset"], same, data_set)
        if last == "labels" and f"{folder}/images" in tables:
            yield name, _unknown("image_id", table, tables[f"{folder}/images"], "images")
    if "vitals" in tables:
        yield "vitals", _implausible(tables["vitals"], ranges)
        yield "vitals", _refused(None, require_no_later_value, tables["vitals"])
    if {"mimic/images", "mimic/labels"} <= tables.keys():
        images, labels = tables["mimic/images"], tables["mimic/labels"]
        study = values_of(labels["image_id"], images, "image_id", "study_id")
        rows = labels.append_column("study_id", study).filter(pc.is_valid(study))
        yield "mimic/labels", _refused(None, require_one_value_per_study, rows, classes, "labels")
    if "mimic/studies" in tables:
        yield from _against_studies(tables, tables["mimic/studies"])


def _against_studies(
    tables: Mapping[str, pa.Table], studies: pa.Table
) -> Iterator[tuple[str, Iterable[Problem]]]:
    for name in ("mimic/images", "mimic/mimic14", "indications", "vitals"):
        if name in tables:
            yield name, _unknown("study_id", tables[name], studies, "studies")
    if "vitals" in tables:
        where = "vitals: every study needs a row"
        yield "mimic/studies", _unknown("study_id", studies, tables["vitals"], where)
    yield "mimic/studies", _refused("patient_id", require_disjoint_patients, studies)
    if "mimic/images" in tables:
        images = tables["mimic/images"]
        found = images["patient_id"]
        patient = values_of(images["study_id"], studies, "study_id", "patient_id")
        same = pc.fill_null(pc.equal(patient, found.combine_chunks()), fill_value=True)
        yield "mimic/images", _wrong("patient_id", found, same, "the patient of its study")


def _refused(column: str | None, check: Callable[..., None], *of: object) -> Iterator[Problem]:
    try:
        check(*of)
    except DataError as error:
        yield Problem(column, str(error))


def _unknown(column: str, table: pa.Table, within: pa.Table, where: str) -> Iterator[Problem]:
    good = pc.is_valid(positions(table[column], within[column]))
    yield from _wrong(column, table[column], good, f"one of {where}")


def _missing_files(images: pa.Table, root: Path) -> Iterator[Problem]:
    _, wanted, present, missing = look_for([root / path for path in images["path"].to_pylist()])
    if missing is not None:
        lost = f"{wanted - present:,} of {wanted:,} files looked for are not there"
        yield Problem("path", f"{lost}, for example {missing}; paths start at data.root")


def _implausible(vitals: pa.Table, ranges: VitalRanges | None) -> Iterator[Problem]:
    """Yield values out of range (of another unit?), and text that differs from the values."""
    for name, (low, high) in (ranges.model_dump() if ranges else {}).items():
        inside = pc.and_(pc.greater_equal(vitals[name], low), pc.less_equal(vitals[name], high))
        good = pc.fill_null(inside, fill_value=True)
        expected = f"{low} to {high}: {schemas.UNITS[name]} (vitals.ranges)"
        yield from _wrong(name, vitals[name], good, expected)
    text = vitals["vitals_text"]
    same = pc.equal(text.combine_chunks(), vitals_texts(vitals))
    yield from _wrong("vitals_text", text, same, "what camchex.texts.vitals_text writes")
