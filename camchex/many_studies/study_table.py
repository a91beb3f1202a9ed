"""A table of studies to predict: one row a study, as CSV, Parquet or JSON lines.

``StudyRow`` is the one description of its columns. A fault of the table (a column that nobody
knows, no row at all) stops the prediction; a fault of a row sets that study aside.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from camchex.contract import ids
from camchex.contract.rules import Problem
from camchex.contract.schemas import VITAL_SIGNS, View
from camchex.errors import DataError, counted
from camchex.many_studies.asked import AskedImage, AskedStudy
from camchex.sources.csv.raw_table import SHOWN, rows_and_lines
from camchex.sources.mimic.mimic_views import VIEW_POSITIONS
from camchex.vitals.plausible import require_measurement, require_pressures

SEPARATOR = ";"  # between the files, or views, of a study in a cell of text
KINDS = (".csv", ".parquet", ".jsonl")
MISSING = re.compile(ids.MISSING)
ROWS = 1024  # of a Parquet file that are in memory at once
FAULT, BEYOND = "\0fault", "\0beyond"  # no columns: what is wrong with a row, cells behind its last
Row = Mapping[str, Any]


def _words(value: object) -> object:
    """Divide a cell of text into its parts; a null in a list is a blank."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(SEPARATOR)]
    return ["" if one is None else one for one in value] if isinstance(value, list) else value


def _id(value: object) -> object:
    """Write a whole number as text; nothing else is lost that way."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _number(value: object) -> object:
    """What pydantic would take for a number, and is none: true, and 1_0 of Python."""
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        raise ValueError("expected a number")
    return value


Listed = BeforeValidator(_words)
Measured = Annotated[float | None, BeforeValidator(_number)]


class StudyRow(BaseModel):
    """One study; the descriptions of the columns are those of docs/many_studies.md."""

    model_config = ConfigDict(extra="forbid")

    study_id: Annotated[str, BeforeValidator(_id)] = Field(
        description="Name of the study, in one row only; a text or a whole number. Required."
    )
    images: Annotated[list[str], Listed] = Field(
        default=[],
        description="Files (JPEG, PNG or DICOM), from the folder of the table; in a cell of text, "
        "with ; between them.",
    )
    views: Annotated[list[str], Listed] = Field(
        default=[],
        description="View of each image, in their order: frontal or lateral, or a DICOM view "
        "position (PA, AP, LL, ...); blank: the view classifier of the model decides.",
    )
    indication: str | None = Field(default=None, description="Text of the request, as written.")
    temperature_f: Measured = Field(default=None, description="Degrees Fahrenheit.")
    heart_rate_bpm: Measured = Field(default=None, description="Beats per minute.")
    respiratory_rate_bpm: Measured = Field(default=None, description="Breaths per minute.")
    o2_saturation_pct: Measured = Field(default=None, description="Per cent.")
    systolic_bp_mmhg: Measured = Field(default=None, description="mmHg.")
    diastolic_bp_mmhg: Measured = Field(default=None, description="mmHg.")
    gender: Literal["F", "M"] | None = Field(default=None, description="F or M.")

    @field_validator("study_id", "indication")
    @classmethod
    def _is_unicode(cls, value: str | None) -> str | None:
        try:
            (value or "").encode()
        except UnicodeEncodeError as error:
            place = counted(error.start, "letter")
            raise ValueError(f"half a character behind {place}; write the text anew") from error
        return value

    @field_validator("study_id")
    @classmethod
    def _is_an_id(cls, value: str) -> str:
        if ids.no_ids(pa.array([value]))[0].as_py():
            raise ValueError(f"expected {ids.ADVICE}")
        return value

    @field_validator(*VITAL_SIGNS)
    @classmethod
    def _is_a_measurement(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None:
            name = str(info.field_name)
            try:
                require_measurement(name, value, f"{value:g}")
                require_pressures({**info.data, name: value})
            except DataError as error:
                raise ValueError(str(error)) from error
        return value

    @field_validator("images")
    @classmethod
    def _has_files(cls, value: list[str]) -> list[str]:
        if not all(value):
            raise ValueError(f"a file without a name; expected names with {SEPARATOR} between them")
        return value

    @field_validator("views")
    @classmethod
    def _has_views(cls, value: list[str]) -> list[str]:
        for view in value:
            if view and view.upper() not in {*VIEW_POSITIONS, "FRONTAL", "LATERAL"}:
                expected = "expected frontal, lateral, a view position, or blank"
                raise ValueError(f"{view!r:.{SHOWN}}; {expected}")
        return value

    @model_validator(mode="after")
    def _has_a_view_for_each_image(self) -> "StudyRow":
        if self.views and len(self.views) != len(self.images):
            views, images = counted(len(self.views), "view"), counted(len(self.images), "image")
            raise ValueError(f"{views} of {images}")
        return self

    def asked(self, row: int, folder: Path) -> AskedStudy:
        """The study; its files stand in ``folder`` unless their paths are whole."""
        views: list[View | None] = [VIEW_POSITIONS.get(view.upper()) for view in self.views]
        views = views or [None] * len(self.images)
        images = zip(self.images, views, strict=True)
        values = {name: getattr(self, name) for name in VITAL_SIGNS}
        return AskedStudy(
            self.study_id,
            row,
            tuple(AskedImage(folder / path, view) for path, view in images),
            self.indication,
            {name: value for name, value in values.items() if value is not None},
            self.gender,
        )


COLUMNS = tuple(StudyRow.model_fields)


@dataclass
class CheckedStudies:
    """What is in a table of studies.

    Attributes:
        rows: Number of rows.
        repeated: Ids that are in several rows: whose values are right is not known.
        problems: What is wrong, column by column.
    """

    rows: int
    repeated: frozenset[str]
    problems: tuple[Problem, ...]


def check_studies(path: Path) -> CheckedStudies:
    """Read a table once, and say what is wrong with it, column by column.

    Raises:
        DataError: If the table cannot be read, has no rows, lacks ``study_id``, or has a column
            that is none of ``COLUMNS``.
    """
    rows, names, faults = 0, Counter[str](), _Faults()
    for place, row in read_rows(path):
        rows += 1
        name = _id(row.get("study_id"))
        names.update([name] if isinstance(name, str) and name.strip() else [])
        for column, what in _row_faults(row):
            faults.add(column, f"{what} in {place} (study_id {name!r:.{SHOWN}})")
    if not rows:
        raise DataError(f"{path}: has no rows, so there is nothing to predict.")
    repeated = frozenset(name for name, number in names.items() if number > 1)
    for name in sorted(repeated):
        faults.add("study_id", f"{name!r:.{SHOWN}} is in {names[name]} rows; expected one")
    return CheckedStudies(rows, repeated, faults.problems())


def asked_studies(path: Path, repeated: frozenset[str]) -> Iterator[AskedStudy]:
    """Read the studies of a table, in its order; those with a fault say which.

    Args:
        path: The table, which :func:`check_studies` has read.
        repeated: Ids that are in several rows.
    """
    for number, (_, row) in enumerate(read_rows(path), 1):
        name = _id(row.get("study_id"))
        study_id = name if isinstance(name, str) else ""
        faults = [what if c is None else f"column {c!r}: {what}" for c, what in _row_faults(row)]
        if study_id in repeated:
            faults.append(f"column 'study_id': {study_id!r:.{SHOWN}} is in several rows")
        if faults:
            yield AskedStudy(study_id, number, problem="; ".join(faults))
        else:
            yield StudyRow.model_validate(_filled(row)).asked(number, path.parent)


def read_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """Read the rows of a table and where each stands (``line 3``), few in memory at a time.

    Raises:
        DataError: If it is of another kind, missing or damaged, or has not the columns it may have.
    """
    readers = {".csv": _csv_rows, ".parquet": _parquet_rows, ".jsonl": _json_rows}
    if path.suffix not in readers:
        raise DataError(f"{path}: expected a table that ends in {', '.join(KINDS)}.")
    if not path.is_file():
        raise DataError(f"{path}: no such file.")
    try:
        yield from readers[path.suffix](path)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 ({error}). Save it again as UTF-8.") from error
    except (OSError, pa.ArrowException) as error:
        first = str(error).splitlines()[0]
        raise DataError(f"{path}: cannot be read as {path.suffix[1:]}: {first}") from error


def _csv_rows(path: Path) -> Iterator[tuple[str, Row]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = rows_and_lines(path, file, strict=True)
        names = next(rows, (1, []))[1]
        _require_columns(path, names)
        for line, cells in rows:
            beyond = cells[len(names) :]  # of the header: a text with a comma and without quotes
            row = dict(zip_longest(names, cells[: len(names)]))
            yield f"line {line}", {**row, BEYOND: beyond} if beyond else row


def _parquet_rows(path: Path) -> Iterator[tuple[str, Row]]:
    with path.open("rb") as file, pq.ParquetFile(file) as table:
        _require_columns(path, table.schema_arrow.names)
        for column in table.schema_arrow:
            if not _is_plain(column.type):
                raise DataError(
                    f"{path}: column {column.name!r} holds {column.type}; expected text or "
                    "numbers. Write it as one of these."
                )
        batches = (map(_with_digits, batch.columns) for batch in table.iter_batches(ROWS))
        names = table.schema_arrow.names
        rows = (pa.table([*columns], names=names).to_pylist() for columns in batches)
        for number, row in enumerate(chain.from_iterable(rows), 1):
            yield f"row {number}", row


def _is_plain(kind: pa.DataType) -> bool:
    """Tell whether values of a type are text or numbers, or lists of these."""
    of = pa.types
    if of.is_list(kind) or of.is_large_list(kind) or of.is_dictionary(kind):
        return _is_plain(kind.value_type)
    texts = (of.is_string, of.is_large_string, of.is_string_view)
    numbers = (of.is_integer, of.is_floating, of.is_decimal, of.is_boolean)
    return any(one(kind) for one in (*texts, *numbers, of.is_null))


def _with_digits(values: pa.Array) -> pa.Array:
    """Read a short float by its digits: 98.6 of 32 bits is 98.6, and not 98.5999984741211."""
    short = pa.types.is_floating(values.type) and not pa.types.is_float64(values.type)
    return values.cast(pa.string()).cast(pa.float64()) if short else values


def _json_rows(path: Path) -> Iterator[tuple[str, Row]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line, object_pairs_hook=_each_once)
            except (ValueError, RecursionError) as error:
                row = {FAULT: f"not JSON to be read: {error}"}
            row = row if isinstance(row, dict) else {FAULT: "not an object of JSON"}
            yield f"line {number}", row


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of JSON; of a key that comes again, the last value would be taken unsaid.

    Raises:
        ValueError: If a key comes again.
    """
    counts = Counter(name for name, _ in pairs)
    if twice := [name for name, number in counts.items() if number > 1]:
        raise ValueError(f"{twice[0]!r:.{SHOWN}} is there several times")
    return dict(pairs)


def _require_columns(path: Path, names: list[str]) -> None:
    faults = [f"{name!r} is there several times" for name, n in Counter(names).items() if n > 1]
    faults += [f"{name!r} is not a column of this table" for name in names if name not in COLUMNS]
    faults += ["'study_id' is missing"] if "study_id" not in names else []
    if mark := next((mark for mark in ";\t|" if len(names) == 1 and mark in names[0]), None):
        faults = [f"its cells are separated by {mark!r} instead of commas"]
    if faults:
        raise DataError(
            f"{path}: {'; '.join(faults)}. Its columns may be: {', '.join(COLUMNS)}. All but "
            "study_id may be left out. Leave out others, and see docs/many_studies.md."
        )


def _filled(row: Row) -> dict[str, Any]:
    """The cells that say something: in all columns but indication, NA and the like are no value."""
    return {name: value for name, value in row.items() if not _is_blank(name, value)}


def _is_blank(name: str, value: object) -> bool:
    if value is None or value == [] or value != value:  # noqa: PLR0124 - NaN is not itself
        return True
    if not isinstance(value, str):
        return False
    written = value.strip()
    return not written or (name != "indication" and MISSING.match(written) is not None)


def _row_faults(row: Row) -> list[tuple[str | None, str]]:
    """What is wrong with a row: the column (None: the row as a whole), and what."""
    if FAULT in row:
        return [(None, str(row[FAULT]))]
    try:
        StudyRow.model_validate(_filled(row))
    except ValidationError as error:
        return [_fault(one, row) for one in error.errors(include_url=False)]
    return []


def _fault(error: Any, row: Row) -> tuple[str | None, str]:  # noqa: ANN401 - pydantic's details
    column = str(error["loc"][0]) if error["loc"] else None
    said = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        cells = "a cell beyond the header; put texts with commas into quotes"
        return (None, cells) if column == BEYOND else (column, "is not a column of this table")
    if error["type"] == "missing":
        return column, "missing"
    if column is None:
        return "views", said
    value = row.get(column)
    return column, said if error["type"] == "value_error" else f"{value!r:.{SHOWN}}: {said}"


class _Faults:
    """Faults counted by column, with the first of each."""

    def __init__(self) -> None:
        self.first: dict[str | None, str] = {}
        self.count: Counter[str | None] = Counter()

    def add(self, column: str | None, what: str) -> None:
        """Count one fault."""
        self.first.setdefault(column, what)
        self.count[column] += 1

    def problems(self) -> tuple[Problem, ...]:
        """A problem for each column, in the order of ``COLUMNS``."""
        order = [None, *COLUMNS]
        known = sorted(self.first, key=lambda c: order.index(c) if c in order else len(order))
        return tuple(
            Problem(c, f"{self.count[c]:,} wrong, the first: {self.first[c]}") for c in known
        )
