"""Report files in a folder, or in one archive that is read without unpacking it."""

import gzip
import os
import re
import tarfile
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from camchex.errors import DataError

# An archive may hold a patient's folder in any others, or in none, and names may be in capitals.
MEMBER = re.compile(r"(?:.*/)?p([^/]+)/s([^/]+)\.txt", re.IGNORECASE)
# What a reader would take for reports, and this module cannot read.
OUT_OF_PLACE = re.compile(
    r"(?:.*/)?(?:s\d+\.txt(?:\.gz)?|[^/]*\.(?:zip|tgz|tar\.gz))", re.IGNORECASE
)
MACOS = re.compile(r"(?:.*/)?(?:__MACOSX/|\._).*")
ZIP, TAR = (".zip",), (".tar.gz", ".tgz")
BLOCK = 1 << 20  # bytes
DEEPEST = 6  # folders above a patient's: published are files/p10
# RuntimeError: an encrypted member, or a compression that Python cannot read.
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, RuntimeError, zlib.error)


class Report(NamedTuple):
    """The report file of one study."""

    study_id: str
    path: str  # where it should be, for messages
    content: bytes | None  # None: there is no such file


class Member(NamedTuple):
    """The report of one study in an archive."""

    study: str
    path: str
    name: str  # as of report_names, by the patient's folder


Batch = Callable[[], Iterable[Report]]
"""Function that reads some reports, in the process that calls it."""


def report_names(studies: pa.Table) -> list[str]:
    """Name each study's report by its patient: ``files/p10/p10000032/s50414267.txt``."""
    patient = studies["patient_id"].combine_chunks()
    first, study = pc.utf8_slice_codeunits(patient, 0, 2), studies["study_id"].combine_chunks()
    parts = ["files/p", first, "/p", patient, "/s", study, ".txt"]
    return list(pc.binary_join_element_wise(*parts, "").to_pylist())


def report_batches(reports: Path, studies: pa.Table, size: int) -> Iterator[Batch]:
    """Yield the reports of all studies in batches, each report once, in no certain order.

    The process that calls a batch reads its files, or its members of a zip archive. A compressed
    tar archive has no index: this process reads it, once, from its start.

    Raises:
        DataError: If an archive is missing or damaged, or holds two files for one study, or a file
            cannot be read; also raised by a batch.
    """
    ids, names = studies["study_id"].to_pylist(), report_names(studies)
    named = zip(ids, names, strict=True)
    if not _is(reports, (*ZIP, *TAR)):
        placed = zip(ids, report_places(reports, names), strict=True)
        while several := list(islice(placed, size)):
            yield partial(_from_folder, reports, several)
        return
    if _is(reports, TAR):
        left = _from_tar(reports, {name: study for study, name in named})
        while read := list(islice(left, size)):
            yield partial(list, read)
        return
    while some := list(islice(named, size)):
        yield partial(_from_zip, reports, some)


def archived_names(reports: Path) -> frozenset[str] | None:
    """List the reports in an archive, named as by :func:`report_names`; None for a folder.

    Raises:
        DataError: If the archive is missing or damaged, or holds two files for one study.
    """
    if _is(reports, ZIP):
        with _readable(reports), zipfile.ZipFile(reports) as archive:
            return frozenset(member.name for member in _members(reports, archive).values())
    if _is(reports, TAR):
        return frozenset(member.name for member, _ in _tar_members(reports))
    return None


def _is(reports: Path, endings: tuple[str, ...]) -> bool:
    return reports.name.endswith(endings) and not reports.is_dir()


def report_places(folder: Path, names: Iterable[str]) -> list[list[str]]:
    """Say where in a folder each report may be, given its name by :func:`report_names`.

    As in an archive, a patient's folder may stand in any others, or in none, or in several.

    Raises:
        DataError: If the folder is a file, or cannot be read.
    """
    split = [name.split("/") for name in names]
    patients = {patient for _, _, patient, _ in split}
    groups = {group for _, group, _, _ in split}  # which may be named as patients are
    found: defaultdict[str, list[str]] = defaultdict(list)
    left = [PurePosixPath()]
    while left:
        above = left.pop()
        for name in _folders(folder / above):
            spelt = f"p{name[1:]}"
            if name[0] in "pP" and spelt in patients:
                found[spelt].append(str(above / name))
            if (spelt in groups or spelt not in patients) and len(above.parts) < DEEPEST:
                left.append(above / name)
    return [
        [f"{place}/{file}" for place in sorted(found.get(patient, [f"{top}/{group}/{patient}"]))]
        for top, group, patient, file in split
    ]


def _folders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if entry.is_dir()]
    except FileNotFoundError:
        return []
    except NotADirectoryError as error:
        what = "neither a folder nor a .zip or .tar.gz. Set data.reports in params.yaml."
        raise DataError(f"{folder}: {what}") from error
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror}).") from error


def has_report(folder: Path, places: Iterable[str]) -> bool:
    """Whether a report is in a folder, at any of its :func:`report_places`."""
    return any(file.is_file() for place in places for file in _spelt(folder / place))


def _from_folder(reports: Path, some: Iterable[tuple[str, list[str]]]) -> Iterator[Report]:
    for study, places in some:
        found = {file: _content(file) for place in places for file in _spelt(reports / place)}
        first, *others = found or [reports / places[0]]
        if not found and first.with_name(f"{first.name}.gz").exists():
            raise DataError(f"{first}.gz: a packed report. Unpack it.")
        for other in others:
            if found[other] != found[first]:
                raise DataError(f"{first} and {other} differ. Keep the right one.")
        yield Report(study, str(first), found.get(first))


def _spelt(path: Path) -> list[Path]:
    """Find a report by its name, with ``.txt`` in capitals too, else in any other spelling."""
    there = [name for name in (path, path.with_suffix(".TXT")) if name.exists()]
    if there or not path.parent.is_dir():
        return there
    letter, rest = path.name[0], path.name[1:].removesuffix(".txt")
    spelling = re.compile(f"(?i:{letter}){re.escape(rest)}(?i:[.]txt)")
    return sorted(other for other in path.parent.iterdir() if spelling.fullmatch(other.name))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        what = f"cannot be read ({error.strerror}). Expected a report, as a text file."
        raise DataError(f"{path}: {what}") from error


def _from_zip(reports: Path, some: Iterable[tuple[str, str]]) -> Iterator[Report]:
    with _readable(reports):
        archive, members = _open_zip(reports)
        for study, name in some:
            member = members.get(study)
            _require_patient(reports, member, name)
            content = archive.read(member.path) if member else None
            yield Report(study, f"{reports}/{name}", content)


@lru_cache(maxsize=1)
def _open_zip(reports: Path) -> tuple[zipfile.ZipFile, dict[str, Member]]:
    """Open an archive for as long as its process lives, and find its reports.

    Reading the index of an archive takes longer than a batch.
    """
    archive = zipfile.ZipFile(reports)
    return archive, _members(reports, archive)


def _members(reports: Path, archive: zipfile.ZipFile) -> dict[str, Member]:
    """Find the report of each study in a zip archive."""
    found: dict[str, Member] = {}
    for path in archive.namelist():
        _member(reports, path, found)
    return found


def _require_patient(reports: Path, member: Member | None, name: str) -> None:
    if member and member.name != name:
        what = f"expected {name}, by the table of the studies. One of the two has another patient"
        raise DataError(f"{reports}: {member.path}: {what}: correct it.")


def _from_tar(reports: Path, studies: dict[str, str]) -> Iterator[Report]:
    """Yield reports in the order of the archive, and remove their names from ``studies``.

    The studies (by name of the report) that are left have no report, and follow.
    """
    expected = {study: name for name, study in studies.items()}
    for member, content in _tar_members(reports):
        if name := expected.get(member.study):
            _require_patient(reports, member, name)
            yield Report(studies.pop(name), f"{reports}/{name}", content)
    for name, study in studies.items():
        yield Report(study, f"{reports}/{name}", None)


def _tar_members(reports: Path) -> Iterator[tuple[Member, bytes]]:
    """Yield each report and its content."""
    found: dict[str, Member] = {}
    with _readable(reports), gzip.open(reports) as stream, tarfile.open(None, "r|", stream) as tar:
        for member in iter(tar.next, None):
            one = None if member.isdir() else _member(reports, member.name, found)
            if one and not member.isfile():
                what = "a link, which cannot be followed here. Pack the files themselves."
                raise DataError(f"{reports}: {member.name}: {what}")
            if one and (file := tar.extractfile(member)):
                yield one, file.read()
            # Before Python 3.13 tarfile keeps every member, although it cannot go back to any.
            tar.members.clear()  # type: ignore[attr-defined]
        # tarfile takes a damaged member for the end; the checksum at the real end tells.
        while stream.read(BLOCK):
            pass


def _member(reports: Path, path: str, found: dict[str, Member]) -> Member | None:
    """Tell which study's report stands at a path of an archive; None if it is none.

    Args:
        reports: The archive.
        path: A path in it; a zip made by Windows may have backslashes.
        found: The report of each study so far; this one is added.

    Raises:
        DataError: If there is one already for this study, in whatever folders, or it looks like a
            report, or an archive of some, that cannot be read where it stands.
    """
    slashed = path.replace("\\", "/")
    if MACOS.fullmatch(slashed):
        return None
    match = MEMBER.fullmatch(slashed)
    if match is None:
        if OUT_OF_PLACE.fullmatch(slashed):
            what = "Expected each report as p10000032/s50414267.txt, neither packed nor elsewhere"
            raise DataError(f"{reports}: {path}: {what}: pack the archive anew, or take it out.")
        return None
    patient, study = match.groups()
    if study in found:
        two = f"{found[study].path} and {path}"
        raise DataError(f"{reports}: two reports of study s{study}: {two}. Keep the right one.")
    found[study] = Member(study, path, f"files/p{patient[:2]}/p{patient}/s{study}.txt")
    return found[study]


@contextmanager
def _readable(archive: Path) -> Iterator[None]:
    """Turn the many errors of an unreadable archive into one that says what to do."""
    try:
        yield
    except FileNotFoundError as error:
        what = "no such file. Set data.root and data.reports in params.yaml."
        raise DataError(f"{archive}: {what}") from error
    except DAMAGED as error:
        what = f"damaged, or no such archive ({error}). Download it again."
        raise DataError(f"{archive}: {what}") from error
