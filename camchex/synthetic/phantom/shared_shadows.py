"""Shadows that two findings share: alike but for their place (``people.synergy``).

Of two bodies that only differ in their place, one mirrors the other, within its lung or in the
other lung. So a view along the line between the two places shows both alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from camchex.synthetic.people.synergy import FEVER, PAIRS, Pair, Places
from camchex.synthetic.phantom.anatomy import SIDES, Chest, dense
from camchex.synthetic.phantom.geometry import ellipsoid
from camchex.synthetic.random_streams import pick

Range = tuple[float, float]
FAINTEST, RANGE = 0.09, 0.11  # attenuation at severity 0, and what severity 1 adds, 1/cm: a mass's


@dataclass(frozen=True)
class Shape:
    """Shape of a pair's shadow, and where in a lung it may be, cm."""

    axes: tuple[float, float, float]  # half-axes
    across: Range  # distance from the midline
    depth: Range  # distance from the middle of the lung, to the back or to the front
    height: Range


SHAPES: Mapping[Pair, Shape] = dict(
    zip(
        PAIRS,
        (
            Shape((2.3, 2.2, 3.4), (6.2, 7.4), (3.6, 4.0), (1.0, 3.0)),  # tall, above the heart
            Shape((1.6, 1.6, 1.6), (5.6, 7.6), (3.2, 3.8), (6.0, 7.5)),  # a ball near the apex
            Shape((3.6, 3.4, 2.0), (6.4, 7.6), (0.0, 1.5), (-5.0, -3.6)),  # flat, at the base
            Shape((0.9, 3.2, 4.2), (10.0, 10.6), (0.0, 1.0), (-1.0, 2.0)),  # thin, at the wall
        ),
        strict=True,
    )
)


def with_shared_shadows(
    chest: Chest, shadows: Places, severities: Mapping[str, float], rng: np.random.Generator
) -> Chest:
    """Draw shared shadows into a chest.

    Args:
        chest: The patient's chest.
        shadows: Place of each finding that is shown so.
        severities: By finding; one that is 0 or not named is not drawn.
        rng: The study's generator of shadows.
    """
    for pair, shape in SHAPES.items():
        own = np.random.default_rng(rng.integers(2**63))  # one shadow does not move another
        for finding in pair.findings:
            if finding in shadows and severities.get(finding, 0.0) > 0:
                side, back = pick(own, SIDES), pick(own, SIDES)
                if pair.cue == FEVER:
                    back = shadows[finding]
                else:
                    side = shadows[finding]
                middle = chest.lungs[side].cavity.centre[1]
                across, depth, height = (
                    own.uniform(*limits) for limits in (shape.across, shape.depth, shape.height)
                )
                body = ellipsoid((side * across, middle + back * depth, height), shape.axes)
                attenuation = FAINTEST + RANGE * severities[finding]
                chest = chest.with_inside(side, dense([body], attenuation))
    return chest
