"""Decoding of JPEG, PNG and DICOM files, told apart by their content: extensions lie.

JPEGs of the published sizes are decoded at the smallest scale of the DCT that is still large
enough; then most of the time goes into the entropy decoding (``benchmarks/image_decode.py``).
"""

import warnings
from io import BytesIO
from pathlib import Path
from stat import S_ISREG

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from camchex.images.dicom import decode_dicom
from camchex.images.limits import MOST_BYTES, check_pixels, check_scans
from camchex.images.unreadable import DECODER_ERRORS, Reason, UnreadableImage

DICOM_MAGIC = slice(128, 132)  # PS3.10 7.1: `DICM` after a preamble of 128 bytes
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
SCALED = 2  # smallest factor: 7/8 to 5/8 cost more than full size (no SIMD in libjpeg-turbo)


def read_image(path: Path, at_least: int | None = None) -> NDArray[np.uint8]:
    """Read a JPEG, PNG or DICOM file as grey levels.

    Colour becomes luma (ITU-R 601), transparency black, 16-bit PNG levels are scaled by 255/65535,
    and EXIF orientation is applied. DICOM: see :func:`camchex.images.dicom.decode_dicom`.

    Args:
        path: The file, of any extension.
        at_least: Smallest side in pixels to which a JPEG may be scaled while it is decoded, by
            eighths from one half down; sides are rounded up. None: decoded at full size.

    Returns:
        Grey levels, (rows, columns).

    Raises:
        UnreadableImage: If the file is missing, of another format, damaged, cut short, larger than
            any detector's image, or has more than one frame. A damaged file never gives half an
            image.
    """
    data = _content(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the decoders raise on what they cannot decode
        if data[DICOM_MAGIC] == b"DICM":
            return decode_dicom(data, path)
        return _decoded(data, path, at_least)


def _decoded(data: bytes, path: Path, at_least: int | None) -> NDArray[np.uint8]:
    try:
        with Image.open(BytesIO(data), formats=("JPEG", "PNG")) as image:
            check_pixels(image.height, image.width)
            if image.format == "PNG" and getattr(image, "n_frames", 1) > 1:
                raise UnreadableImage(path, Reason.SEVERAL_FRAMES, "animated PNG")
            grey = _grey(image, data, at_least)
            orientation = image.getexif().get(ExifTags.Base.Orientation)
    except UnidentifiedImageError as error:
        raise UnreadableImage(path, Reason.UNKNOWN_FORMAT) from error
    except (*DECODER_ERRORS, Image.DecompressionBombError) as error:
        raise UnreadableImage(path, Reason.DAMAGED, str(error)) from error
    return np.asarray(grey.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else grey)


def _content(path: Path) -> bytes:
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode):
            raise UnreadableImage(path, Reason.NOT_OPENED, "not a file")
        if status.st_size > MOST_BYTES:
            raise UnreadableImage(path, Reason.DAMAGED, f"{status.st_size} bytes")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UnreadableImage(path, Reason.NO_FILE) from error
    except OSError as error:
        raise UnreadableImage(path, Reason.NOT_OPENED, error.strerror or "") from error
    if not data:
        raise UnreadableImage(path, Reason.EMPTY)
    return data


def _grey(image: Image.Image, data: bytes, at_least: int | None) -> Image.Image:
    if image.format != "PNG":
        check_scans(data)
        check_pixels(*simplejpeg.decode_jpeg_header(data)[:2])  # as what allocates reads them
        if image.mode in {"L", "RGB"}:
            side, factor = (0, 1) if at_least is None else (at_least, SCALED)
            pixels = simplejpeg.decode_jpeg(
                data, "GRAY", min_height=side, min_width=side, min_factor=factor
            )
            return Image.fromarray(pixels[..., 0])
        simplejpeg.decode_jpeg(data, "CMYK")  # strict, where Pillow is lenient
    if image.mode.startswith("I"):
        levels = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((levels + 128) // 257).astype(np.uint8))  # 65535 / 255 = 257
    if image.has_transparency_data:
        opaque = image.convert("RGBA")
        image = Image.new("RGB", image.size)
        image.paste(opaque, mask=opaque.getchannel("A"))
    return image.convert("L")
