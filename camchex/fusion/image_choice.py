"""Which images stand for a study that has more of them than the fusion reads."""

import zlib

import numpy as np
from numpy.typing import NDArray

from camchex.networks.batches import Rows


def first_images(lateral: NDArray[np.bool_], most: int) -> Rows:
    """Which images of a study stand for it where there is no chance: both views, in turn.

    Args:
        lateral: Which of the study's images are lateral, in the order of the table, (n,).
        most: How many are wanted.

    Returns:
        Their positions, ascending: at most ``most``, as evenly from both views as there are.
    """
    within_view = np.where(lateral, np.cumsum(lateral), np.cumsum(~lateral))
    return np.sort(np.lexsort((lateral, within_view))[:most])


def image_groups(lateral: NDArray[np.bool_], most: int) -> list[Rows]:
    """The images of a study in as few groups as hold them all, each with its share of both views.

    Args:
        lateral: Which of the study's images are lateral, in the order of the table, (n,).
        most: Of images in a group, at least 1.

    Returns:
        Their positions, ascending in each group: at least one group, of at most ``most``.
    """
    groups = max(1, -(-len(lateral) // most))
    dealt = np.argsort(lateral, kind="stable")  # frontal first, as cards to the groups in turn
    return [np.sort(dealt[first::groups]) for first in range(groups)]


def random_images(count: int, most: int, study_id: str, epoch: int, seed: int) -> Rows:
    """Which images of a study of more than ``most`` an epoch sees: ``most`` of them, at random.

    The draw depends on nothing but the study, the epoch and the seed.
    """
    if count <= most:
        return np.arange(count)
    draw = np.random.default_rng([seed, epoch, zlib.crc32(study_id.encode())])
    return np.sort(draw.choice(count, most, replace=False))
