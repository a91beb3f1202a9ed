"""An image of any shape as a square."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Fit = Literal["stretch", "pad"]


def fit(image: NDArray[np.uint8], size: int, how: Fit) -> NDArray[np.uint8]:
    """Resize to a square with Pillow's Lanczos filter, which is widened where it shrinks.

    Args:
        image: Grey levels, (rows, columns).
        size: Pixels of either side of the result.
        how: ``stretch`` ignores the aspect, as the paper does; ``pad`` keeps it, centred on black.

    Returns:
        Grey levels, (size, size).

    Source:
        Method section 6 (plain Lanczos resize of the whole image).
    """
    if image.shape == (size, size):
        return image
    rows, columns = image.shape
    longest = max(rows, columns) if how == "pad" else 0
    height = max(1, round(size * rows / longest)) if longest else size
    width = max(1, round(size * columns / longest)) if longest else size
    resized = Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS)
    square = np.zeros((size, size), dtype=np.uint8)
    top, left = (size - height) // 2, (size - width) // 2
    square[top : top + height, left : left + width] = np.asarray(resized)
    return square
