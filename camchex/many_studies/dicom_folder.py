"""Studies of a folder of DICOM files, however it is arranged: found by their headers alone."""

import os
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pydicom
from pydicom import Dataset

from camchex.errors import DataError
from camchex.images.attributes import text
from camchex.images.dicom import has_prefix, with_prefix
from camchex.images.unreadable import DECODER_ERRORS
from camchex.many_studies.asked import AskedImage, AskedStudy
from camchex.many_studies.dicom_header import WANTED, view_of, why_not
from camchex.runs.progress import progress

FIRST_BYTES = 1024  # enough to tell whether a file is DICOM
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

    An image that is set aside (another body part, a derived image, ...) is noted with its study,
    which is predicted from the others. Files are told by content, not by name.

    Raises:
        DataError: If there is no such folder, or no study in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder.")
    ignored, known = Counter[str](), dict[str, Path]()
    images: defaultdict[str, list[AskedImage]] = defaultdict(list)
    notes: defaultdict[str, list[str]] = defaultdict(list)
    for path in progress([*_files(folder)], "reading headers"):
        header = read_header(path)
        study_id = "" if isinstance(header, str) else text(header, "StudyInstanceUID")
        if isinstance(header, str) or not study_id:
            ignored[header if isinstance(header, str) else "no StudyInstanceUID"] += 1
            continue
        images[study_id] += []  # a study with no image to read is a study
        judged = judge(header, path)
        uid = text(header, "SOPInstanceUID")
        if isinstance(judged, AskedImage) and uid and uid in known:
            judged = f"the same image (SOPInstanceUID) as {known[uid]}"
        if isinstance(judged, str):
            notes[study_id].append(f"{path}: set aside: {judged}")
        else:
            known[uid] = path
            images[study_id].append(judged)
    if not images:
        held = ", ".join(f"{n} {reason}" for reason, n in ignored.items()) or "empty"
        raise DataError(f"{folder}: no DICOM file of a study in it ({held}).")
    studies = (
        AskedStudy(study_id, row, tuple(found), notes=tuple(notes[study_id]), drops_unclear=True)
        for row, (study_id, found) in enumerate(images.items(), 1)
    )
    return DicomFolder(tuple(studies), ignored)


def judge(header: Dataset, path: Path) -> AskedImage | str:
    """Decide the view of an image by its header, or say why it is set aside."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # values are converted only now
            return why_not(header) or AskedImage(path, *view_of(header))
    except DECODER_ERRORS as error:
        return f"damaged header: {error}"


def read_header(path: Path) -> Dataset | str:
    """Read ``WANTED`` of a DICOM file, without its pixels, or say why that cannot be done."""
    try:
        with path.open("rb") as file:
            start = file.read(FIRST_BYTES)
        if has_prefix(start):
            return _read(path)
        if with_prefix(start) is None:
            return "not a DICOM file"
        completed = with_prefix(path.read_bytes())
        assert completed is not None
        return _read(BytesIO(completed))
    except DECODER_ERRORS as error:
        return f"not to be read as DICOM: {type(error).__name__}"


def _read(source: Path | BytesIO) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(source, stop_before_pixels=True, specific_tags=[*WANTED])


def _files(folder: Path) -> Iterator[Path]:
    """Every file below a folder, in the order of their paths; links to folders are not followed."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if name != DIRECTORY and path.is_file():
                yield path
