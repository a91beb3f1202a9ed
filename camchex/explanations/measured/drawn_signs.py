"""Where a finding was drawn: the pixels of an invented study that its radiological sign changes.

The study is X-rayed twice, with the finding and without it, from equal random numbers: body, pose
and all other signs are the same. Nothing of the cohort is written or drawn anew.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from camchex.contract.image_store import Fit
from camchex.images.resize import fit_square
from camchex.synthetic.params import SyntheticParams
from camchex.synthetic.people.patients import Study
from camchex.synthetic.phantom.geometry import Array
from camchex.synthetic.phantom.rendering import pass_rays
from camchex.synthetic.phantom.xray import transmission
from camchex.synthetic.published.mimic import SITE

Bools = NDArray[np.bool_]
ENERGY = 0.9  # share of the squared change that the pixels of a sign hold
VISIBLE = 0.05  # least change of the logarithm of the signal, at its strongest pixel, that counts
GREY = 255


def sign_masks(
    study: Study, finding: str, params: SyntheticParams, size: int, fit: Fit
) -> list[Bools | None]:
    """Find the pixels of a finding's sign in each image of a study.

    The pixels are those that together hold ``ENERGY`` of the squared change of the logarithm of the
    signal, strongest first: what a reader calls the sign, without its faint tails.

    Args:
        study: The study; the finding is among its ``severities``.
        finding: The finding.
        params: The section ``synthetic``.
        size: Pixels of either side of the images that a model is given.
        fit: How images are made square.

    Returns:
        A mask (size, size) for each view; None where the view hardly shows the sign.
    """
    rest = {name: value for name, value in study.severities.items() if name != finding}
    pairs = zip(
        _logarithms(study, params),
        _logarithms(replace(study, severities=rest), params),
        strict=True,
    )
    return [_mask(np.abs(one - other), size, fit) for one, other in pairs]


def clearer_views(study: Study, params: SyntheticParams) -> dict[str, str]:
    """Find the view that shows more of each sign of a study with both views, by finding.

    A view shows as much as the image of that view whose logarithm changes most, in squares.
    """
    if len(set(study.kinds)) == 1:
        return {}
    whole, found = _logarithms(study, params), {}
    for finding in study.severities:
        rest = {name: value for name, value in study.severities.items() if name != finding}
        other = _logarithms(replace(study, severities=rest), params)
        changed = [float(((a - b) ** 2).mean()) for a, b in zip(whole, other, strict=True)]
        _, found[finding] = max(zip(changed, study.kinds, strict=True))
    return found


def _logarithms(study: Study, params: SyntheticParams) -> list[Array]:
    return [np.log(transmission(rays, SITE)) for rays, _ in pass_rays(study, params)]


def _mask(change: Array, size: int, fit: Fit) -> Bools | None:
    strongest = float(change.max())
    if strongest < VISIBLE:
        return None
    # Through the resize of the images themselves, so that pixels lie where the model has them.
    grey = np.round(change / strongest * GREY).astype(np.uint8)
    energy = fit_square(grey, size, fit).astype(np.float64) ** 2
    return strongest_pixels(energy)


def strongest_pixels(energy: NDArray[np.float64]) -> Bools:
    """Find the fewest pixels that hold ``ENERGY`` of the sum of values that are not negative."""
    order = np.argsort(-energy, axis=None, kind="stable")
    held = np.cumsum(energy.ravel()[order])
    count = int(np.searchsorted(held, ENERGY * held[-1])) + 1
    mask = np.zeros(energy.size, np.bool_)
    mask[order[:count]] = True
    return mask.reshape(energy.shape)
