"""Does a map point at a sign whose place is known, and do maps that know nothing, too?"""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
TOLERANCE = 1 / 16  # of the side: how far beside a sign a map may point, as 4 pixels of 64
SPREAD = 1 / 4  # of the side: standard deviation of the map of the centre
HIT, ENERGY = "hit", "energy"


def scores(found: Floats, mask: Bools) -> dict[str, float]:
    """Score one map against the place of a sign; only what raises the number counts.

    Args:
        found: The map, (H, W).
        mask: The pixels of the sign, (H, W).

    Returns:
        ``hit``: whether the largest value lies on the sign, or within ``TOLERANCE`` (of equally
        large values, the share that does); ``energy``: the share of the sum of the values that
        lies on the sign. Both 0 for a map that is nowhere above 0.

    Source: pointing game and its tolerance, Zhang et al., IJCV 2018; energy, Wang et al., CVPRW
        2020 (Score-CAM).
    """
    raised = np.maximum(found, 0)
    total = float(raised.sum())
    if not total > 0:
        return {HIT: 0.0, ENERGY: 0.0}
    largest = raised == raised.max()
    return {HIT: float(near(mask)[largest].mean()), ENERGY: float(raised[mask].sum()) / total}


def near(mask: Bools) -> Bools:
    """The pixels of a mask, and those within ``TOLERANCE`` of them."""
    reach = round(TOLERANCE * mask.shape[0])
    across = np.arange(-reach, reach + 1)
    disc = (across[:, None] ** 2 + across**2 <= reach**2).astype(np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc) > 0)


def baselines(image: Floats) -> Mapping[str, Floats]:
    """Maps of an image that know of no network and no finding.

    ``random`` is one value everywhere, whose scores are those that a random map has on average;
    ``edge`` the strength of edges; ``centre`` a hill in the middle.
    """
    image = image.astype(np.float64)
    rows, columns = (np.arange(side) - (side - 1) / 2 for side in image.shape)
    distance = (rows[:, None] / image.shape[0]) ** 2 + (columns / image.shape[1]) ** 2
    slopes = (cv2.Sobel(image, cv2.CV_64F, *axes) for axes in ((1, 0), (0, 1)))
    return {
        "random": np.ones(image.shape),
        "edge": np.hypot(*slopes),
        "centre": np.exp(-distance / (2 * SPREAD**2)),
    }
