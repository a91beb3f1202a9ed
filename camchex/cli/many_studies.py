"""``camchex predict`` of many studies, or by several models."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from camchex import NOT_A_DEVICE
from camchex.cli.scores import print_json
from camchex.errors import DataError, counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from camchex.contract.rules import Problem
    from camchex.many_studies.archive import Archive
    from camchex.many_studies.archive_studies import ArchiveFiles
    from camchex.many_studies.asked import AskedStudy
    from camchex.many_studies.ensemble import Ensemble
    from camchex.many_studies.predict_studies import Predicted, Studies

    Rows = Callable[[], Iterator[Mapping[str, Any]]]

NOT_ALL = 3
"""Exit status where some studies were refused or set aside; 1: error, 2: wrong usage."""
NOT_CALIBRATED = "has no calibration beside it: its numbers are to rank by, and decide nothing"
Accelerator = Literal["auto", "cpu", "cuda", "mps"]


class Format(StrEnum):
    """What the results can be written as, beside their table."""

    SR = "sr"
    FHIR = "fhir"


@dataclass(frozen=True)
class Request:
    """What is to be predicted, by which models, and how.

    Attributes:
        models: Folders of trained models.
        calibration: In place of that of the one model.
        table: Table of studies.
        dicom: Folder of DICOM files.
        dicomweb: Address of an archive.
        find: What to find studies of the archive by, ``KEY=VALUE``.
        store: Whether structured reports are stored in the archive.
        out: File of the results.
        workers: Processes that read and decode.
        accelerator: Where the networks compute.
        formats: What else the results are written as.
    """

    models: Sequence[Path]
    calibration: Path | None
    table: Path | None
    dicom: Path | None
    dicomweb: str | None
    find: Sequence[str]
    store: bool
    out: Path | None
    workers: int
    accelerator: Accelerator
    formats: Sequence[Format] = ()

    @property
    def is_for_many(self) -> bool:
        """Whether many studies are to be predicted."""
        sources = (self.table, self.dicom, self.dicomweb)
        return any(one is not None for one in sources) or bool(self.find or self.store)


def predict_many(request: Request, one_study: Mapping[str, object]) -> NoReturn:
    """Predict a table or a folder; the exit status says whether every study was predicted.

    Args:
        request: What was asked for.
        one_study: Options that describe one study, none of which may be given.
    """
    from camchex.many_studies.predict_studies import about_file, is_begun, predict_studies
    from camchex.many_studies.results import require_kind

    superfluous = [name for name, value in one_study.items() if value]
    _require_one_source(request, superfluous)
    if request.out is None:
        raise DataError("--out FILE is missing: where the results go (.csv, .jsonl or .parquet).")
    require_kind(request.out)
    begun = is_begun(request.out)  # then such files are its own
    further = (_further_file(request.out, kind) for kind in request.formats)
    for path in (about_file(request.out), *further):
        if not begun and os.path.lexists(path):
            raise DataError(f"{path}: is there already. Name another --out, or delete it.")
    # The models are loaded last, since they take longest: a faulty table is reported at once.
    archive = _archive(request)
    studies, total = _studies(request, archive)
    if Format.SR in request.formats and not archive:
        _structured_report().require_dicom(studies())
    ensemble = _ensemble(request)
    files = _archive_files(request, archive, ensemble)
    reports = Counter[str]()

    def write_more(rows: "Rows") -> None:
        _write_formats(request, ensemble, files, rows)
        reports.update(files.count_reports(rows()) if files else {})

    found = predict_studies(
        ensemble, studies, total, request.out, request.workers, write_more, files
    )
    _show(found, request.out, reports)
    is_whole = found.is_whole and not (files and files.unstored(reports))
    raise typer.Exit(0 if is_whole else NOT_ALL)


def require_none(options: Mapping[str, object], why: str) -> None:
    """Refuse options that would have no effect.

    Raises:
        DataError: Naming those that are given, and saying why they have none.
    """
    if given := [name for name, value in options.items() if value]:
        raise DataError(f"{', '.join(given)}: has no effect here: {why}.")


def _require_one_source(request: Request, superfluous: Sequence[str]) -> None:
    sources = [request.table, request.dicom, request.dicomweb]
    names = ("--table", "--dicom", "--dicomweb")
    given = [name for name, value in zip(names, sources, strict=True) if value is not None]
    if superfluous or len(given) > 1:
        said = ", ".join(superfluous or [" with ".join(given)])
        raise DataError(f"{said}: what is known of many studies stands in their table or files.")
    if not request.dicomweb and (request.find or request.store):
        raise DataError("--dicomweb URL is missing: the archive that --find and --store are for.")


def _write_formats(
    request: Request, ensemble: "Ensemble", files: "ArchiveFiles | None", rows: "Rows"
) -> None:
    """Write the results in other formats, each beside the file of the results."""
    from camchex.contract.files import publish_folder
    from camchex.many_studies.fhir import write_fhir

    out = request.out
    assert out is not None
    if Format.FHIR in request.formats:
        write_fhir(rows(), ensemble, _further_file(out, Format.FHIR))
    if Format.SR in request.formats:
        write_reports = _structured_report().write_reports

        def write(empty: Path) -> None:
            if files:
                files.copy_reports(rows(), empty)
            else:
                write_reports(rows(), ensemble, empty)

        publish_folder(_further_file(out, Format.SR), write)


def _further_file(out: Path, kind: Format) -> Path:
    """The file, or of structured reports the folder, of a format beside the results."""
    return out.with_name(f"{out.name}.{'fhir.jsonl' if kind is Format.FHIR else 'sr'}")


def _structured_report() -> ModuleType:
    try:
        from camchex.many_studies import structured_report
    except ModuleNotFoundError as error:
        raise DataError(
            f"{error.name} is not installed, which --format sr and --store need: "
            "`pip install 'camchex[sr]'`"
        ) from error
    return structured_report


def _archive(request: Request) -> "Archive | None":
    if request.dicomweb is None:
        return None
    try:
        from camchex.many_studies.archive import connect
    except ModuleNotFoundError as error:
        raise DataError(
            f"{error.name} is not installed, which --dicomweb needs: "
            "`pip install 'camchex[dicomweb]'`"
        ) from error
    return connect(request.dicomweb)


def _archive_files(
    request: Request, archive: "Archive | None", ensemble: "Ensemble"
) -> "ArchiveFiles | None":
    if archive is None:
        return None
    from camchex.many_studies.archive_studies import ArchiveFiles

    keeps = Format.SR in request.formats
    write_report = _structured_report().write_report if keeps or request.store else None
    return ArchiveFiles(archive, ensemble, write_report, stores=request.store, keeps=keeps)


def _studies(request: Request, archive: "Archive | None") -> "tuple[Studies, int]":
    from camchex.many_studies.study_table import asked_studies, check_studies

    table = request.table
    if table is None:
        return _dicom_studies(request, archive)
    checked = check_studies(table)
    _show_problems(table, checked.rows, checked.problems)
    return lambda: asked_studies(table, checked.repeated), checked.rows


def _dicom_studies(request: Request, archive: "Archive | None") -> "tuple[Studies, int]":
    from camchex.many_studies.dicom_folder import find_studies

    if archive:
        from camchex.many_studies.archive_studies import parse_searches, studies_of

        if request.store:
            _structured_report()  # what is missing is said before anything is fetched
        where, what = archive.address, ("study", "studies")
        found = studies_of(archive, parse_searches(request.find))
    else:
        assert request.dicom is not None
        where, what = str(request.dicom), ("file", "files")
        found = find_studies(request.dicom)
    for reason, number in found.ignored.items():
        _say(f"{where}: {counted(number, *what)} left out: {reason}")
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
        _say(f"{path}: {counted(rows, 'row')}; those with a fault are set aside:")
    for problem in problems:
        _say(f"  {problem}")


def _show(found: "Predicted", out: Path, reports: Mapping[str, int]) -> None:
    if found.kept:
        _say(f"predicted by an earlier run: {counted(found.kept, 'study', 'studies')}")
    for line in found.first:
        _say(f"  {line}")
    if more := found.unpredicted - len(found.first):
        _say(f"  and {more:,} more: columns status and reason")
    counts = ", ".join(f"{number:,} {status}" for status, number in found.counts.items())
    typer.echo(f"wrote {out}: {counts}")
    for what, number in reports.items():
        typer.echo(f"{what}: {number:,}")
    _say(NOT_A_DEVICE)


def _say(line: str) -> None:
    Console(stderr=True, soft_wrap=True, markup=False).print(line, style="dim")
