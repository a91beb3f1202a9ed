"""Limits checked before memory is allocated: a damaged header may ask for gigabytes."""

from typing import NamedTuple

from camchex.images.unreadable import NotSupportedError

MOST_PIXELS = 40_000_000  # twice the largest detectors: 43 cm at 0.1 mm
MOST_BYTES = 256_000_000  # per file: MOST_PIXELS of three samples and two bytes, rounded up
MOST_SCANS = 100  # per JPEG: encoders write about ten at most, and each is a pass over all pixels
START_OF_SCAN = b"\xff\xda"
_J2K_SIZE = b"\xff\x4f\xff\x51"  # ISO 15444-1 A.4.1, A.5.1: start of codestream, then the size
_COSINES = range(0xC0, 0xC3)  # frames of the cosine transform, which knows no sign
_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # ITU-T T.81 table B.1, T.87 C.1.1
_BARE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
_FILL = 0xFF  # T.81 B.1.1.2: starts a marker, and may be repeated before it


def check_pixels(rows: int, columns: int) -> None:
    """Refuse an image that is larger than any detector.

    Raises:
        NotSupportedError: If it has more than ``MOST_PIXELS`` pixels.
    """
    if rows * columns > MOST_PIXELS:
        raise NotSupportedError(f"{rows} x {columns} pixels, more than {MOST_PIXELS:,}")


def check_scans(jpeg: bytes) -> None:
    """Refuse a progressive JPEG that would keep a decoder busy for minutes.

    Raises:
        NotSupportedError: If it has more scans than any encoder writes.
    """
    scans = jpeg.count(START_OF_SCAN)
    if scans > MOST_SCANS:
        raise NotSupportedError(f"{scans} scans, more than {MOST_SCANS}")


class Declared(NamedTuple):
    """What the header of a compressed stream says of its pixels.

    Attributes:
        rows: Height.
        columns: Width.
        bits: Precision of a sample (of the first component).
        signed: Whether samples are signed; None: the format cannot say.
        cosines: Whether it is of the cosine transform, as lossy JPEG is.
        samples: Number of components.
    """

    rows: int
    columns: int
    bits: int
    signed: bool | None
    samples: int
    cosines: bool = False


def declared(stream: bytes) -> Declared:
    """Read the header of a JPEG, JPEG-LS or JPEG 2000 codestream.

    Raises:
        ValueError: If there is no such header.
    """

    def number(at: int, size: int) -> int:
        if at + size > len(stream):
            raise ValueError("the codestream ends in its header")
        return int.from_bytes(stream[at : at + size], "big")

    start = stream.find(_J2K_SIZE)
    if not stream.startswith(b"\xff\xd8") and start >= 0:
        x1, y1, x0, y0 = (number(start + at, 4) for at in (8, 12, 16, 20))
        sign, bits = divmod(number(start + 42, 1), 128)  # the sign, then the bits less one
        return Declared(y1 - y0, x1 - x0, bits + 1, bool(sign), number(start + 40, 2))
    at = 2
    while at < len(stream) - 8:
        if stream[at] != _FILL:
            raise ValueError("a marker is missing")
        kind = stream[at + 1]
        if kind in _FRAMES:
            rows, columns, samples = number(at + 5, 2), number(at + 7, 2), number(at + 9, 1)
            return Declared(rows, columns, number(at + 4, 1), None, samples, kind in _COSINES)
        if kind == _FILL:
            at += 1
        else:
            at += 2 if kind in _BARE else 2 + number(at + 2, 2)
    raise ValueError("no size in the codestream")
