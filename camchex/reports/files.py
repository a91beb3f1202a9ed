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

# An archive may hold these folders in any others, or in none, and a name may end in capitals.
MEMBER = re.compile(r"(?!(?:.*/)?__MACOSX/)(?:.*/)?(p[^/]*/p[^/]+/)(s[^/]+)\.(?:txt|TXT)")
ZIP, TAR = (".zip",), (".tar.gz", ".tgz")
BLOCK = 1 << 20  # bytes
# RuntimeError: an encrypted member, or a compression that Python cannot read.
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, RuntimeError, zlib.error)


class Report(NamedTuple):
    """The report file of one study."""

    study_id: str
    path: str  # where it should be, for messages
    content: bytes | None  # None: there is no such file


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
            return frozenset(_members(reports, archive))
    if _is(reports, TAR):
        return frozenset(name for name, _ in _tar_members(reports))
    return None


def _is(reports: Path, endings: tuple[str, ...]) -> bool:
    return reports.name.endswith(endings) and not reports.is_dir()


def _from_folder(reports: Path, some: Iterable[tuple[str, str]]) -> Iterator[Report]:
    for study, name in some:
        path = reports / name
        yield Report(study, str(path), _content(reports, path))


def _content(reports: Path, path: Path) -> bytes | None:
    for spelt in (path, path.with_suffix(".TXT")):
        try:
            return spelt.read_bytes()
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
    return None


def _from_zip(reports: Path, some: Iterable[tuple[str, str]]) -> Iterator[Report]:
    with _readable(reports):
        archive, members = _open_zip(reports)
        for study, name in some:
            content = archive.read(members[name]) if name in members else None
            yield Report(study, f"{reports}/{name}", content)


@lru_cache(maxsize=1)
def _open_zip(reports: Path) -> tuple[zipfile.ZipFile, dict[str, str]]:
    """Open an archive for as long as its process lives, and find its reports.

    Reading the index of an archive takes longer than a batch.
    """
    archive = zipfile.ZipFile(reports)
    return archive, _members(reports, archive)


def _members(reports: Path, archive: zipfile.ZipFile) -> dict[str, str]:
    """Find each report in a zip archive by its name."""
    paths: dict[str, str] = {}
    found = ((_name(reports, path, paths), path) for path in archive.namelist())
    return {name: path for name, path in found if name}


def _from_tar(reports: Path, studies: dict[str, str]) -> Iterator[Report]:
    """Yield reports in the order of the archive, and remove their names from ``studies``.

    The studies (by name of the report) that are left have no report, and follow.
    """
    for name, content in _tar_members(reports):
        if name in studies:
            yield Report(studies.pop(name), f"{reports}/{name}", content)
    for name, study in studies.items():
        yield Report(study, f"{reports}/{name}", None)


def _tar_members(reports: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each report."""
    paths: dict[str, str] = {}
    with _readable(reports), gzip.open(reports) as stream, tarfile.open(None, "r|", stream) as tar:
        for member in iter(tar.next, None):
            name = _name(reports, member.name, paths) if member.isfile() else None
            if name and (file := tar.extractfile(member)):
                yield name, file.read()
            # Before Python 3.13 tarfile keeps every member, although it cannot go back to any.
            tar.members.clear()  # type: ignore[attr-defined]
        # tarfile takes a damaged member for the end; the checksum at the real end tells.
        while stream.read(BLOCK):
            pass


def _name(reports: Path, path: str, paths: dict[str, str]) -> str | None:
    """Name the report at a path of an archive as :func:`report_names` does; None if it is none.

    Args:
        reports: The archive.
        path: A path in it; a zip made by Windows may have backslashes.
        paths: Path of each study's report so far; this one is added.

    Raises:
        DataError: If there is one already for this study, in whatever folders.
    """
    match = MEMBER.fullmatch(path.replace("\\", "/"))
    if match is None:
        return None
    study = match[2]
    if study in paths:
        two = f"{paths[study]} and {path}"
        raise DataError(f"{reports}: two reports of study {study}: {two}. Keep the right one.")
    paths[study] = path
    return f"files/{match[1]}{study}.txt"


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
