"""The image of a DICOM file: 8 bits, look-up tables applied, white where X-rays are absorbed."""

import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import simplejpeg
from numpy.typing import NDArray
from PIL import Image
from pydicom.encaps import generate_frames
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless

from camchex.images.limits import check_pixels, check_scans, declared_shape
from camchex.images.unreadable import DECODER_ERRORS, Reason, UnreadableImage

BITS = 8
MOST_BITS = 16
JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"  # also those of JPEG-LS
FILE_META = slice(4096)  # PS3.10 7.1: comes first, and names the transfer syntax


def decode_dicom(data: bytes, path: Path) -> NDArray[np.uint8]:
    """Decode a DICOM file to grey levels.

    The modality look-up table and the VOI look-up table (or the first window) are applied. 8-bit
    pixels that neither changes are kept; all others are stretched, from black at the lowest value
    to white at the highest. MONOCHROME1 is inverted. Padding becomes black, and does not take part
    in the stretch. Colour becomes luma.

    Args:
        data: Content of the file.
        path: Name of the file, for errors.

    Returns:
        Grey levels, (rows, columns).

    Raises:
        UnreadableImage: If the file does not hold one frame of pixels, of up to 16 bits, that can
            be decoded.

    Source:
        DICOM PS3.3 C.11.1, C.11.2, C.7.5.1.1.2, C.7.6.3.1.2; the stretch is that of MIMIC-CXR-JPG
        (Johnson et al. 2019) and the common one for VinBigData.
    """
    try:
        dataset = _dataset(data)
        frames = int(dataset.get("NumberOfFrames") or 1)
        if frames > 1:
            raise UnreadableImage(path, Reason.SEVERAL_FRAMES, f"{frames} frames")
        if "PixelData" not in dataset:
            kind = UID(dataset.get("SOPClassUID") or "").name
            raise UnreadableImage(path, Reason.NO_PIXELS, kind)
        return _grey(dataset, _stored_pixels(dataset))
    except DECODER_ERRORS as error:
        raise UnreadableImage(path, Reason.DAMAGED, str(error)) from error


def _dataset(data: bytes) -> pydicom.Dataset:
    if DeflatedExplicitVRLittleEndian.encode() in data[FILE_META]:
        raise ValueError("deflated: it may inflate to any size")
    with warnings.catch_warnings():
        # pydicom returns the beginning of a file that is cut short, perhaps nothing.
        warnings.filterwarnings("error", "End of file reached", UserWarning)
        return pydicom.dcmread(BytesIO(data))


def _stored_pixels(dataset: pydicom.Dataset) -> NDArray[np.integer[Any]]:
    """Decompress the pixels; refuse streams of another size or cut short, as decoders may not."""
    shape = dataset.Rows, dataset.Columns
    check_pixels(*shape)
    if dataset.BitsAllocated > MOST_BITS:
        raise ValueError(f"{dataset.BitsAllocated} bits a sample")
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_compressed and syntax != RLELossless:
        stream = next(generate_frames(dataset.PixelData, number_of_frames=1))
        if declared_shape(stream) != shape:
            raise ValueError(f"compressed pixels of {declared_shape(stream)}, expected {shape}")
        if stream.startswith(JPEG_START):
            check_scans(stream)
            if not stream.rstrip(b"\0").endswith(JPEG_END):
                raise ValueError("its compressed pixels do not end")
        if syntax == JPEGBaseline8Bit:
            simplejpeg.decode_jpeg(stream, "GRAY")  # strict, where pydicom's decoder is lenient
    pixels: NDArray[np.integer[Any]] = dataset.pixel_array
    if pixels.shape[:2] != shape:
        raise ValueError(f"pixels of shape {pixels.shape}, not as many as the header says")
    return pixels


def _grey(dataset: pydicom.Dataset, pixels: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, dataset)
        pixels = (pixels >> (BITS * (pixels.itemsize - 1))).astype(np.uint8)
    if pixels.ndim > 2:  # noqa: PLR2004 (rows, columns, RGB: pydicom has turned it into that)
        return np.asarray(Image.fromarray(pixels).convert("L"))
    lowest = int(pixels.min())
    levels = np.arange(lowest, int(pixels.max()) + 1).astype(pixels.dtype)
    place = pixels.astype(np.intp) - lowest
    present = np.zeros(len(levels), dtype=bool)
    present[place] = True
    return _grey_levels(levels, present, dataset)[place]


def _grey_levels(
    levels: NDArray[np.integer[Any]], present: NDArray[np.bool_], dataset: pydicom.Dataset
) -> NDArray[np.uint8]:
    """Translate each stored level to its grey level: there are far fewer levels than pixels."""
    padding = np.zeros(len(levels), dtype=bool)
    first = dataset.get("PixelPaddingValue")
    if first is not None:
        last = dataset.get("PixelPaddingRangeLimit")
        ends = int(first), int(first if last is None else last)
        padding = (levels >= min(ends)) & (levels <= max(ends))
    counted = present & ~padding
    if not counted.any():
        return np.zeros(len(levels), dtype=np.uint8)
    values = apply_modality_lut(levels, dataset)
    if "VOILUTSequence" in dataset and not np.issubdtype(values.dtype, np.integer):
        values = np.rint(values).astype(np.int32)  # indices into the table
    shown = apply_voi_lut(values, dataset).astype(np.float64)
    if not np.isfinite(shown).all():
        raise ValueError("its look-up tables give levels that are no numbers")
    unchanged = np.array_equal(np.rint(shown[counted]), levels[counted])
    is_8_bit = dataset.get("BitsStored") == BITS and not dataset.get("PixelRepresentation")
    low, width = 0.0, 255.0
    if not (unchanged and is_8_bit):
        low = float(shown[counted].min())
        width = max(float(np.ptp(shown[counted])), 1e-12)  # a blank image stays black
    grey = np.rint(np.clip((shown - low) * (255 / width), 0, 255)).astype(np.uint8)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        grey = 255 - grey
    grey[padding] = 0
    return grey
