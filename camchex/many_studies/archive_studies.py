"""Studies of an archive, read as those of a folder are: found by headers, fetched while needed."""

import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread

from camchex.errors import DataError
from camchex.images.attributes import several, text
from camchex.many_studies.archive import EXAMPLE, Archive, NotServedError, is_uid
from camchex.many_studies.asked import AskedImage, AskedStudy
from camchex.many_studies.dicom_folder import DicomFolder, group_by_study, judge, read_header
from camchex.many_studies.dicom_header import RADIOGRAPHS
from camchex.many_studies.ensemble import Ensemble
from camchex.runs.progress import progress

DATES = re.compile(r"\d{8}(-\d{8})?|\d{8}-|-\d{8}")  # PS3.4 C.2.2.2.5
NO_WILDCARD = re.compile(r"[^*?\\,]+")  # PS3.4 C.2.2.2.4: these would find others, too
KEYS: Mapping[str, Callable[[str], bool]] = {
    "StudyInstanceUID": is_uid,
    "AccessionNumber": lambda value: NO_WILDCARD.fullmatch(value) is not None,
    "PatientID": lambda value: NO_WILDCARD.fullmatch(value) is not None,
    "StudyDate": lambda value: DATES.fullmatch(value) is not None,
}
"""Attributes to find studies by, with the form of their values."""
OF_ONE_STUDY = {"StudyInstanceUID", "AccessionNumber"}
TEXTS = ("SR", "PR", "KO", "DOC")  # modalities of reports, ours too, and of notes on images
MOST_IMAGES = 20  # of a series: several times what a study of a chest has
STORED, PRESENT, NOT_STORED = "report stored", "report was stored before", "report not stored"
NOT_MADE = "no structured report can be made of the headers of its images"
FAILED = (NOT_STORED, NOT_MADE)
IMAGES, REPORTS = "images", "reports"
Search = Mapping[str, str]


def parse_searches(words: Sequence[str]) -> list[Search]:
    """Read ``KEY=VALUE``: of several values of a key any one counts, of several keys all do.

    Raises:
        DataError: If a key is none of ``KEYS``, or a value has not its form.
    """
    values: dict[str, list[str]] = {}
    for word in words:
        key, _, value = word.partition("=")
        if key not in KEYS:
            raise DataError(f"--find: expected KEY=VALUE with one of {', '.join(KEYS)} as KEY")
        if not KEYS[key](value):
            wanted = "YYYYMMDD or YYYYMMDD-YYYYMMDD" if key == "StudyDate" else "one whole value"
            raise DataError(f"--find {key}: expected {wanted}, without * and ?")
        values.setdefault(key, []).append(value)
    if not values:
        raise DataError(f"--find KEY=VALUE is missing: which studies, by {', '.join(KEYS)}")
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]


def studies_of(archive: Archive, searches: Sequence[Search]) -> DicomFolder:
    """Find studies and the images in them that can be used; nothing but headers is fetched.

    The path of an image is ``study/series/instance.dcm``, by their UIDs. A study without an X-ray
    is left out and counted, unless it was asked for by its own number. Reports and notes on images
    are passed over.

    Raises:
        DataError: If the archive cannot be reached, or has no such study.
    """
    found: dict[str, Dataset] = {}
    named: set[str] = set()
    for search in searches:
        try:
            studies = archive.studies(search)
        except NotServedError as error:
            raise DataError(
                f"{error}. Expected is the root of the archive's DICOMweb, such as {EXAMPLE}"
            ) from error
        uids = {text(study, "StudyInstanceUID"): study for study in studies}
        found |= uids
        named |= {*uids} if OF_ONE_STUDY & {*search} else set()
    if not found:
        keys = ", ".join(searches[0])
        raise DataError(f"{archive.address}: no study has what --find names ({keys}).")
    ignored = Counter[str]()
    asked: list[AskedStudy] = []
    order = sorted(found, key=lambda uid: (*_when(found[uid]), uid))
    for uid in progress(order, "reading headers"):
        modalities = {str(one) for one in several(found[uid], "ModalitiesInStudy")}
        if uid not in named and modalities and not modalities & {*RADIOGRAPHS}:
            ignored[f"no X-ray ({', '.join(RADIOGRAPHS)}) among them"] += 1
            continue
        asked.append(_asked(archive, uid, len(asked) + 1))
    return DicomFolder(tuple(asked), ignored)


def _when(study: Dataset) -> tuple[str, str]:
    return text(study, "StudyDate"), text(study, "StudyTime")


def _asked(archive: Archive, study: str, row: int) -> AskedStudy:
    images: list[AskedImage] = []
    notes: list[str] = []
    try:
        for series in archive.series(study):
            modality = text(series, "Modality")
            if modality in TEXTS:
                continue
            for judged in _judged(archive, study, series):
                images += [judged] if isinstance(judged, AskedImage) else []
                notes += [judged] if isinstance(judged, str) else []
    except NotServedError as error:
        return AskedStudy(study, row, problem=str(error))
    return AskedStudy(study, row, tuple(images), notes=tuple(notes), drops_unclear=True)


def _judged(archive: Archive, study: str, series: Dataset) -> Iterator[AskedImage | str]:
    """The images of a series that can be used, and why others cannot."""
    uid, modality = text(series, "SeriesInstanceUID"), text(series, "Modality")
    number = text(series, "NumberOfSeriesRelatedInstances")
    name = Path(study, uid)
    if modality and modality not in RADIOGRAPHS:
        yield f"{name}: set aside: modality {modality}, not {', '.join(RADIOGRAPHS)}"
        return
    if number.isdigit() and int(number) > MOST_IMAGES:
        yield f"{name}: set aside: {number} images, more than {MOST_IMAGES}"
        return
    for header in archive.instances(study, uid):
        path = name / f"{text(header, 'SOPInstanceUID')}.dcm"
        judged = judge(header, path)
        yield f"{path}: set aside: {judged}" if isinstance(judged, str) else judged


@dataclass
class ArchiveFiles:
    """Images of an archive, here while they are read; ``predict_studies.Files``.

    Attributes:
        archive: Where they come from.
        ensemble: What predicts them.
        write_report: Writes a structured report of a row into a folder; None: none is wanted.
        stores: Whether reports are stored in the archive.
        keeps: Whether reports are kept until :meth:`copy_reports`.
    """

    archive: Archive
    ensemble: Ensemble
    write_report: Callable[[Mapping[str, Any], Ensemble, Path], Path] | None = None
    stores: bool = False
    keeps: bool = False
    folder: Path = field(default_factory=Path, init=False)

    @property
    def key(self) -> str:
        """What an unfinished run has to have in common with this one to be continued."""
        return f"{self.archive.address} {self.stores} {self.keeps}"

    @contextmanager
    def inside(self, folder: Path) -> Iterator[None]:
        """Use a folder for the images, and delete them in the end, also those of a killed run."""
        self.folder = folder
        images = folder / IMAGES
        shutil.rmtree(images, ignore_errors=True)
        images.mkdir(mode=0o700)  # nobody else's to read
        (folder / REPORTS).mkdir(mode=0o700, exist_ok=True)
        try:
            yield
        finally:
            shutil.rmtree(images, ignore_errors=True)

    def fetch(self, chunk: Sequence[AskedStudy]) -> Sequence[AskedStudy]:
        """Fetch the images of studies, and read their headers again, as those of a folder."""
        return [asked if asked.problem else self._fetched(asked) for asked in chunk]

    def _fetched(self, asked: AskedStudy) -> AskedStudy:
        paths, notes = [], list(asked.notes)
        for image in asked.images:
            study, series, name = image.path.parts
            path = self.folder / IMAGES / image.path
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                content = self.archive.retrieve(study, series, name.removesuffix(".dcm"))
            except NotServedError as error:
                notes.append(f"{image.path}: set aside: {error}")
            else:
                path.write_bytes(content)
                paths.append(path)
        found = {one.study_id: one for one in group_by_study(paths).studies}
        if asked.study_id not in found:
            notes += ["what the archive sent is not of this study"] if paths else []
            return replace(asked, images=(), notes=tuple(notes))
        read = found[asked.study_id]
        return replace(read, row=asked.row, notes=(*notes, *read.notes))

    def finish(self, rows: Sequence[dict[str, Any]]) -> None:
        """Make and store reports of rows of results, forget the images, and name them shortly."""
        here = f"{self.folder / IMAGES}{os.sep}"
        for row in rows:
            if row["status"] == "predicted" and self.write_report:
                row["notes"] += self._report(row)
            for column in {"images", "notes"} & {*row}:
                row[column] = [one.replace(here, "") for one in row[column]]
            row["reason"] = row["reason"] and row["reason"].replace(here, "")
            if is_uid(row["study_id"]):
                shutil.rmtree(self.folder / IMAGES / row["study_id"], ignore_errors=True)

    def _report(self, row: Mapping[str, Any]) -> list[str]:
        """Make the report of a study, and store it where that is wanted; what became of it."""
        assert self.write_report
        try:
            path = self.write_report(row, self.ensemble, self.folder / REPORTS)
        except DataError:  # it quotes a header
            return [NOT_MADE]
        try:
            if not self.stores:
                return []
            report = dcmread(path)
            said = STORED if self.archive.store(report) else PRESENT
        except NotServedError as error:
            return [f"{NOT_STORED}: {error}"]
        else:
            return [f"{said}: {report.SOPInstanceUID}"]
        finally:
            path.replace(self._kept(row)) if self.keeps else path.unlink()

    def _kept(self, row: Mapping[str, Any]) -> Path:
        return self.folder / REPORTS / f"{row['study_id']}.dcm"

    def copy_reports(self, rows: Iterator[Mapping[str, Any]], folder: Path) -> None:
        """Copy the reports of rows that were predicted, each to ``<SOPInstanceUID>.dcm``."""
        for row in rows:
            header = read_header(self._kept(row), ("SOPInstanceUID",))
            if isinstance(header, Dataset):
                shutil.copyfile(self._kept(row), folder / f"{header.SOPInstanceUID}.dcm")

    @staticmethod
    def count_reports(rows: Iterator[Mapping[str, Any]]) -> Counter[str]:
        """Count what became of the reports, by the notes on them."""
        said = (note.partition(":")[0] for row in rows for note in row["notes"])
        return Counter(one for one in said if one in (STORED, PRESENT, *FAILED))

    @staticmethod
    def unstored(counts: Mapping[str, int]) -> int:
        """Number of reports that could not be made, or not be stored."""
        return sum(counts.get(one, 0) for one in FAILED)
