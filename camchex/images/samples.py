"""The stored values of a DICOM image: decompressed, and cut out of the cells that hold them."""

from typing import Any, NamedTuple

import numpy as np
import pydicom
import simplejpeg
from libjpeg.utils import decode as decode_libjpeg
from numpy.typing import NDArray
from openjpeg.utils import decode as decode_openjpeg
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import get_expected_length, pixel_array
from pydicom.uid import JPEG2000TransferSyntaxes, JPEGBaseline8Bit, RLELossless

from camchex.images.attributes import text, whole_number
from camchex.images.limits import Declared, check_pixels, check_scans, declared
from camchex.images.unreadable import Note, Notes, NotSupportedError

MOST_BITS, BYTE = 16, 8
JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"  # also those of JPEG-LS
ITEM = b"\xfe\xff\x00\xe0"  # with which compressed pixels begin, PS3.5 A.4
PADDING = b"\0\xff \t\r\n"  # with what writers fill a frame up to an even length
OTHER_DATA = bytes((37 * place + 11) % 251 for place in range(64))  # any bits, but no marker
SIGN_ROWS = 4  # every so many rows are looked at to tell whether values have a sign
MOST_UNREAD = 16  # bytes after the last pixel: encoders leave fewer
OVERLAYS = range(0x6000, 0x6020, 2)  # PS3.3 C.9.2
OVERLAY_BIT = 0x0102  # position of an overlay among the unused bits of a cell (retired)

Integers = NDArray[np.integer[Any]]


class Stored(NamedTuple):
    """Values of one frame.

    Attributes:
        values: (rows, columns), signed if the header says so; or RGB, (rows, columns, 3).
        bits: Number of bits of a value.
    """

    values: Integers
    bits: int


def stored_values(dataset: pydicom.Dataset, notes: Notes) -> Stored:
    """Decode the pixels of one frame, before any look-up table.

    Where the pixels have other bits than the header says, the pixels count, with a note: PS3.5 8.2
    says so of compressed streams. The sign is the header's, as in pydicom, since encoders that know
    no sign write signed values as unsigned ones; except where this cannot be: 8-bit JPEG of the
    cosine transform has none, and neighbours of uncompressed pixels that a sign tears apart have
    none.

    Refused is what the decoders can tell: pixels of another size, a stream that ends before its
    last pixel, and a JPEG or JPEG-LS stream that goes on after it. Damage within a code block of
    JPEG 2000, and damage that leaves every code as long as it was, gives wrong pixels.

    Args:
        dataset: The file; its transfer syntax is known.
        notes: What is decided is appended here.

    Raises:
        ValueError: If the header is wrong, or the pixels are damaged. The decoders raise other
            errors, all in ``DECODER_ERRORS``.
        NotSupportedError: If the image is too large, or its values have more than 16 bits.
    """
    shape = whole_number(dataset, "Rows"), whole_number(dataset, "Columns")
    check_pixels(*shape)
    allocated, bits = whole_number(dataset, "BitsAllocated"), whole_number(dataset, "BitsStored")
    if allocated > MOST_BITS:
        raise NotSupportedError(f"BitsAllocated is {allocated}, more than {MOST_BITS}")
    if not 1 <= bits <= allocated:
        raise ValueError(f"BitsStored is {bits}, and BitsAllocated is {allocated}")
    signed = bool(whole_number(dataset, "PixelRepresentation", 1))
    cells, head = _cells(dataset, shape)
    if cells.shape[:2] != shape:
        raise ValueError(f"pixels of shape {cells.shape}, not as many as the header says")
    if cells.ndim > 2:  # noqa: PLR2004 (rows, columns, RGB: pydicom has turned it into that)
        return Stored(cells, 8 * cells.itemsize)
    high = bits - 1 if dataset.get("HighBit") is None else whole_number(dataset, "HighBit")
    cells = cells.astype(cells.dtype.newbyteorder("="), copy=False).view(f"u{cells.itemsize}")
    if head is None:
        overlays = _overlays(dataset, cells.dtype)
        return _cut_out(cells & ~overlays if overlays else cells, bits, high, signed, notes)
    unsigned = head.cosines and head.bits == BYTE
    if head.bits != bits or head.signed not in {None, signed} or (signed and unsigned):
        notes.append(Note.STREAM)
    signed = signed and not unsigned
    cells &= cells.dtype.type(2**head.bits - 1)
    if signed:
        cells = _signed(cells, head.bits).view(cells.dtype)
    return _cut_out(cells, min(bits, head.bits), min(high, head.bits - 1), signed, notes)


def _cells(dataset: pydicom.Dataset, shape: tuple[int, int]) -> tuple[Integers, Declared | None]:
    """Decode a frame, and return its header if it is a stream that says how many bits it has."""
    syntax = dataset.file_meta.TransferSyntaxUID
    _check_header(dataset)
    if syntax.is_compressed and syntax != RLELossless:
        stream = next(generate_frames(dataset.PixelData, number_of_frames=1))
        head = declared(stream)
        _check_stream(stream, head, shape)
        if syntax == JPEGBaseline8Bit:  # strict, where pydicom's decoder is lenient
            grey = simplejpeg.decode_jpeg(stream, "GRAY")[..., 0]
            if head.samples == 1:
                return grey, head
        elif head.samples == 1 and syntax in JPEG2000TransferSyntaxes:
            return decode_openjpeg(stream), head
        elif head.samples == 1:
            return _by_libjpeg(stream), head
    # Bits are cut out here: pydicom would cut off those that its header does not know.
    return pixel_array(dataset, correct_unused_bits=False), None


def _check_header(dataset: pydicom.Dataset) -> None:
    """Hold the length of uncompressed pixels against the header, which is put as pydicom knows it.

    pydicom takes surplus bytes for further frames, or leaves them out.
    """
    photometric = text(dataset, "PhotometricInterpretation")
    if not photometric:
        raise ValueError("PhotometricInterpretation is missing")
    dataset.PhotometricInterpretation = photometric
    syntax, data = dataset.file_meta.TransferSyntaxUID, dataset.PixelData
    if syntax.is_compressed and not data.startswith(ITEM):
        raise ValueError(f"the transfer syntax is {syntax.name}, but the pixels are not compressed")
    if not syntax.is_compressed:
        expected = get_expected_length(dataset)
        surplus = data[expected:]
        if len(surplus) > 1 and surplus.strip(b"\0"):  # PS3.5 8.1.1: one byte may be padding
            raise ValueError(f"{len(data)} bytes of pixels, expected {expected}")


def _check_stream(stream: bytes, head: Declared, shape: tuple[int, int]) -> None:
    if (head.rows, head.columns) != shape:
        raise ValueError(f"compressed pixels of {(head.rows, head.columns)}, expected {shape}")
    if head.bits > MOST_BITS:
        raise ValueError(f"compressed pixels of {head.bits} bits")
    if stream.startswith(JPEG_START):
        check_scans(stream)
        if not stream.rstrip(PADDING).endswith(JPEG_END):
            raise ValueError("its compressed pixels do not end")


def _by_libjpeg(stream: bytes) -> Integers:
    """Decode JPEG or JPEG-LS; refuse a stream whose last pixel is not at its end.

    The decoder takes whatever follows for pixels, or stops early, and says nothing. So the stream
    is decoded three times: further data after a whole stream change no pixel, and other data in
    place of its end change some.
    """
    pixels: Integers = decode_libjpeg(stream)
    end = stream.rindex(JPEG_END)
    longer = decode_libjpeg(stream[:end] + OTHER_DATA + stream[end:])
    if not np.array_equal(longer, pixels):
        raise ValueError("its compressed pixels end before the last row")
    start = end - MOST_UNREAD
    try:
        other = decode_libjpeg(stream[:start] + OTHER_DATA[:MOST_UNREAD] + stream[end:])
    except RuntimeError:
        return pixels  # no code at all: so it was read
    if np.array_equal(other, pixels):
        raise ValueError("its compressed pixels go on after the last row")
    return pixels


def _cut_out(cells: Integers, bits: int, high: int, signed: bool, notes: Notes) -> Stored:  # noqa: FBT001
    """Cut values out of cells, where the header says they are, if the cells can be that.

    Args:
        cells: Unsigned, (rows, columns); no overlay is in them.
        bits: BitsStored.
        high: HighBit.
        signed: Whether the values are.
        notes: What is decided is appended here.
    """
    used = int(np.bitwise_or.reduce(cells, axis=None))
    width = 8 * cells.itemsize
    shift = high + 1 - bits
    if shift:
        notes.append(Note.HIGH_BIT)
        is_low = used % 2 ** max(shift, 0) and not used >> bits
        if shift > 0 and high < width and not is_low:
            cells, used, width = cells >> shift, used >> shift, width - shift
    if not signed:
        if used >> bits:
            notes.append(Note.BITS_STORED)
        return Stored(cells, max(bits, used.bit_length()))
    values = _signed(cells, bits)
    if not used >> bits and used >> (bits - 1) and _jumps(values) > _jumps(cells):
        notes.append(Note.SIGN)
        return Stored(cells, bits)
    if used >> bits:
        extended = _signed(cells, width)
        if not np.array_equal(values, extended):
            notes.append(Note.BITS_STORED)
            return Stored(extended, width)
    return Stored(values, bits)


def _signed(cells: Integers, bits: int) -> Integers:
    """Read the lowest bits of cells as two's complement."""
    unused = 8 * cells.itemsize - bits
    return (cells << unused).view(f"i{cells.itemsize}") >> unused


def _jumps(values: Integers) -> int:
    """Sum of the differences between neighbours in some rows."""
    return int(np.abs(np.diff(values[::SIGN_ROWS].astype(np.int32))).sum(dtype=np.int64))


def _overlays(dataset: pydicom.Dataset, dtype: np.dtype[Any]) -> np.integer[Any]:
    """Bits of a cell that belong to overlays, as old archives have them."""
    places = [(group, OVERLAY_BIT) for group in OVERLAYS]
    bits = {dataset[place].value for place in places if place in dataset}
    mask: np.integer[Any] = dtype.type(sum(1 << b for b in bits if 0 < b < 8 * dtype.itemsize))
    return mask
