"""The table of results: one row a study, whether it was predicted or not, and its file formats."""

import csv
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import IO, Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from camchex.contract.files import whole_file
from camchex.errors import DataError, ModelError
from camchex.many_studies.calibrated import FITTED_FOR, Calibrated, majority
from camchex.many_studies.ensemble import ID_DIGITS, Ensemble
from camchex.many_studies.reading import ReadStudy
from camchex.scores.calibration_file import RULES

Status = Literal["predicted", "refused", "set aside"]
STATUSES: tuple[Status, ...] = get_args(Status)
KINDS = (".csv", ".jsonl", ".parquet")
JOINED = "; "  # between the elements of a list, where a cell is text


def _column(name: str, kind: pa.DataType, meaning: str) -> pa.Field:
    return pa.field(name, kind, metadata={"meaning": meaning})


TEXTS = pa.list_(pa.string())
STUDY = (
    _column("study_id", pa.string(), "Study, as given; of a DICOM file, its StudyInstanceUID."),
    _column("row", pa.int64(), "Number of the study in the input, from 1."),
    _column(
        "status",
        pa.string(),
        "predicted; refused: not enough to go on; or set aside: it could not be read.",
    ),
    _column("reason", pa.string(), "Why it was not predicted; null if it was."),
    _column("missing", TEXTS, "What was not known of the inputs that the model reads."),
    _column("images", TEXTS, "Files that were read."),
    _column("views", TEXTS, "frontal or lateral, of each."),
    _column(
        "view_sources",
        TEXTS,
        "What says so, of each: given, an attribute of DICOM, or classifier with its confidence.",
    ),
    _column("image_sha256", TEXTS, "SHA-256 of each file."),
    _column("inputs_sha256", pa.string(), "SHA-256 of all that was read, texts included."),
    _column("notes", TEXTS, "Decisions on images, and images that were not read, with reasons."),
    _column("models", TEXTS, "Name of each model's folder, and start of its SHA-256."),
    _column(
        "calibrations", TEXTS, "Start of the SHA-256 of each calibration; none: not calibrated."
    ),
    _column("versions", pa.string(), "Of camchex and torch."),
)
"""Columns besides those of the findings."""


def schema(classes: Sequence[str], models: int) -> pa.Schema:
    """Columns of the results, with their meanings.

    Args:
        classes: The findings.
        models: Number of models.

    Raises:
        ModelError: If two columns would have one name.
    """
    several = models > 1
    ranges = {"lowest": "Lowest of the models.", "highest": "Highest of the models."}
    columns = list(STUDY)
    for name in classes:
        said = "Calibrated probability" + (", mean of the models." if several else ".")
        columns.append(_column(name, pa.float32(), said))
        columns += [
            _column(f"{name}.{key}", pa.float32(), text) for key, text in ranges.items() if several
        ]
        by = "What most models say" if several else "Yes or no"
        columns += [
            _column(f"{name}.{rule}", pa.bool_(), f"{by} at the threshold for {FITTED_FOR[rule]}.")
            for rule in RULES
        ]
    counts = Counter(column.name for column in columns)
    if twice := [repr(name) for name, number in counts.items() if number > 1]:
        raise ModelError(
            f"the results would have several columns {', '.join(twice)}, by the classes in "
            "config.json of the model. Name each class otherwise, in classes and calibration"
        )
    return pa.schema(columns)


def result_row(
    study: ReadStudy, said: Sequence[Calibrated] | None, ensemble: Ensemble, versions: str
) -> dict[str, Any]:
    """One row of :func:`schema`.

    Args:
        study: The study.
        said: What each model says of it; None: it was not predicted.
        ensemble: The models.
        versions: Of the programs.
    """
    status: Status = "refused" if study.refusal else "set aside" if study.problem else "predicted"
    images, members = study.images, ensemble.members
    row: dict[str, Any] = {
        "study_id": _utf_8(study.asked.study_id),
        "row": study.asked.row,
        "status": status,
        "reason": _utf_8(study.refusal or study.problem or "") or None,
        "notes": [_utf_8(note) for note in study.notes or study.asked.notes],
        "models": [_utf_8(member.name) for member in members],
        "calibrations": [(member.calibration_digest or "none")[:ID_DIGITS] for member in members],
        "versions": versions,
    }
    if said is None:
        return row
    row |= {
        "missing": study.missing(ensemble.how.inputs),
        "images": [str(image.path) for image in images],
        "views": [image.view for image in images],
        "view_sources": [image.source for image in images],
        "image_sha256": list(study.sha256),
        "inputs_sha256": study.digest(),
    }
    for name in ensemble.classes:
        row |= _finding(name, said)
    return row


def _utf_8(text: str) -> str:
    """A text without what no file of UTF-8 holds, as of the name of a file in another coding."""
    return text.encode(errors="backslashreplace").decode()


def _finding(name: str, said: Sequence[Calibrated]) -> dict[str, Any]:
    values = [one.probabilities[name] for one in said]
    found: dict[str, Any] = {name: float(np.mean(values))}
    if len(values) > 1:
        found |= {f"{name}.lowest": min(values), f"{name}.highest": max(values)}
    for rule in RULES:
        found[f"{name}.{rule}"] = majority([one.decisions[name][rule] for one in said])
    return found


def require_kind(path: Path) -> None:
    """Check that results can be written to a file, best before the work begins.

    Raises:
        DataError: If its name ends otherwise than ``KINDS``, or is not UTF-8, or it is there
            already.
    """
    if path.suffix not in KINDS:
        raise DataError(f"{path}: expected a name that ends in {', '.join(KINDS)}.")
    if (shown := _utf_8(str(path))) != str(path):
        raise DataError(f"{shown}: its name is not UTF-8. Name another file, or folder.")
    if os.path.lexists(path):
        raise DataError(f"{path}: is there already. Name another file, or delete this one.")


def write_results(parts: Iterable[pa.Table], columns: pa.Schema, path: Path) -> None:
    """Write results part by part, as the ending of the name says; complete or not at all.

    A Parquet file carries the meaning of each column. In CSV, a list is text with ``JOINED``
    between its elements.
    """
    write: dict[str, Callable[[Iterable[pa.Table], pa.Schema, IO[bytes]], None]] = {
        ".csv": _write_csv,
        ".jsonl": _write_json_lines,
        ".parquet": _write_parquet,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        write[path.suffix](parts, columns, file)


def _write_parquet(parts: Iterable[pa.Table], columns: pa.Schema, file: IO[bytes]) -> None:
    with pq.ParquetWriter(file, columns, compression="zstd", write_page_checksum=True) as writer:
        for part in parts:
            writer.write_table(part)


def _write_csv(parts: Iterable[pa.Table], columns: pa.Schema, file: IO[bytes]) -> None:
    def lines(rows: Iterable[Sequence[object]]) -> bytes:
        text = StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(rows)
        return text.getvalue().encode()

    file.write(lines([columns.names]))
    for part in parts:
        file.write(lines([_cell(row[n]) for n in columns.names] for row in part.to_pylist()))


def _cell(value: object) -> object:
    """A value as a cell of CSV: yes and no as true and false, as Arrow and pandas read them."""
    if isinstance(value, bool):
        return str(value).lower()
    return JOINED.join(map(str, value)) if isinstance(value, list) else value


def _write_json_lines(parts: Iterable[pa.Table], columns: pa.Schema, file: IO[bytes]) -> None:
    assert columns.names
    for part in parts:
        file.writelines(json.dumps(row).encode() + b"\n" for row in part.to_pylist())


def about(ensemble: Ensemble, counts: Mapping[str, int], versions: str) -> dict[str, Any]:
    """What holds for all results of a run: models, thresholds, what these were fitted for."""
    return {
        "versions": versions,
        "studies": dict(counts),
        "models": [
            {
                "folder": str(member.folder),
                "name": member.name,
                "sha256": member.digest,
                "calibration_sha256": member.calibration_digest,
                "thresholds": member.calibration.thresholds if member.calibration else None,
            }
            for member in ensemble.members
        ],
        "thresholds_fitted_for": dict(FITTED_FOR),
    }


def thresholds_of(name: str, ensemble: Ensemble) -> list[str]:
    """Say the thresholds of a finding, one text for each model and rule that has one."""
    return [
        f"threshold {rule} of {member.name}: {value:.6g}, fitted for {FITTED_FOR[rule]}"
        for member in ensemble.members
        if member.calibration
        for rule in RULES
        if (value := member.calibration.thresholds[name].get(rule)) is not None
    ]
