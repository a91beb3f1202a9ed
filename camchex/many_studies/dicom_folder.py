"""Studies of a folder of DICOM files, however it is arranged: found by their headers alone."""

import os
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pydicom
from pydicom import Dataset

from camchex.errors import DataError
from camchex.images.attributes import several
from camchex.images.dicom import has_prefix, with_prefix
from camchex.images.unreadable import DECODER_ERRORS
from camchex.many_studies.asked import AskedImage, AskedStudy
from camchex.many_studies.dicom_header import WANTED, view_of, why_not
from camchex.runs.progress import progress

FIRST_BYTES = 1024  # enough to tell whether a file is DICOM
NO_STUDY = "no StudyInstanceUID, so that --table has to say which belong together"
NO_FILE = "not a file, or a link that leads to none"
LINKED = "a link to a folder, which is not followed"
DIRECTORY = "DICOMDIR"  # PS3.10 8.6: the index of a medium, not an image


@dataclass(frozen=True)
class DicomFolder:
    """What a folder holds.

    Attributes:
        studies: Its studies, in the order of their first files.
        ignored: Number of files that belong to no study, by reason.
    """

    studies: tuple[AskedStudy, ...]
    ignored: Counter[str]


def find_studies(folder: Path) -> DicomFolder:
    """Look for DICOM files below a folder, and group their images by study.

    Raises:
        DataError: If there is no such folder, or no study in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder.")
    files, ignored = _files(folder)
    found = group_by_study(progress(files, "reading headers"))
    found.ignored.update(ignored)
    if not found.studies:
        held = ", ".join(f"{n} {reason}" for reason, n in found.ignored.items()) or "empty"
        raise DataError(f"{folder}: no DICOM file of a study in it ({held}).")
    return found


def group_by_study(paths: Iterable[Path]) -> DicomFolder:
    """Group the images of DICOM files by study.

    An image that is set aside (another body part, a derived image, ...) is noted with its study,
    which is predicted from the others. Files are told by content, not by name. Of several files of
    one image, the largest is taken: a copy that was cut short has the same header.
    """
    ignored, largest = Counter[str](), dict[str, Path]()
    images: defaultdict[str, list[tuple[str, AskedImage]]] = defaultdict(list)
    notes: defaultdict[str, list[str]] = defaultdict(list)
    for path in paths:
        header = read_header(path)
        study_id = "" if isinstance(header, str) else uid_of(header, "StudyInstanceUID")
        if isinstance(header, str) or not study_id:
            ignored[header if isinstance(header, str) else NO_STUDY] += 1
            continue
        images[study_id] += []  # a study with no image to read is a study
        judged = judge(header, path)
        if isinstance(judged, str):
            notes[study_id].append(f"{path}: set aside: {judged}")
            continue
        uid = uid_of(header, "SOPInstanceUID") or str(path)
        images[study_id].append((uid, judged))
        largest[uid] = max(largest.get(uid, path), path, key=lambda one: one.stat().st_size)
    studies = []
    for row, (study_id, found) in enumerate(images.items(), 1):
        kept = tuple(image for uid, image in found if largest[uid] == image.path)
        copies = (
            f"{image.path}: set aside: the same image (SOPInstanceUID) as {largest[uid]}"
            for uid, image in found
            if largest[uid] != image.path
        )
        said = (*notes[study_id], *copies)
        studies.append(AskedStudy(study_id, row, kept, notes=said, drops_unclear=True))
    return DicomFolder(tuple(studies), ignored)


def uid_of(header: Dataset, keyword: str) -> str:
    """Read a UID as it is written; empty if there is none, or several, or it cannot be read.

    pydicom's warning of a UID with letters, as some anonymisers write, would show it in the log.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # values are converted only now
            values = several(header, keyword)
            return str(values[0]).strip() if len(values) == 1 else ""  # of two, which is meant?
    except DECODER_ERRORS:
        return ""


def judge(header: Dataset, path: Path) -> AskedImage | str:
    """Decide the view of an image by its header, or say why it is set aside."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # values are converted only now
            return why_not(header) or AskedImage(path, *view_of(header))
    except DECODER_ERRORS as error:
        return f"damaged header: {error}"


def read_header(path: Path, wanted: Sequence[str] | None = WANTED) -> Dataset | str:
    """Read attributes of a DICOM file, but no pixels, or say why that cannot be done.

    Args:
        path: The file.
        wanted: Keywords; None: all that come before the pixels.
    """
    try:
        with path.open("rb") as file:
            start = file.read(FIRST_BYTES)
        if has_prefix(start):
            return _read(path, wanted)
        if with_prefix(start) is None:
            return "not a DICOM file"
        completed = with_prefix(path.read_bytes())
        assert completed is not None
        return _read(BytesIO(completed), wanted)
    except DECODER_ERRORS as error:
        return f"not to be read as DICOM: {type(error).__name__}"


def _read(source: Path | BytesIO, wanted: Sequence[str] | None) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tags = None if wanted is None else [*wanted]
        return pydicom.dcmread(source, stop_before_pixels=True, specific_tags=tags)


def _files(folder: Path) -> tuple[list[Path], Counter[str]]:
    """Every file below a folder, in the order of their paths, and how much else is, by reason.

    Links to folders are not followed: they may lead back.
    """
    files, ignored = list[Path](), Counter[str]()

    def count_closed(error: OSError) -> None:
        ignored[f"a folder that cannot be read: {error.strerror}"] += 1

    for parent, folders, names in os.walk(folder, onerror=count_closed):
        folders.sort()
        ignored[LINKED] += sum(Path(parent, name).is_symlink() for name in folders)
        paths = [Path(parent, name) for name in sorted(names) if name != DIRECTORY]
        files += [path for path in paths if path.is_file()]
        ignored[NO_FILE] += sum(not path.is_file() for path in paths)
    return files, +ignored
