"""Stored values as grey levels: the look-up tables of DICOM, and white where X-rays are absorbed.

Everything is computed once for each value that a cell can hold: there are far fewer values than
pixels.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from camchex.images.attributes import number, text
from camchex.images.samples import Stored
from camchex.images.unreadable import DECODER_ERRORS, Note, Notes

BITS = 8
WHITE = 2**BITS - 1
LEAST_KEPT = 0.01  # share of pixels between black and white, below which a window leaves nothing
FUNCTIONS = {"LINEAR": 1.0, "LINEAR_EXACT": np.finfo(float).tiny, "SIGMOID": np.finfo(float).tiny}
"""Functions of a window, and the least width of each: PS3.3 C.11.2.1.2 and C.11.2.1.3."""
EDGE = 1 / 512  # of the range from black to white: half a grey level

Values = NDArray[np.float64]
Counts = NDArray[np.float32]


def grey_levels(dataset: Dataset, stored: Stored, notes: Notes) -> NDArray[np.uint8]:
    """Apply modality and VOI look-up tables, stretch, and show absorption as white.

    8-bit values that the tables do not change are kept; all others are stretched, from black at
    the lowest value to white at the highest. Padding becomes black, and does not take part in the
    stretch. A window or VOI table that cannot be applied, or that leaves almost no pixel between
    black and white, is ignored.

    Args:
        dataset: Header of the file.
        stored: One frame of one sample, (rows, columns).
        notes: What is decided is appended here.

    Raises:
        ValueError: If the header does not say how the values are shown.

    Source:
        DICOM PS3.3 C.7.5.1.1.2 (padding), C.7.6.3.1.2 (photometric interpretation), C.11.1
        (modality), C.11.2 (VOI), C.11.6 (presentation); the stretch is that of MIMIC-CXR-JPG
        (Johnson et al. 2019) and the common one for VinBigData.
    """
    cells = stored.values.view(f"u{stored.values.itemsize}")
    levels = np.arange(256**cells.itemsize).astype(cells.dtype).view(stored.values.dtype)
    padding = _is_padding(levels, dataset)
    counts = cv2.calcHist([cells], [0], None, [len(levels)], [0, len(levels)]).ravel()
    counts[padding] = 0
    inverted = is_inverted(dataset, notes)
    present = counts > 0
    if not present.any():
        return np.zeros(cells.shape, dtype=np.uint8)
    values = _rescaled(levels.astype(np.float64), dataset, notes)
    shown = _through_voi(values, counts, dataset, notes)
    low, high = 0.0, float(WHITE)
    is_8_bit = stored.bits == BITS and not np.issubdtype(levels.dtype, np.signedinteger)
    if not (is_8_bit and np.array_equal(np.rint(shown[present]), levels[present])):
        low, high = shown[present].min(), shown[present].max()
    width = max(high - low, 1e-300)  # a blank image stays black
    grey = np.rint(np.clip((shown - low) / width, 0, 1) * WHITE).astype(np.uint8)
    if inverted:
        grey = WHITE - grey
    grey[padding] = 0
    pixels: NDArray[np.uint8] = grey[cells]
    return pixels


def is_inverted(dataset: Dataset, notes: Notes) -> bool:
    """Decide whether low values are white.

    PhotometricInterpretation says it. PresentationLUTShape says the same again, and where the two
    contradict each other, archives hold files with either one wrong: PhotometricInterpretation is
    followed, with ``Note.PRESENTATION``, so that what is known better elsewhere can be applied to
    those files (``notes.parquet`` of a store names them).

    Raises:
        ValueError: If the image is not one of grey levels.
    """
    photometric = text(dataset, "PhotometricInterpretation")
    if photometric not in {"MONOCHROME1", "MONOCHROME2"}:
        raise ValueError(f"PhotometricInterpretation is {photometric!r}, not of grey levels")
    inverted = photometric == "MONOCHROME1"
    if text(dataset, "PresentationLUTShape") == ("IDENTITY" if inverted else "INVERSE"):
        notes.append(Note.PRESENTATION)
    return inverted


def _is_padding(levels: NDArray[np.integer[Any]], dataset: Dataset) -> NDArray[np.bool_]:
    first = number(dataset, "PixelPaddingValue")
    if first is None:
        return np.zeros(len(levels), dtype=bool)
    last = number(dataset, "PixelPaddingRangeLimit")
    # Wrapped, since the value of signed pixels may be written as an unsigned number.
    ends = np.array([first, first if last is None else last]).astype(np.int64).astype(levels.dtype)
    padding: NDArray[np.bool_] = (levels >= ends.min()) & (levels <= ends.max())
    return padding


def _rescaled(values: Values, dataset: Dataset, notes: Notes) -> Values:
    if dataset.get("ModalityLUTSequence"):
        return _through_table(values, dataset.ModalityLUTSequence[0], dataset)[0]
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    if (not slope and "RescaleSlope" in dataset) or (
        intercept is None and "RescaleIntercept" in dataset
    ):
        notes.append(Note.RESCALE)
    rescaled: Values = values * (slope or 1) + (intercept or 0)
    if not np.isfinite(rescaled).all():
        raise ValueError(f"RescaleSlope is {slope}, and RescaleIntercept is {intercept}")
    return rescaled


def _through_voi(values: Values, counts: Counts, dataset: Dataset, notes: Notes) -> Values:
    """Apply the first VOI table or else the first window; a window's white is 255."""
    if dataset.get("VOILUTSequence"):
        try:
            shown, black, white = _through_table(values, dataset.VOILUTSequence[0], dataset)
            if _leaves_something(shown, black, white, counts):
                return shown
        except DECODER_ERRORS:
            pass
        notes.append(Note.VOI_TABLE)
    window = _window(dataset)
    if isinstance(window, tuple):
        shown = _windowed(values, *window)
        if _leaves_something(shown, 0, WHITE, counts):
            return shown
        window = Note.WINDOW_NOTHING
    if window:
        notes.append(window)
    return values


def _window(dataset: Dataset) -> tuple[float, float, str] | Note | None:
    """Read centre, width and function of the first window, or why it cannot be applied."""
    try:
        centre, width = number(dataset, "WindowCenter"), number(dataset, "WindowWidth")
    except ValueError:
        return Note.WINDOW_NUMBER
    if centre is None or width is None:
        return None if centre is width else Note.WINDOW_NUMBER
    function = text(dataset, "VOILUTFunction") or "LINEAR"
    if function not in FUNCTIONS:
        return Note.WINDOW_FUNCTION
    return (centre, width, function) if width >= FUNCTIONS[function] else Note.WINDOW_WIDTH


def _windowed(values: Values, centre: float, width: float, function: str) -> Values:
    """PS3.3 C.11.2.1.2 and C.11.2.1.3, from black at 0 to white at 255."""
    if function == "SIGMOID":
        steps = np.clip(-4 * (values - centre) / width, -700, 700)  # exp stays finite
        shown = WHITE / (1 + np.exp(steps))
    else:
        if function == "LINEAR":
            centre, width = centre - 0.5, width - 1
        width = max(width, np.finfo(float).tiny)  # a step, where the width is 1
        shown = np.clip((values - centre) / width + 0.5, 0, 1) * WHITE
    return np.asarray(shown)


def _leaves_something(shown: Values, black: float, white: float, counts: Counts) -> bool:
    margin = (white - black) * EDGE
    between = (shown > black + margin) & (shown < white - margin)
    seen = shown[counts > 0]
    return bool(counts[between].sum() >= LEAST_KEPT * counts.sum() and seen.min() < seen.max())


def _through_table(values: Values, table: Dataset, dataset: Dataset) -> tuple[Values, float, float]:
    """Look values up, PS3.3 C.11.1.1 and C.11.2.1.1; return the table's ends, too.

    Raises:
        ValueError: If there are not as many entries as the table says.
    """
    entries, first, _bits = (int(part) for part in table.LUTDescriptor)
    entries = entries or 2**16
    data = table.LUTData
    if isinstance(data, bytes):  # words, or bytes where there is one for each entry
        order = "<" if dataset.original_encoding[1] is not False else ">"
        data = np.frombuffer(data, f"{order}u{2 if len(data) >= 2 * entries else 1}")
    found = np.asarray(data, dtype=np.float64).ravel()
    if len(found) < entries:
        raise ValueError(f"a look-up table of {len(found)} entries, not {entries}")
    found = found[:entries]
    shown = found[np.clip(np.rint(values) - first, 0, entries - 1).astype(np.intp)]
    return shown, float(found.min()), float(found.max())
