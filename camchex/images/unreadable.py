"""Reasons for which a file is not an image that can be used, and notes on images that are."""

import struct
import zlib
from enum import StrEnum
from pathlib import Path

from pydicom.errors import BytesLengthException, InvalidDicomError

from camchex.errors import DataError

DECODER_ERRORS = (
    InvalidDicomError,
    BytesLengthException,
    OSError,
    SyntaxError,
    AttributeError,  # an element that describes the pixels is missing
    LookupError,
    TypeError,
    ValueError,
    ArithmeticError,
    EOFError,
    MemoryError,
    NotImplementedError,
    RuntimeError,  # every decoder refused the compressed pixels
    AssertionError,
    UserWarning,  # the file ends within an element
    struct.error,
    zlib.error,
)
"""Errors of Pillow, simplejpeg, pydicom and its decoders on a file that breaks its standard."""


class NotSupportedError(ValueError):
    """A file may be whole, but is of a kind or a size that is not read here."""


def unreadable(path: Path, error: Exception) -> "UnreadableImage":
    """Turn what a decoder raised into the reason for which a file cannot be used."""
    known = isinstance(error, NotSupportedError | NotImplementedError)
    detail = str(error).rpartition("all available plugins:")[2]  # pydicom's list of its decoders
    return UnreadableImage(path, Reason.NOT_SUPPORTED if known else Reason.DAMAGED, detail)


class Reason(StrEnum):
    """Kinds of unreadable files: few and fixed, so that they can be counted in public."""

    NO_FILE = "no such file"
    NOT_OPENED = "cannot be opened"
    EMPTY = "empty file"
    UNKNOWN_FORMAT = "not a JPEG, PNG or DICOM file"
    DAMAGED = "damaged or cut short"
    NOT_SUPPORTED = "not supported"
    SEVERAL_FRAMES = "more than one frame"
    NO_PIXELS = "no pixel data"
    NO_CONTRAST = "no contrast"
    CRASHED = "kills the decoder"


class Note(StrEnum):
    """Kinds of decisions on an image that contradicts itself: few and fixed, to be counted."""

    NO_PREAMBLE = "DICOM preamble missing: read all the same"
    NO_SYNTAX = "DICOM transfer syntax missing: read as little endian"
    HIGH_BIT = "HighBit is not BitsStored - 1: the bits in use were taken"
    BITS_STORED = "values of more bits than BitsStored: all were taken"
    SIGN = "sign of PixelRepresentation ignored: the values run on without it"
    STREAM = "compressed stream of other bits or sign than its header: the stream's bits were taken"
    PADDING = "pixel padding ignored: no number, or leaves almost nothing"
    MODALITY_TABLE = "modality look-up table ignored: damaged, or leaves almost nothing"
    RESCALE = "rescale incomplete: an empty or zero slope counts as 1, an empty intercept as 0"
    WINDOW_NOTHING = "window ignored: leaves almost nothing"
    WINDOW_WIDTH = "window ignored: its width is too small"
    WINDOW_NUMBER = "window ignored: not two numbers"
    WINDOW_FUNCTION = "window ignored: unknown VOILUTFunction"
    VOI_TABLE = "VOI look-up table ignored: damaged, or leaves almost nothing"
    OUTLIERS = "few values far from all others: stretched without them"
    PRESENTATION = "presentation contradicts photometric interpretation or colour, followed here"
    PRESENTATION_SEEN = "presentation contradicts photometric interpretation: decided by its looks"
    DEEP_PNG = "16-bit PNG of fewer bits: stretched by its own range"
    JPEG_START = "bytes before the start of a JPEG: skipped"
    JPEG_END = "end marker of a JPEG missing, but no pixel: read all the same"
    FLAT_BAND = "the lowest 30 % of the rows are the same: perhaps cut short"


Notes = list[Note]
"""Decisions on one image, in their order."""


class UnreadableImage(DataError):  # noqa: N818 (returned as an outcome as often as raised)
    """A file that holds no image this project can use.

    Args:
        path: The file.
        reason: The kind of trouble.
        detail: Message of the decoder; may be empty.
    """

    def __init__(self, path: Path, reason: Reason, detail: str = "") -> None:
        super().__init__(path, reason, detail)  # an exception is pickled by all its arguments
        self.path = path
        self.reason = reason
        self.detail = detail

    @property
    def explanation(self) -> str:
        """Reason and the decoder's message, on one line."""
        detail = " ".join(self.detail.split())
        return f"{self.reason}: {detail}" if detail else str(self.reason)

    def __str__(self) -> str:
        return f"{self.path}: {self.explanation}"
