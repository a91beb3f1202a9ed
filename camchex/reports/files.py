"""Report files in a folder, or in one archive that is read without unpacking it."""

import gzip
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
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
    named = zip(studies["study_id"].to_pylist(), report_names(studies), strict=True)
    if _is(reports, TAR):
        left = _from_tar(reports, {name: study for study, name in named})
        while read := list(islice(left, size)):
            yield partial(list, read)
        return
    read_some = _from_zip if _is(reports, ZIP) else _from_folder
    while some := list(islice(named, size)):
        yield partial(read_some, reports, some)


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


def _from_folder(reports: Path, some: Iterable[tuple[str, str]]) -> Iterator[Report]:
    for study, name in some:
        path = reports / name
        yield Report(study, str(path), _content(reports, path))


def _content(reports: Path, path: Path) -> bytes | None:
    capitals = path.with_suffix(".TXT")
    for spelt in (path, capitals):
        try:
            content = spelt.read_bytes()
        except FileNotFoundError:
            continue
        except NotADirectoryError as error:
            raise DataError(
                f"{reports}: neither a folder nor a .zip or .tar.gz. "
                "Set data.reports in params.yaml."
            ) from error
        except OSError as error:
            what = f"cannot be read ({error.strerror}). Expected a report, as a text file."
            raise DataError(f"{spelt}: {what}") from error
        if spelt is path and capitals.exists() and capitals.read_bytes() != content:
            raise DataError(f"{path} and {capitals.name} differ. Keep the right one.")
        return content
    return None


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
