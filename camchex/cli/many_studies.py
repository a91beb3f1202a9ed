"""``camchex predict`` of many studies, or by several models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from camchex import NOT_A_DEVICE
from camchex.cli.scores import print_json
from camchex.errors import DataError

if TYPE_CHECKING:
    from camchex.contract.rules import Problem
    from camchex.many_studies.asked import AskedStudy
    from camchex.many_studies.ensemble import Ensemble
    from camchex.many_studies.predict_studies import Predicted, Studies

NOT_ALL = 3
"""Exit status where some studies were refused or set aside; 1: error, 2: wrong usage."""
NOT_CALIBRATED = "has no calibration beside it: its numbers are to rank by, and decide nothing"
Accelerator = Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True)
class Request:
    """What is to be predicted, by which models, and how.

    Attributes:
        models: Folders of trained models.
        calibration: In place of that of the one model.
        table: Table of studies.
        dicom: Folder of DICOM files.
        out: File of the results.
        workers: Processes that read and decode.
        accelerator: Where the networks compute.
    """

    models: Sequence[Path]
    calibration: Path | None
    table: Path | None
    dicom: Path | None
    out: Path | None
    workers: int
    accelerator: Accelerator

    @property
    def is_for_many(self) -> bool:
        """Whether many studies are to be predicted."""
        return self.table is not None or self.dicom is not None


def predict_many(request: Request, one_study: Mapping[str, object]) -> NoReturn:
    """Predict a table or a folder; the exit status says whether every study was predicted.

    Args:
        request: What was asked for.
        one_study: Options that describe one study, none of which may be given.
    """
    from camchex.many_studies.predict_studies import predict_studies
    from camchex.many_studies.results import require_kind

    superfluous = [name for name, value in one_study.items() if value]
    if superfluous or (request.table and request.dicom):
        names = ", ".join(superfluous or ["--table with --dicom"])
        raise DataError(f"{names}: what is known of many studies stands in their table or files.")
    if request.out is None:
        raise DataError("--out FILE is missing: where the results go (.csv, .jsonl or .parquet).")
    require_kind(request.out)
    # The models are loaded last, since they take longest: a faulty table is reported at once.
    studies, total = _studies(request)
    ensemble = _ensemble(request)
    found = predict_studies(ensemble, studies, total, request.out, request.workers)
    _show(found, request.out)
    raise typer.Exit(0 if found.is_whole else NOT_ALL)


def _studies(request: Request) -> "tuple[Studies, int]":
    from camchex.many_studies.study_table import asked_studies, check_studies

    table = request.table
    if table is None:
        return _dicom_studies(request)
    checked = check_studies(table)
    _show_problems(table, checked.rows, checked.problems)
    return lambda: asked_studies(table, checked.repeated), checked.rows


def _dicom_studies(request: Request) -> "tuple[Studies, int]":
    from camchex.many_studies.dicom_folder import find_studies

    assert request.dicom is not None
    found = find_studies(request.dicom)
    for reason, number in found.ignored.items():
        _say(f"{request.dicom}: {number:,} files are left out: {reason}")
    return lambda: iter(found.studies), len(found.studies)


def predict_by_several(request: Request, study: "AskedStudy", *, as_json: bool) -> NoReturn:
    """Predict one study by several models: mean, range over the models, and what most decide."""
    from camchex.many_studies.predict_studies import predict_rows
    from camchex.many_studies.reading import read_study

    ensemble = _ensemble(request)
    (row,) = predict_rows(ensemble, [read_study(study, ensemble.how)])
    if row["reason"] and not as_json:
        raise DataError(row["reason"])
    if as_json:
        print_json({"note": NOT_A_DEVICE, **row})
    else:
        Console().print(_findings(row, ensemble.classes))
        for line in (*row["notes"], NOT_A_DEVICE):
            _say(line)
    raise typer.Exit(NOT_ALL if row["reason"] else 0)


def _findings(row: Mapping[str, Any], classes: Sequence[str]) -> Table:
    table = Table("finding", "probability", "over the models", box=None)
    for name in sorted(classes, key=lambda name: (-row[name], name)):
        interval = f"{row[f'{name}.lowest']:.3f} to {row[f'{name}.highest']:.3f}"
        table.add_row(name, f"{row[name]:.3f}", interval)
    return table


def _ensemble(request: Request) -> "Ensemble":
    from camchex.many_studies.ensemble import load_ensemble
    from camchex.runs.devices import device_of
    from camchex.runs.runtime import RuntimeParams

    runtime = RuntimeParams(
        workers=request.workers, accelerator=request.accelerator, devices=1, compile=False
    )
    found = load_ensemble(request.models, request.calibration, device_of(runtime))
    for member in found.members:
        if member.calibration is None:
            _say(f"{member.folder} {NOT_CALIBRATED} (`dvc repro evaluate` makes it)")
    return found


def _show_problems(path: Path, rows: int, problems: "Sequence[Problem]") -> None:
    if problems:
        _say(f"{path}: {rows:,} rows; those with a fault are set aside:")
    for problem in problems:
        _say(f"  {problem}")


def _show(found: "Predicted", out: Path) -> None:
    if found.kept:
        _say(f"{found.kept:,} studies were predicted by an earlier run")
    for line in found.first:
        _say(f"  {line}")
    counts = ", ".join(f"{number:,} {status}" for status, number in found.counts.items())
    typer.echo(f"wrote {out}: {counts}")
    _say(NOT_A_DEVICE)


def _say(line: str) -> None:
    Console(stderr=True, soft_wrap=True, markup=False).print(line, style="dim")
