"""The image of a DICOM file: 8 bits, look-up tables applied, white where X-rays are absorbed."""

import warnings
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from camchex.images.attributes import text, whole_number
from camchex.images.greyscale import BITS, grey_levels
from camchex.images.limits import MOST_BYTES
from camchex.images.samples import stored_values
from camchex.images.unreadable import (
    DECODER_ERRORS,
    Note,
    Notes,
    NotSupportedError,
    Reason,
    UnreadableImage,
    unreadable,
)

PREFIX = b"DICM"  # PS3.10 7.1, after a preamble of 128 bytes
PREAMBLE = 128
FIRST_GROUPS = (b"\x02\0", b"\x08\0")  # file meta information, or what follows where it is missing
GREY_AXES = 2  # rows and columns; the third axis of pixels in colour has their samples
FILE_META = slice(4096)  # PS3.10 7.1: comes first, and names the transfer syntax


def has_prefix(data: bytes) -> bool:
    """Whether a file begins as a DICOM file should."""
    return data[PREAMBLE : PREAMBLE + len(PREFIX)] == PREFIX


def with_prefix(data: bytes) -> bytes | None:
    """Put preamble and prefix before a data set that lacks them; None if there is no data set."""
    for start in (len(PREFIX) if data.startswith(PREFIX) else 0, PREAMBLE):
        if data[start : start + 2] in FIRST_GROUPS and data[start + 3 : start + 4] == b"\0":
            return bytes(PREAMBLE) + PREFIX + data[start:]
    return None


def decode_dicom(data: bytes, path: Path, notes: Notes) -> NDArray[np.uint8]:
    """Decode a DICOM file to grey levels.

    Grey levels: see :func:`camchex.images.greyscale.grey_levels`; what of damaged pixels is
    noticed: :func:`camchex.images.samples.stored_values`. Colour becomes luma. A file without
    preamble, file meta information or transfer syntax is read as little endian.

    Args:
        data: Content of the file, with preamble and prefix.
        path: Name of the file, for errors.
        notes: What is decided is appended here.

    Returns:
        Grey levels, (rows, columns).

    Raises:
        UnreadableImage: If the file does not hold one frame of pixels, of up to 16 bits, that can
            be decoded.
    """
    try:
        dataset = _dataset(data, notes)
        if dataset.get("NumberOfFrames") is not None:
            frames = whole_number(dataset, "NumberOfFrames")
            if frames > 1:
                raise UnreadableImage(path, Reason.SEVERAL_FRAMES, f"{frames} frames")
        if "PixelData" not in dataset:
            kind = UID(dataset.get("SOPClassUID") or "").name
            raise UnreadableImage(path, Reason.NO_PIXELS, kind)
        return _grey(dataset, notes)
    except DECODER_ERRORS as error:
        raise unreadable(path, error) from error


def _dataset(data: bytes, notes: Notes) -> pydicom.Dataset:
    deflated = DeflatedExplicitVRLittleEndian.encode() in data[FILE_META]
    if deflated:
        data = _inflated(data)
    with warnings.catch_warnings():
        # pydicom returns the beginning of a file that is cut short, perhaps nothing.
        warnings.filterwarnings("error", "End of file reached", UserWarning)
        dataset = pydicom.dcmread(BytesIO(data))
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if not syntax:
        if not deflated:
            notes.append(Note.NO_SYNTAX)
        _guess_syntax(dataset)
    elif not syntax.is_transfer_syntax:
        raise NotSupportedError(f"the transfer syntax {syntax}")
    return dataset


def _inflated(data: bytes) -> bytes:
    """Replace file meta information and what is deflated after it, PS3.5 A.5, by the data set."""
    length = slice(PREAMBLE + 12, PREAMBLE + 16)  # value of the first element, PS3.10 7.1
    start = length.stop + int.from_bytes(data[length], "little")
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    content = inflate.decompress(data[start:], MOST_BYTES)
    if inflate.unconsumed_tail:
        raise NotSupportedError(f"it inflates to more than {MOST_BYTES:,} bytes")
    if not inflate.eof:
        raise ValueError("what is deflated ends too early")
    return data[: PREAMBLE + len(PREFIX)] + content


def _guess_syntax(dataset: pydicom.Dataset) -> None:
    implicit, little = dataset.original_encoding
    if not little:
        raise NotSupportedError("no transfer syntax, and not little endian")
    if "PixelData" in dataset and dataset["PixelData"].is_undefined_length:
        raise NotSupportedError("no transfer syntax, and compressed pixels")
    dataset.file_meta.TransferSyntaxUID = (
        ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    )


def _grey(dataset: pydicom.Dataset, notes: Notes) -> NDArray[np.uint8]:
    stored = stored_values(dataset, notes)
    pixels = stored.values
    if pixels.ndim == GREY_AXES and text(dataset, "PhotometricInterpretation") == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, dataset)
        pixels = (pixels >> (BITS * (pixels.itemsize - 1))).astype(np.uint8)
    if pixels.ndim == GREY_AXES:
        return grey_levels(dataset, stored, notes)
    if pixels.dtype != np.uint8:
        raise NotSupportedError(f"colour of {stored.bits} bits a sample")
    inverted = text(dataset, "PresentationLUTShape") == "INVERSE"
    if inverted or text(dataset, "PhotometricInterpretation") == "MONOCHROME1":
        notes.append(Note.PRESENTATION)
    return np.asarray(Image.fromarray(pixels).convert("L"))
