"""Decoding of JPEG, PNG and DICOM files, told apart by their content: extensions lie.

JPEGs of the published sizes are decoded at the smallest scale of the DCT that is still large
enough; then most of the time goes into the entropy decoding (``benchmarks/image_decode.py``).
"""

import warnings
from io import BytesIO
from pathlib import Path
from stat import S_ISREG

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from camchex.images.dicom import decode_dicom, has_prefix, with_prefix
from camchex.images.limits import (
    MOST_BYTES,
    MOST_PIXELS,
    START_OF_SCAN,
    check_pixels,
    check_scans,
)
from camchex.images.png import png_grey, without_side_data
from camchex.images.unreadable import (
    DECODER_ERRORS,
    Note,
    Notes,
    Reason,
    UnreadableImage,
    unreadable,
)

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Turn that makes a stored image upright, by EXIF orientation (EXIF 2.3, tag 0x0112)."""
RIPPLE = 2  # grey levels by which JPEG changes an even area
MOST_EQUAL = 0.999  # share of pixels of one level above which an image shows nothing
LEAST_LEVELS = 10  # that hold all but MOST_FEW of the pixels of an image that shows something
MOST_FEW = 0.01
LEAST_SIDE = 8  # pixels: the smallest image that a store can hold
COARSE = 16  # squares of either side over which noise averages out
LEAST_COARSE = 0.25  # of the spread of an image that remains there; of 219 X-rays, 0.77 or more
BAND = 0.3  # of the height: so many equal rows at the lower edge are not of a picture
JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
PNG_START = b"\x89PNG\r\n\x1a\n"
MOST_BEFORE = 16  # bytes that may stand before a JPEG: blanks, or the mark of a text file
SCALED = 2  # smallest factor: 7/8 to 5/8 cost more than full size (no SIMD in libjpeg-turbo)


def read_image(
    path: Path, at_least: int | None = None, notes: Notes | None = None
) -> NDArray[np.uint8]:
    """Read a JPEG, PNG or DICOM file as grey levels.

    Colour becomes luma (ITU-R 601), transparency black, and EXIF orientation is applied. PNG: see
    :func:`camchex.images.png.png_grey`; DICOM: see :func:`camchex.images.dicom.decode_dicom`.

    A damaged file is refused where its decoder can tell: of JPEG, PNG and uncompressed DICOM
    wherever rows are missing, of the compressions of DICOM as
    :func:`camchex.images.samples.stored_values` says. Other damage gives wrong pixels.

    Args:
        path: The file, of any extension.
        at_least: Smallest side in pixels to which a JPEG may be scaled while it is decoded, by
            eighths from one half down; sides are rounded up. None: decoded at full size.
        notes: Decisions on an image that contradicts itself are appended here.

    Returns:
        Grey levels, (rows, columns).

    Raises:
        UnreadableImage: If the file is missing, of another format, damaged, cut short, larger than
            any detector's image, without contrast, or has more than one frame.
    """
    data, notes = _content(path), [] if notes is None else notes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the decoders raise on what they cannot decode
        grey = _decoded(data, path, at_least, notes)
    _check_contrast(grey, path)
    if _has_band(grey):
        notes.append(Note.FLAT_BAND)
    return grey


def _decoded(data: bytes, path: Path, at_least: int | None, notes: Notes) -> NDArray[np.uint8]:
    if has_prefix(data):
        return decode_dicom(data, path, notes)
    data = without_side_data(data) if data.startswith(PNG_START) else _whole_jpeg(data, notes)
    try:
        with Image.open(BytesIO(data), formats=("JPEG", "PNG")) as image:
            check_pixels(image.height, image.width)
            if image.format == "PNG" and getattr(image, "n_frames", 1) > 1:
                raise UnreadableImage(path, Reason.SEVERAL_FRAMES, "animated PNG")
            is_png = image.format == "PNG"
            grey = png_grey(image, data, notes) if is_png else _jpeg_grey(image, data, at_least)
            orientation = _orientation(image)
    except UnidentifiedImageError as error:
        if completed := with_prefix(data):
            notes.append(Note.NO_PREAMBLE)
            return decode_dicom(completed, path, notes)
        raise UnreadableImage(path, Reason.UNKNOWN_FORMAT) from error
    except Image.DecompressionBombError as error:  # Pillow looks before check_pixels does
        said = f"more than {MOST_PIXELS:,} pixels"
        raise UnreadableImage(path, Reason.NOT_SUPPORTED, said) from error
    except DECODER_ERRORS as error:
        raise unreadable(path, error) from error
    if orientation in UPRIGHT:
        grey = np.asarray(Image.fromarray(grey).transpose(UPRIGHT[orientation]))
    return grey


def _orientation(image: Image.Image) -> object:
    """EXIF orientation; None where it is not given, or cannot be read."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation)
    except DECODER_ERRORS:
        return None


def _content(path: Path) -> bytes:
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode):
            raise UnreadableImage(path, Reason.NOT_OPENED, "not a file")
        if status.st_size > MOST_BYTES:
            size = f"{status.st_size:,} bytes, more than {MOST_BYTES:,}"
            raise UnreadableImage(path, Reason.NOT_SUPPORTED, size)
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UnreadableImage(path, Reason.NO_FILE) from error
    except OSError as error:
        raise UnreadableImage(path, Reason.NOT_OPENED, error.strerror or "") from error
    except ValueError as error:  # a zero byte in the path
        raise UnreadableImage(path, Reason.NOT_OPENED, str(error)) from error
    if not data:
        raise UnreadableImage(path, Reason.EMPTY)
    return data


def _whole_jpeg(data: bytes, notes: Notes) -> bytes:
    """Skip what stands before a JPEG, and add the end marker that one of a single scan lacks.

    Where pixels are missing, too, the decoder finds the marker before them, and says so.
    """
    start = data.find(JPEG_START, 0, MOST_BEFORE + len(JPEG_START))
    if start < 0:
        return data
    if start:
        notes.append(Note.JPEG_START)
        data = data[start:]
    if data.rfind(JPEG_END) < data.find(START_OF_SCAN) and data.count(START_OF_SCAN) == 1:
        notes.append(Note.JPEG_END)
        data += JPEG_END
    return data


def _jpeg_grey(image: Image.Image, data: bytes, at_least: int | None) -> NDArray[np.uint8]:
    check_scans(data)
    check_pixels(*simplejpeg.decode_jpeg_header(data)[:2])  # as what allocates reads them
    if image.mode not in {"L", "RGB"}:
        simplejpeg.decode_jpeg(data, "CMYK")  # strict, where Pillow is lenient
        return np.asarray(image.convert("L"))
    side, factor = (0, 1) if at_least is None else (at_least, SCALED)
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
        data, "GRAY", min_height=side, min_width=side, min_factor=factor
    )
    return pixels[..., 0]


def _check_contrast(grey: NDArray[np.uint8], path: Path) -> None:
    """Refuse an image of one or few grey levels, but for a few pixels, or of noise alone."""
    if min(grey.shape) < LEAST_SIDE:
        raise UnreadableImage(path, Reason.NO_CONTRAST, f"{grey.shape} pixels")
    pixels = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel()
    level = int(pixels.argmax())
    near = pixels[max(level - RIPPLE, 0) : level + RIPPLE + 1].sum() / grey.size
    if near > MOST_EQUAL:
        raise UnreadableImage(path, Reason.NO_CONTRAST, f"{near:.2%} of its pixels are {level}")
    most = np.cumsum(np.sort(pixels)[::-1], dtype=np.float64) / grey.size
    levels = int(np.searchsorted(most, 1 - MOST_FEW)) + 1
    if levels < LEAST_LEVELS:
        raise UnreadableImage(path, Reason.NO_CONTRAST, f"{levels} grey levels")
    step = min(grey.shape) // COARSE**2  # so that a square is of COARSE x COARSE pixels, or more
    if not step:
        return
    some = np.ascontiguousarray(grey[::step, ::step])
    coarse = cv2.resize(some, (COARSE, COARSE), interpolation=cv2.INTER_AREA)
    if coarse.std() < LEAST_COARSE * _spread(pixels):
        raise UnreadableImage(path, Reason.NO_CONTRAST, "noise alone")


def _spread(pixels: NDArray[np.float32]) -> float:
    """Standard deviation of the grey levels, by the number of pixels of each."""
    levels = np.arange(len(pixels))
    mean = np.average(levels, weights=pixels)
    return float(np.sqrt(np.average((levels - mean) ** 2, weights=pixels)))


def _has_band(grey: NDArray[np.uint8]) -> bool:
    """Whether the lowest rows are equal, and others are not; mostly one look tells."""
    last, low = grey[-1], grey[int((1 - BAND) * len(grey)) :]
    same = np.array_equal(low[0], last) and bool((low == last).all())
    return same and not bool((grey == last).all())
