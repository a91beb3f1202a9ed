"""The image a DICOM file means: its look-up tables applied, white for what absorbs, 8 bits."""

import struct
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.uid import UID

from camchex.images.unreadable import Reason, UnreadableImage

BITS = 8
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
MOST_PIXELS = 100_000_000  # four times the largest detectors; a damaged header asks for gigabytes
_DAMAGE = (
    InvalidDicomError,
    BytesLengthException,
    AttributeError,  # an element that describes the pixels is missing
    KeyError,
    TypeError,
    ValueError,
    IndexError,
    RuntimeError,  # every decoder refused the compressed pixels
    NotImplementedError,
    EOFError,
    OverflowError,
    struct.error,
    UserWarning,  # the file ends within an element
)
"""What pydicom and its decoders raise on a file that breaks the standard, or goes beyond them."""


def decode_dicom(data: bytes, path: Path) -> NDArray[np.uint8]:
    """Decode a DICOM file to grey levels.

    The modality and the VOI look-up table (or the first window) are applied. 8-bit pixels that
    neither changes are kept; anything else is stretched from its lowest value to black and its
    highest to white. MONOCHROME1 is inverted. Colour becomes luma.

    Args:
        data: The file's content.
        path: Named in errors.

    Returns:
        Grey levels, (rows, columns).

    Raises:
        UnreadableImage: If there is no single frame of pixels that can be decoded.

    Source:
        DICOM PS3.3 C.11.1, C.11.2, C.7.6.3.1.2; the stretch is that of MIMIC-CXR-JPG (Johnson et
        al. 2019) and the common one for VinBigData.
    """
    try:
        dataset = _dataset(data)
        frames = int(dataset.get("NumberOfFrames") or 1)
        if frames > 1:
            raise UnreadableImage(path, Reason.SEVERAL_FRAMES, f"{frames} frames")
        if not any(name in dataset for name in PIXELS):
            kind = UID(dataset.get("SOPClassUID") or "").name
            raise UnreadableImage(path, Reason.NO_PIXELS, kind)
        if dataset.Rows * dataset.Columns > MOST_PIXELS:
            raise ValueError(f"{dataset.Rows} x {dataset.Columns} pixels")
        return _grey(dataset)
    except _DAMAGE as error:
        raise UnreadableImage(path, Reason.DAMAGED, str(error)) from error


def _dataset(data: bytes) -> pydicom.Dataset:
    with warnings.catch_warnings():
        # Of a file that is cut short, pydicom returns what came before, perhaps nothing.
        warnings.filterwarnings("error", "End of file reached", UserWarning)
        return pydicom.dcmread(BytesIO(data))


def _grey(dataset: pydicom.Dataset) -> NDArray[np.uint8]:
    pixels = dataset.pixel_array
    if pixels.shape[:2] != (dataset.Rows, dataset.Columns):
        raise ValueError(f"pixels of shape {pixels.shape}, not as many as the header says")
    if dataset.SamplesPerPixel > 1:  # pydicom has turned it into RGB: (rows, columns, 3)
        return np.asarray(Image.fromarray(pixels).convert("L"))
    values = apply_modality_lut(pixels, dataset)
    if "VOILUTSequence" in dataset and not np.issubdtype(values.dtype, np.integer):
        values = np.rint(values).astype(np.int32)  # they are indices into the table
    shown = apply_voi_lut(values, dataset).astype(np.float64)
    plain = dataset.get("BitsStored") == BITS and np.array_equal(np.rint(shown), pixels)
    grey = pixels.astype(np.uint8) if plain else _stretched(shown)
    return 255 - grey if dataset.PhotometricInterpretation == "MONOCHROME1" else grey


def _stretched(levels: NDArray[np.float64]) -> NDArray[np.uint8]:
    above = levels - levels.min()
    above *= 255 / max(above.max(), 1e-12)  # a blank image stays black
    grey: NDArray[np.uint8] = np.rint(above).astype(np.uint8)
    return grey
