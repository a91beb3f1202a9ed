"""``camchex check --tables``: canonical tables of one's own, held against their schemas.

The folder is laid out as the pipeline's own ``data/interim``::

    mimic/{images,labels,studies,mimic14}.parquet
    indications.parquet, vitals.parquet
    external/<key>/{images,labels}.parquet        one folder per entry of ``external``
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from camchex.check.checked import look_for
from camchex.cohort.contradictions import cohort_schemas, contradictions
from camchex.contract import rules, schemas
from camchex.contract.rules import Problem
from camchex.contract.tables import read_parquet, require_distinct_images
from camchex.errors import DataError
from camchex.vitals.params import VitalRanges


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
    external: Mapping[str, str],
    ranges: VitalRanges | None,
) -> list[CheckedTable]:
    """Validate a folder of canonical tables, each by itself and then against the others.

    What is wrong is part of the result, never an error. A table is held against others only once
    its own columns are right.

    Args:
        folder: Laid out as above.
        root: data.root, which the images' paths start from.
        classes: The label space.
        external: Source of each external set (chexpert, ...), by key.
        ranges: Plausible vital signs, or None to accept every value.
    """
    of_set = {"images": schemas.IMAGES, "labels": schemas.labels(classes)}
    expected = cohort_schemas(classes)
    expected |= {f"external/{key}/{n}": s for key in external for n, s in of_set.items()}
    paths = {name: folder / f"{name}.parquet" for name in expected}
    read = {name: _read(path) for name, path in paths.items()}
    problems = {name: list(_by_itself(read[name], schema)) for name, schema in expected.items()}
    sound = {n: t for n, t in read.items() if isinstance(t, pa.Table) and not problems[n]}
    bounds = ranges.model_dump() if ranges else None
    of_sources = _in_two_sets(sound, external)
    for name, found in (
        *contradictions(sound, classes, bounds),
        *of_sources,
        *_beside(sound, root),
    ):
        problems[name].append(found)
    rows = {n: t.num_rows if isinstance(t, pa.Table) else None for n, t in read.items()}
    return [CheckedTable(path, rows[n], tuple(problems[n])) for n, path in paths.items()]


def _read(path: Path) -> pa.Table | Problem:
    if not path.exists():
        return Problem(None, "no such file")
    try:
        return read_parquet(path)
    except DataError as error:
        return Problem(None, str(error).removeprefix(f"{path}: "))


def _by_itself(table: pa.Table | Problem, schema: pa.Schema) -> Iterator[Problem]:
    if isinstance(table, Problem):
        yield table
    else:
        yield from rules.problems(table, schema)


def _in_two_sets(
    tables: Mapping[str, pa.Table], external: Mapping[str, str]
) -> Iterator[tuple[str, Problem]]:
    """Yield images that two sets of one source have, each with the later set."""
    listed: dict[str, dict[str, pa.ChunkedArray]] = {}
    for key, source in external.items():
        name = f"external/{key}/images"
        if name in tables:
            of_source = listed.setdefault(source, {})
            of_source[key] = tables[name]["image_id"]
            try:
                require_distinct_images(of_source, source)
            except DataError as error:
                yield name, Problem("image_id", str(error))


def _beside(tables: Mapping[str, pa.Table], root: Path) -> Iterator[tuple[str, Problem]]:
    """Yield what is wrong beside the files of images."""
    for name, table in tables.items():
        if name.endswith("/images"):
            yield from ((name, problem) for problem in _missing_files(table, root))


def _missing_files(images: pa.Table, root: Path) -> Iterator[Problem]:
    _, wanted, present, missing = look_for([root / path for path in images["path"].to_pylist()])
    if missing is not None:
        lost = f"{wanted - present:,} of {wanted:,} files looked for are not there"
        yield Problem("path", f"{lost}, for example {missing}; paths start at data.root")
