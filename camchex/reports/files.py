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

# An archive may hold the folder ``files`` in other folders.
MEMBER = re.compile(r"(.*/)?(files/p[^/]*/p[^/]+/s[^/]+\.txt)")
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
        DataError: If an archive is missing or damaged; also raised by a batch.
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
        DataError: If the archive is missing or damaged.
    """
    if _is(reports, ZIP):
        with _readable(reports), zipfile.ZipFile(reports) as archive:
            found = map(MEMBER.fullmatch, archive.namelist())
            return frozenset(match[2] for match in found if match)
    if _is(reports, TAR):
        return frozenset(name for name, _ in _tar_members(reports))
    return None


def _is(reports: Path, endings: tuple[str, ...]) -> bool:
    return reports.name.endswith(endings) and not reports.is_dir()


def _from_folder(reports: Path, some: Iterable[tuple[str, str]]) -> Iterator[Report]:
    for study, name in some:
        path = reports / name
        try:
            yield Report(study, str(path), path.read_bytes())
        except FileNotFoundError:
            yield Report(study, str(path), None)
        except NotADirectoryError as error:
            raise DataError(
                f"{reports}: neither a folder nor a .zip or .tar.gz. "
                "Set data.reports in params.yaml."
            ) from error


def _from_zip(reports: Path, some: Iterable[tuple[str, str]]) -> Iterator[Report]:
    with _readable(reports):
        archive, folder = _open_zip(reports)
        for study, name in some:
            try:
                content = archive.read(folder + name)
            except KeyError:
                content = None
            yield Report(study, f"{reports}/{name}", content)


@lru_cache(maxsize=1)
def _open_zip(reports: Path) -> tuple[zipfile.ZipFile, str]:
    """Open an archive for as long as its process lives, and find the folders above ``files``.

    Reading the index of an archive takes longer than a batch.
    """
    archive = zipfile.ZipFile(reports)
    first = next(filter(None, map(MEMBER.fullmatch, archive.namelist())), None)
    return archive, (first[1] or "") if first else ""


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
    with _readable(reports), gzip.open(reports) as stream, tarfile.open(None, "r|", stream) as tar:
        for member in iter(tar.next, None):
            match = MEMBER.fullmatch(member.name)
            if match and member.isfile() and (file := tar.extractfile(member)):
                yield match[2], file.read()
            # Before Python 3.13 tarfile keeps every member, although it cannot go back to any.
            tar.members.clear()  # type: ignore[attr-defined]
        # tarfile takes a damaged member for the end; the checksum at the real end tells.
        while stream.read(BLOCK):
            pass


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
