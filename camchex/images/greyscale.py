"""Stored values as grey levels: the look-up tables of DICOM, and white where X-rays are absorbed.

Everything is computed once for each value that a cell can hold: there are far fewer values than
pixels.
"""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from camchex.images.attributes import finite, number, several, text
from camchex.images.samples import Stored
from camchex.images.unreadable import DECODER_ERRORS, Note, Notes

BITS = 8
WHITE = 2**BITS - 1
LEAST_KEPT = 0.05  # share of pixels below which a window or padding leaves almost nothing
OUTLIERS = 0.001  # share of pixels at either end that may be far from all others
FAR = 4  # times as wide is the range of all pixels, where the outliers are far
FUNCTIONS = {"LINEAR": 1.0, "LINEAR_EXACT": np.finfo(float).tiny, "SIGMOID": np.finfo(float).tiny}
"""Functions of a window, and the least width of each: PS3.3 C.11.2.1.2 and C.11.2.1.3."""
EDGE = 1 / 512  # of the range from black to white: half a grey level

Values = NDArray[np.float64]
Counts = NDArray[np.float32]


def grey_levels(dataset: Dataset, stored: Stored, notes: Notes) -> NDArray[np.uint8]:
    """Apply modality and VOI look-up tables, stretch, and show absorption as white.

    8-bit values that the tables do not change are kept; all others are stretched, from black at
    the lowest value to white at the highest (see :func:`ends`). Padding becomes black, and does
    not take part in the stretch. Padding, a table or a window that cannot be applied, or that
    leaves almost no pixel (between black and white), is ignored, and the next one is tried.

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
    counts = cv2.calcHist([cells], [0], None, [len(levels)], [0, len(levels)]).ravel()
    padding = _padding(levels, counts, dataset, notes)
    counts[padding] = 0
    inverted = is_inverted(dataset, notes)
    present = counts > 0
    values = _rescaled(levels.astype(np.float64), counts, dataset, notes)
    shown = _through_voi(values, counts, dataset, notes)
    low, high = 0.0, float(WHITE)
    is_8_bit = stored.bits == BITS and not np.issubdtype(levels.dtype, np.signedinteger)
    if not (is_8_bit and np.array_equal(np.rint(shown[present]), levels[present])):
        low, high = ends(shown, counts)
        if (low, high) != (shown[present].min(), shown[present].max()):
            notes.append(Note.OUTLIERS)
    grey = stretched(shown, low, high)
    if inverted:
        grey = WHITE - grey
    grey[padding] = 0
    pixels: NDArray[np.uint8] = grey[cells]
    return pixels


def ends(values: Values, counts: Counts) -> tuple[float, float]:
    """Find the values that become black and white.

    They are the lowest and the highest, unless a few pixels, as dead ones of a detector, are so far
    away that all others would keep few grey levels: then these few are left out.

    Args:
        values: Values in any order, (V,).
        counts: Number of pixels of each, (V,).
    """
    order = np.argsort(values, kind="stable")
    order = order[counts[order] > 0]
    below = np.cumsum(counts[order], dtype=np.float64)
    first, last = np.searchsorted(below, np.array([OUTLIERS, 1 - OUTLIERS]) * below[-1])
    low, high, inner_low, inner_high = values[order[[0, -1, first, last]]].tolist()
    far = high - low > FAR * (inner_high - inner_low) > 0
    return (inner_low, inner_high) if far else (low, high)


def stretched(values: Values, low: float, high: float) -> NDArray[np.uint8]:
    """Grey levels of values, from black at ``low`` to white at ``high``; blank ones are black."""
    shares = np.clip((values - low) / ((high - low) or 1), 0, 1)
    grey: NDArray[np.uint8] = np.rint(shares * WHITE).astype(np.uint8)
    return grey


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


def _padding(
    levels: NDArray[np.integer[Any]], counts: Counts, dataset: Dataset, notes: Notes
) -> NDArray[np.bool_]:
    """Tell which levels are padding."""
    nothing = np.zeros(len(levels), dtype=bool)
    try:
        first = number(dataset, "PixelPaddingValue")
        last = number(dataset, "PixelPaddingRangeLimit")
    except ValueError:
        notes.append(Note.PADDING)
        return nothing
    if first is None:
        return nothing
    # Wrapped, since the value of signed pixels may be written as an unsigned number.
    ends = np.array([first, first if last is None else last]).astype(np.int64).astype(levels.dtype)
    padding: NDArray[np.bool_] = (levels >= ends.min()) & (levels <= ends.max())
    if counts[~padding].sum() >= LEAST_KEPT * counts.sum():
        return padding
    notes.append(Note.PADDING)
    return nothing


def _rescaled(values: Values, counts: Counts, dataset: Dataset, notes: Notes) -> Values:
    if dataset.get("ModalityLUTSequence"):
        found = _through_tables(values, counts, dataset, "ModalityLUTSequence")
        if found is not None:
            return found
        notes.append(Note.MODALITY_TABLE)
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    if (not slope and "RescaleSlope" in dataset) or (
        intercept is None and "RescaleIntercept" in dataset
    ):
        notes.append(Note.RESCALE)
    rescaled: Values = values * (slope or 1) + (intercept or 0)
    if not np.isfinite(rescaled).all():
        raise ValueError(f"RescaleSlope {slope} and RescaleIntercept {intercept} give no numbers")
    return rescaled


def _through_voi(values: Values, counts: Counts, dataset: Dataset, notes: Notes) -> Values:
    """Apply the first VOI table that can be meant, or else such a window; its white is 255."""
    if dataset.get("VOILUTSequence"):
        found = _through_tables(values, counts, dataset, "VOILUTSequence")
        if found is not None:
            return found
        notes.append(Note.VOI_TABLE)
    for window in _windows(dataset):
        if isinstance(window, Note):
            notes.append(window)
            continue
        shown = _windowed(values, *window)
        if _leaves_something(shown, 0, WHITE, counts):
            return shown
        notes.append(Note.WINDOW_NOTHING)
    return values


def _windows(dataset: Dataset) -> Iterator[tuple[float, float, str] | Note]:
    """Yield centre, width and function of each window, or why it cannot be applied."""
    try:
        pairs = zip_longest(several(dataset, "WindowCenter"), several(dataset, "WindowWidth"))
        function = text(dataset, "VOILUTFunction") or "LINEAR"
    except ValueError:
        yield Note.WINDOW_NUMBER
        return
    for pair in pairs:
        try:
            centre, width = (finite(value, "window") for value in pair)
        except ValueError:
            yield Note.WINDOW_NUMBER
            continue
        if centre is None or width is None:
            if centre is not width:
                yield Note.WINDOW_NUMBER
        elif function not in FUNCTIONS:
            yield Note.WINDOW_FUNCTION
        else:
            wide = width >= FUNCTIONS[function]
            yield (centre, width, function) if wide else Note.WINDOW_WIDTH


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


def _through_tables(
    values: Values, counts: Counts, dataset: Dataset, keyword: str
) -> Values | None:
    """Look values up in the first table of a sequence that is whole and leaves something."""
    for table in dataset[keyword].value:
        try:
            shown, black, white = _through_table(values, table, dataset)
        except DECODER_ERRORS:
            continue
        if _leaves_something(shown, black, white, counts):
            return shown
    return None


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
