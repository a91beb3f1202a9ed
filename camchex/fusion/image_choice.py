"""The choice of images from a study that has more of them than the fusion reads."""

import zlib

import numpy as np
from numpy.typing import NDArray

from camchex.networks.batches import Rows


def first_images(lateral: NDArray[np.bool_], most: int) -> Rows:
    """Choose images without chance: the first frontal, the first lateral, the second frontal, ...

    Args:
        lateral: Which of the study's images are lateral, in the order of the table, (n,).
        most: Images to choose at most.

    Returns:
        Positions of the chosen images, ascending.
    """
    within_view = np.where(lateral, np.cumsum(lateral), np.cumsum(~lateral))
    return np.sort(np.lexsort((lateral, within_view))[:most])


def image_groups(lateral: NDArray[np.bool_], most: int) -> list[Rows]:
    """Divide all images of a study into as few groups as possible, both views shared out evenly.

    Takes what :func:`first_images` takes; ``most`` is at least 1.

    Returns:
        Positions of the images, ascending in each group; one empty group for a study without image.
    """
    groups = max(1, -(-len(lateral) // most))
    dealt = np.argsort(lateral, kind="stable")  # frontal first, then dealt to the groups in turn
    return [np.sort(dealt[first::groups]) for first in range(groups)]


def draw_images(count: int, most: int, study_id: str, epoch: int, seed: int) -> Rows:
    """Choose ``most`` of ``count`` images at random, or all if there are no more.

    The draw depends on nothing but the study, the epoch and the seed.

    Returns:
        Positions of the chosen images, ascending.
    """
    if count <= most:
        return np.arange(count)
    draw = np.random.default_rng([seed, epoch, zlib.crc32(study_id.encode())])
    return np.sort(draw.choice(count, most, replace=False))
