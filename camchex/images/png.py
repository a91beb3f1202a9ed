"""The grey levels of a PNG."""

import struct
import zlib
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from camchex.images.greyscale import ends, stretched
from camchex.images.unreadable import Note, Notes

SIGNATURE = 8  # bytes
HEADER = slice(16, 29)  # PNG 11.2.2: content of IHDR, which comes first
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type, PNG table 11.1
DEEP = 16  # bits of a sample
WHOLE = ((0, 0, 1, 1),)
ADAM7 = (  # PNG 8.2: first row and column of a pass, and its steps
    (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
    (1, 0, 2, 1),
)  # fmt: skip
PIECE = 1 << 20  # bytes that are inflated at a time
LUMA = np.array([0.114, 0.587, 0.299])  # ITU-R 601, in OpenCV's order: blue, green, red
LOW = 2**15  # 16-bit levels that all lie below are of 15 bits or fewer, as detectors write them
NARROW = 2**13  # a narrower range would leave less than 32 of 256 grey levels
MOST = 2**DEEP - 1
KEPT = {b"tRNS", b"eXIf", b"acTL", b"fcTL", b"fdAT"}  # what is read beside critical chunks


def png_grey(image: Image.Image, data: bytes, notes: Notes) -> NDArray[np.uint8]:
    """Read a PNG as grey levels: colour becomes luma (ITU-R 601), transparency black.

    16-bit levels are scaled by 255/65535; if all are below 2**15, or in a narrow range, they are of
    fewer bits, and are stretched (see :func:`camchex.images.greyscale.ends`), with a note.

    Args:
        image: The opened image.
        data: Content of the file.
        notes: What is decided is appended here.

    Raises:
        ValueError: If there are fewer rows than the header says; Pillow raises other errors, all
            in ``DECODER_ERRORS``, if the file is damaged.
    """
    image.load()
    header = struct.unpack(">IIBBBBB", data[HEADER])
    _check_rows(image, header, data)
    if header[2] == DEEP:
        return _shallow(_deep_levels(image, data), notes)
    if image.has_transparency_data:
        opaque = image.convert("RGBA")
        image = Image.new("RGB", image.size)
        image.paste(opaque, mask=opaque.getchannel("A"))
    return np.asarray(image.convert("L"))


def _deep_levels(image: Image.Image, data: bytes) -> NDArray[np.uint16]:
    """Grey levels from 0 to 65535; Pillow keeps only the high byte of a coloured sample."""
    if image.mode.startswith("I"):
        stored = np.asarray(image).astype(np.uint16)
        if "transparency" in image.info:
            stored[stored == image.info["transparency"]] = 0
        return stored
    samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None:
        raise ValueError("OpenCV cannot decode it")
    grey = np.asarray(samples[..., :3] @ LUMA)
    if samples.shape[-1] > len(LUMA):
        grey *= samples[..., 3] / MOST
    levels: NDArray[np.uint16] = np.rint(grey).astype(np.uint16)
    return levels


def _shallow(levels: NDArray[np.uint16], notes: Notes) -> NDArray[np.uint8]:
    every = np.arange(MOST + 1.0)
    low, high = ends(
        every, cv2.calcHist([levels], [0], None, [len(every)], [0, len(every)]).ravel()
    )
    if high < LOW or high - low < NARROW:
        notes.append(Note.DEEP_PNG)
    else:
        low, high = 0.0, float(MOST)
    grey: NDArray[np.uint8] = stretched(every, low, high)[levels]
    return grey


def _check_rows(image: Image.Image, header: tuple[int, ...], data: bytes) -> None:
    """Count the rows, where the last one may be missing: Pillow leaves missing rows at 0."""
    width, height, depth, colour, _, _, interlaced = header
    if not interlaced and np.asarray(image)[-1].any():
        return
    expected = 0
    for top, left, down, right in ADAM7 if interlaced else WHOLE:
        rows, columns = -((top - height) // down), -((left - width) // right)
        expected += rows * (1 + -(-columns * depth * SAMPLES[colour] // 8)) if columns else 0
    inflate, found = zlib.decompressobj(), 0
    rest = b"".join(data[at + 8 : end - 4] for kind, at, end in _chunks(data) if kind == b"IDAT")
    while rest and found < expected:
        found += len(inflate.decompress(rest, PIECE))
        rest = inflate.unconsumed_tail
    if found < expected:
        raise ValueError(f"{found} bytes of rows, expected {expected}")


def without_side_data(png: bytes) -> bytes:
    """Leave out what does not decide the pixels (PNG 5.4), and may be damaged or huge."""
    parts = (
        png[start:end] for kind, start, end in _chunks(png) if kind[:1].isupper() or kind in KEPT
    )
    return b"".join([png[:SIGNATURE], *parts])


def _chunks(png: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind of each chunk, and where it begins and ends."""
    at = SIGNATURE
    while at + 8 <= len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        yield kind, at, at + size + 12
        at += size + 12
