"""Reasons for which a file is not an image that can be used."""

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


class Reason(StrEnum):
    """Kinds of unreadable files: few and fixed, so that they can be counted in public."""

    NO_FILE = "no such file"
    NOT_OPENED = "cannot be opened"
    EMPTY = "empty file"
    UNKNOWN_FORMAT = "not a JPEG, PNG or DICOM file"
    DAMAGED = "damaged or cut short"
    SEVERAL_FRAMES = "more than one frame"
    NO_PIXELS = "no pixel data"
    CRASHED = "kills the decoder"


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
