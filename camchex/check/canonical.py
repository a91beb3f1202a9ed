"""``camchex check --tables``: canonical tables of one's own, held against their schemas.

The folder is laid out as the pipeline's own ``data/interim``::

    mimic/{images,labels,studies,mimic14}.parquet
    indications.parquet, vitals.parquet
    external/<key>/{images,labels}.parquet        one folder per entry of ``external``
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from camchex.check.findings import find
from camchex.contract import schemas
from camchex.contract.labels import MIMIC_14
from camchex.contract.schemas import VITAL_SIGNS
from camchex.errors import DataError
from camchex.sources.csv.lookup import positions, require_agreement, require_disjoint, values_of
from camchex.sources.params import MIMIC
from camchex.texts.vitals_text import vitals_texts
from camchex.vitals.params import VitalRanges

VIEWS = ("frontal", "lateral")
SPLITS = ("train", "development", "test")
SOURCES = ("triage", "vitalsign")


@dataclass(frozen=True)
class Problem:
    """What is wrong with one column, or (column None) with a table as a whole."""

    column: str | None
    what: str


@dataclass(frozen=True)
class Expected:
    """What one canonical table has to be.

    Attributes:
        schema: Columns, types, and which of them may hold nulls.
        key: Columns that tell its rows apart, by which they are sorted.
        choices: The values that a column may hold beside null.
    """

    schema: pa.Schema
    key: tuple[str, ...]
    choices: Mapping[str, Sequence[object]] = field(default_factory=dict)


@dataclass(frozen=True)
class TableFinding:
    """One canonical table: how many rows it has, and what is wrong with it."""

    path: Path
    rows: int | None  # None: it could not be read
    problems: tuple[Problem, ...]


def check_tables(
    folder: Path,
    root: Path,
    classes: Sequence[str],
    external: Iterable[str],
    ranges: VitalRanges | None,
) -> list[TableFinding]:
    """Validate a folder of canonical tables, each by itself and then against the others.

    What is wrong is a finding, never an error. A table is held against others only once its own
    columns are right.

    Args:
        folder: Laid out as above.
        root: data.root, which the images' paths start from.
        classes: The label space.
        external: Keys of the external sets.
        ranges: Believable vital signs, or None to believe everything.
    """
    own = {f"mimic/{name}": table for name, table in _own(classes).items()}
    own |= {"indications": _indications(), "vitals": _vitals()}
    sets = {f"external/{key}/{n}": t for key in external for n, t in _pictures(classes).items()}
    read = {name: _read(folder / f"{name}.parquet") for name in own | sets}
    problems = {n: list(_columns(read[n], table)) for n, table in (own | sets).items()}
    sound = {n: t for n, t in read.items() if isinstance(t, pa.Table) and not problems[n]}
    for name, found in _between(sound, root, classes, ranges):
        problems[name].append(found)
    return [
        TableFinding(
            folder / f"{name}.parquet",
            table.num_rows if isinstance(table, pa.Table) else None,
            tuple(problems[name]),
        )
        for name, table in read.items()
    ]


def _pictures(classes: Sequence[str]) -> dict[str, Expected]:
    return {
        "images": Expected(schemas.IMAGES, ("image_id",), {"view": VIEWS}),
        "labels": Expected(
            schemas.labels(classes), ("image_id",), dict.fromkeys(classes, (0.0, 1.0))
        ),
    }


def _own(classes: Sequence[str]) -> dict[str, Expected]:
    mimic = dict.fromkeys(MIMIC_14, (-1, 0, 1))
    return {
        **_pictures(classes),
        "studies": Expected(schemas.STUDIES, ("study_id",), {"split": SPLITS}),
        "mimic14": Expected(schemas.study_labels(MIMIC_14), ("study_id",), mimic),
    }


def _indications() -> Expected:
    sections = ("indication", "history", "both")
    return Expected(schemas.INDICATIONS, ("study_id",), {"source_section": sections})


def _vitals() -> Expected:
    sources = {f"{name}_source": SOURCES for name in VITAL_SIGNS}
    return Expected(schemas.VITALS, ("study_id",), {"gender": ("F", "M"), **sources})


def _read(path: Path) -> pa.Table | Problem:
    if not path.is_file():
        return Problem(None, "no such file")
    try:
        return pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        return Problem(None, f"not a Parquet file: {str(error).splitlines()[0]}")


def _columns(table: pa.Table | Problem, expected: Expected) -> Iterator[Problem]:
    """What is wrong with a table by itself."""
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
    if all(name in table.column_names for name in expected.key):
        yield from _key(table, expected.key)


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
        yield from _wrong(
            wanted.name, column, pc.or_(known, pc.is_null(column)), f"one of {choices}"
        )


def _wrong(
    name: str, column: pa.ChunkedArray, good: pa.ChunkedArray, expected: str
) -> Iterator[Problem]:
    """The first value that is not good, and how many there are."""
    bad = len(good) - int(pc.sum(good).as_py() or 0)
    if bad:
        row = pc.index(good, value=False).as_py()
        found = column[row].as_py()
        yield Problem(
            name, f"{bad:,} wrong values, the first {found!r} in row {row}; expected {expected}"
        )


def _key(table: pa.Table, key: tuple[str, ...]) -> Iterator[Problem]:
    name = ", ".join(key)
    ids = table[key[0]]
    if pc.count_distinct(ids).as_py() < table.num_rows:
        yield Problem(name, f"{table.num_rows - pc.count_distinct(ids).as_py():,} rows repeat one")
    elif not table.select(key).equals(table.select(key).sort_by([(k, "ascending") for k in key])):
        yield Problem(name, "not sorted by it")


def _between(
    tables: Mapping[str, pa.Table],
    root: Path,
    classes: Sequence[str],
    ranges: VitalRanges | None,
) -> Iterator[tuple[str, Problem]]:
    """What is wrong with tables that are right by themselves."""
    for name, table in tables.items():
        folder, _, last = name.rpartition("/")
        images = tables.get(f"{folder}/images")
        if last == "images":
            yield from ((name, problem) for problem in _files(table, root))
        if last in {"images", "labels"}:
            expected = MIMIC if folder == MIMIC else folder.removeprefix("external/")
            same = pc.equal(table["dataset"], expected)
            yield from ((name, p) for p in _wrong("dataset", table["dataset"], same, expected))
        if last == "labels" and images is not None:
            yield from ((name, p) for p in _known("image_id", table, images, "images"))
    yield from _studies(tables, classes)
    if "vitals" in tables:
        yield from (("vitals", problem) for problem in _signs(tables["vitals"], ranges))


def _studies(
    tables: Mapping[str, pa.Table], classes: Sequence[str]
) -> Iterator[tuple[str, Problem]]:
    """The tables of the cohort's own data set, held against its studies."""
    studies, images = tables.get("mimic/studies"), tables.get("mimic/images")
    if studies is None:
        return
    for name in ("mimic/images", "mimic/mimic14", "indications", "vitals"):
        if name in tables:
            yield from ((name, p) for p in _known("study_id", tables[name], studies, "studies"))
    if "vitals" in tables:
        lacking = _known("study_id", studies, tables["vitals"], "vitals: every study needs a row")
        yield from (("mimic/studies", problem) for problem in lacking)
    yield from _raised("mimic/studies", "patient_id", lambda: _one_split(studies))
    if images is not None:
        patient = values_of(images["study_id"], studies, "study_id", "patient_id")
        same = pc.fill_null(pc.equal(patient, images["patient_id"].combine_chunks()), True)  # noqa: FBT003
        wrong = _wrong("patient_id", images["patient_id"], same, "the patient of its study")
        yield from (("mimic/images", problem) for problem in wrong)
    labels = tables.get("mimic/labels")
    if labels is not None and images is not None:
        study = values_of(labels["image_id"], images, "image_id", "study_id")
        rows = labels.append_column("study_id", study)
        rows = rows.filter(pc.is_valid(rows["study_id"]))
        yield from _raised("mimic/labels", None, lambda: require_agreement(rows, classes, "labels"))


def _one_split(studies: pa.Table) -> None:
    require_disjoint(studies, "patient_id", {split: f"split {split}" for split in SPLITS})


def _raised(
    table: str, column: str | None, require: Callable[[], None]
) -> Iterator[tuple[str, Problem]]:
    try:
        require()
    except DataError as error:
        yield table, Problem(column, str(error))


def _known(column: str, table: pa.Table, within: pa.Table, where: str) -> Iterator[Problem]:
    good = pc.is_valid(positions(table[column], within[column]))
    yield from _wrong(column, table[column], good, f"one of {where}")


def _files(images: pa.Table, root: Path) -> Iterator[Problem]:
    referenced = find([root / path for path in images["path"].to_pylist()])
    if referenced.missing is not None:
        yield Problem(
            "path",
            f"{referenced.looked_for - referenced.present:,} of {referenced.looked_for:,} files "
            f"looked for are not there, for example {referenced.missing}; paths start at data.root",
        )


def _signs(vitals: pa.Table, ranges: VitalRanges | None) -> Iterator[Problem]:
    """Values out of range (another unit?), and text that says something else than the values."""
    for name, bounds in (ranges.model_dump() if ranges else {}).items():
        low, high = bounds
        inside = pc.and_(pc.greater_equal(vitals[name], low), pc.less_equal(vitals[name], high))
        good = pc.fill_null(inside, fill_value=True)
        yield from _wrong(
            name, vitals[name], good, f"{low} to {high}: {schemas.UNITS[name]} (vitals.ranges)"
        )
    same = pc.equal(vitals["vitals_text"].combine_chunks(), vitals_texts(vitals))
    yield from _wrong(
        "vitals_text", vitals["vitals_text"], same, "what camchex.vitals.vitals_text writes"
    )
