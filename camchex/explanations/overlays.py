"""A map over its image as a PNG: an orange glow and a line around its strongest places.

Orange over grey is told apart with every kind of colour vision (Okabe and Ito, 2008); the line
tells the same without colour.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from camchex.explanations.explain import ExplainedImage

SIDE = 512  # pixels of the shorter side of a picture, at least
ORANGE = np.array([0.902, 0.624, 0.0])  # of Okabe and Ito, as red, green and blue
STRONGEST = 0.5  # share of the largest value from which a place lies within the line
OPACITY = 0.75  # of the glow where the map is largest


def overlay(image: ExplainedImage, side: int = SIDE) -> bytes:
    """Draw a map over its image, as the model reads it, with at least ``side`` pixels: a PNG."""
    pixels, raised = (_enlarged(one, side) for one in (image.pixels, image.raised))
    grey = np.repeat(np.clip(pixels, 0, 1)[..., None], 3, axis=2)
    if not raised.max() > 0:
        return _png(grey)
    strength = np.clip(raised / raised.max(), 0, 1)
    alpha = OPACITY * strength[..., None]
    drawn = (1 - alpha) * grey + alpha * ORANGE
    within = (strength >= STRONGEST).astype(np.uint8)
    lines, _ = cv2.findContours(within, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    canvas = np.ascontiguousarray(drawn)
    for colour, width in (((0.0, 0.0, 0.0), 4), ((1.0, 1.0, 1.0), 2)):
        cv2.drawContours(canvas, lines, -1, colour, width)
    return _png(canvas)


def plain(image: ExplainedImage, side: int = SIDE) -> bytes:
    """Draw an image as the model reads it, of the same size: a PNG."""
    return _png(np.repeat(np.clip(_enlarged(image.pixels, side), 0, 1)[..., None], 3, axis=2))


def _enlarged(values: NDArray[np.floating], side: int) -> NDArray[np.float64]:
    """Enlarge to at least ``side`` pixels, every pixel by the same whole number."""
    times = max(1, -(-side // min(values.shape)))
    height, width = values.shape
    size = (width * times, height * times)
    enlarged = cv2.resize(values.astype(np.float64), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(enlarged, np.float64)


def _png(picture: NDArray[np.float64]) -> bytes:
    """Encode red, green and blue from 0 to 1."""
    levels = np.round(picture[..., ::-1] * 255).astype(np.uint8)
    return bytes(cv2.imencode(".png", levels)[1].tobytes())
