"""An image of any shape as a square."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from camchex.contract.image_store import Fit

LARGE = 512  # pixels of a side from which speed comes before the last grey level
MOST_LINEAR = 2.0  # largest shrinkage at which bilinear sampling uses every pixel


def sufficient_side(size: int) -> int:
    """Smallest side to which a JPEG may be scaled while it is decoded, for a square of ``size``.

    Below ``LARGE`` it is twice the size, which is cheap there: scaled decoding keeps false detail
    that a further shrinkage by Lanczos takes away.
    """
    return size if size >= LARGE else 2 * size


def fit_square(image: NDArray[np.uint8], size: int, how: Fit) -> NDArray[np.uint8]:
    """Resize to a square.

    Pillow's Lanczos filter is used, which is widened where it shrinks. To ``LARGE`` pixels and
    more, where no side grows or shrinks to less than half, as after scaled JPEG decoding, the
    resize is bilinear: it costs a fraction. What scaled decoding and the bilinear resize change,
    in grey levels, is in ``benchmarks/image_decode.py`` and docs/method.md, section 6.

    Args:
        image: Grey levels, (rows, columns).
        size: Pixels of either side of the result.
        how: ``stretch`` ignores the aspect, as the paper does; ``pad`` keeps it, centred on black.

    Returns:
        Grey levels, (size, size).

    Source:
        docs/method.md, section 6 (plain Lanczos resize of the whole image).
    """
    if image.shape == (size, size):
        return image
    rows, columns = image.shape
    longest = max(rows, columns) if how == "pad" else 0
    height = max(1, round(size * rows / longest)) if longest else size
    width = max(1, round(size * columns / longest)) if longest else size
    square = np.zeros((size, size), dtype=np.uint8)
    top, left = (size - height) // 2, (size - width) // 2
    square[top : top + height, left : left + width] = _resized(image, height, width)
    return square


def _resized(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    shrink = image.shape[0] / height, image.shape[1] / width
    if min(height, width) >= LARGE and min(shrink) >= 1 and max(shrink) <= MOST_LINEAR:
        # Exact: in integers, so that every processor gives the same levels.
        linear: NDArray[np.uint8] = cv2.resize(
            image, (width, height), interpolation=cv2.INTER_LINEAR_EXACT
        )
        return linear
    lanczos = Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(lanczos)
