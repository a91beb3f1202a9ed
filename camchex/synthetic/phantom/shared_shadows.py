"""Shadows that two findings share: alike but for their place (``people.synergy``).

Of two bodies that only differ in their place, one mirrors the other, within its lung or in the
other lung. So a view along the line between the two places shows both alike.
"""

from collections.abc import Mapping

import numpy as np

from camchex.synthetic.people.synergy import LOBE, Places
from camchex.synthetic.phantom.anatomy import LEFT, RIGHT, Chest, dense
from camchex.synthetic.phantom.geometry import ellipsoid
from camchex.synthetic.random_streams import pick

FAINTEST, RANGE = 0.09, 0.11  # attenuation at severity 0, and what severity 1 adds, 1/cm: a mass's
FROM_MIDDLE = 3.8  # depth in front of the middle of the lung, or behind it, cm


def with_shared_shadows(
    chest: Chest, shadows: Places, severities: Mapping[str, float], rng: np.random.Generator
) -> Chest:
    """Draw shared shadows into a chest.

    Args:
        chest: The patient's chest.
        shadows: Place of each finding that is shown so.
        severities: By finding; one of 0 is not drawn.
        rng: The study's generator of shadows.
    """
    for finding, place in shadows.items():
        if severities[finding] > 0:
            draw = _in_a_lobe if finding in LOBE.findings else _on_a_side
            chest = draw(chest, place, FAINTEST + RANGE * severities[finding], rng)
    return chest


def _in_a_lobe(chest: Chest, place: int, attenuation: float, rng: np.random.Generator) -> Chest:
    """Draw a tall body at the back or in the front of one lung, above the heart."""
    side = pick(rng, (RIGHT, LEFT))
    middle = chest.lungs[side].cavity.centre[1]
    across, height = side * rng.uniform(6.2, 7.4), rng.uniform(2.0, 4.2)
    centre = (across, middle + place * FROM_MIDDLE, height)
    return chest.with_inside(side, dense([ellipsoid(centre, (2.3, 2.2, 3.4))], attenuation))


def _on_a_side(chest: Chest, place: int, attenuation: float, rng: np.random.Generator) -> Chest:
    """Draw a flat body at the base of the right or left lung."""
    depth, across, height = rng.uniform(-1.5, 1.5), rng.uniform(6.4, 7.6), rng.uniform(-5.0, -3.6)
    centre = (place * across, chest.lungs[place].cavity.centre[1] + depth, height)
    return chest.with_inside(place, dense([ellipsoid(centre, (3.6, 3.4, 2.0))], attenuation))
