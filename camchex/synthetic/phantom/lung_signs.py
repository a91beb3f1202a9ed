"""Radiological signs of lungs and pleura: what a finding changes in a chest.

A radiological sign takes the chest, a severity in (0, 1] and the study's generator, and returns
the chest with the finding.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from camchex.synthetic.phantom.anatomy import BONE, LEFT, RIGHT, SIDES, SOFT, Chest, Dense, dense
from camchex.synthetic.phantom.geometry import Ellipsoid, Vector, ellipsoid, rod
from camchex.synthetic.random_streams import pick

RadiologicalSign = Callable[[Chest, float, np.random.Generator], Chest]
Bodies = Callable[[Vector, float, np.random.Generator], Iterable[Ellipsoid]]
ZONES = (5.0, 0.5, -4.0)  # height of the upper, middle and lower zone, cm
BILATERAL = 0.35  # share of the effusions on both sides
BILATERAL_PLAQUES = 0.5
ON_THE_RIGHT = 0.55  # share of the one-sided findings: the right lung is larger


def opacity(bodies: Bodies, faintest: float, range_: float) -> RadiologicalSign:
    """Make the sign of bodies in one zone of one lung.

    Args:
        bodies: Draws them around a centre (3,), cm, given the severity.
        faintest: Attenuation at severity 0, 1/cm.
        range_: Attenuation that severity 1 adds, 1/cm.
    """

    def sign(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
        side, centre = _zone(rng)
        drawn = bodies(centre, severity, rng)
        return chest.with_inside(side, dense(drawn, faintest + range_ * severity))

    return sign


def cluster(number: int, spread: float, radii: tuple[float, float]) -> Bodies:
    """Make balls around a centre.

    Args:
        number: How many.
        spread: Standard deviation of their places, cm.
        radii: Smallest and largest, cm.
    """

    def bodies(centre: Vector, _: float, rng: np.random.Generator) -> list[Ellipsoid]:
        drawn = rng.uniform(*radii, size=number)
        return [ellipsoid(centre + rng.normal(0, spread, 3), (r, r, r)) for r in drawn]

    return bodies


consolidation = opacity(
    lambda centre, _, rng: [ellipsoid(centre, (4.3, 4.6, 3.2), rng.uniform(-30, 30))], 0.04, 0.13
)
"""One dense homogeneous body with a sharp edge."""
pneumonia = opacity(cluster(6, spread=1.9, radii=(1.5, 2.5)), 0.03, 0.09)
"""Ill-defined confluent patches."""
infiltration = opacity(cluster(26, spread=3.2, radii=(0.6, 1.0)), 0.06, 0.18)
"""Many small spots over most of a lung."""
lung_opacity = opacity(
    lambda centre, *_: (
        ellipsoid(centre, (1.5 + k, 1.5 + k, 1.8 + 1.2 * k)) for k in (1.0, 2.0, 3.0, 4.0)
    ),
    0.008,
    0.024,
)
"""A large haze without an edge."""
mass = opacity(
    lambda centre, severity, _: [ellipsoid(centre, (2.4 + 1.4 * severity,) * 3)], 0.09, 0.11
)
"""One large ball of solid tissue with a sharp edge."""
one_nodule = opacity(
    lambda centre, _, rng: [ellipsoid(centre, (rng.uniform(0.9, 1.25),) * 3)], 0.09, 0.22
)
"""One small dense ball."""


def nodule(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Draw one to three small dense balls."""
    for _ in range(rng.integers(1, 4)):
        chest = one_nodule(chest, severity, rng)
    return chest


def lung_lesion(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Draw a cavity: a dense ring around air."""
    side, centre = _zone(rng)
    radius, wall = 2.4 + 1.0 * severity, 0.75
    tissue = 0.14 + 0.22 * severity
    ball, air = (ellipsoid(centre, (r,) * 3) for r in (radius, radius - wall))
    return chest.with_inside(side, (Dense(ball, tissue), Dense(air, -tissue * 1.1)))


def atelectasis(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Draw plates of collapsed lung over a raised diaphragm on one side."""
    side = _side(rng)
    chest = chest.with_dome(side, chest.dome(side).moved(z=1.0 + 2.6 * severity))
    floor = chest.dome(side).centre[2] + 9
    plates = (
        ellipsoid(
            (side * rng.uniform(6.0, 8.5), rng.uniform(-3, 3), floor + 1.6 + 1.9 * i),
            (4.6, 4.2, 0.42 + 0.25 * severity),
            side * rng.uniform(-22, 22),
        )
        for i in range(2)
    )
    return chest.with_inside(side, dense(plates, 0.05 + 0.15 * severity))


def edema(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Draw a haze around both hila that fades outwards, and short basal lines."""
    for side in SIDES:
        centre = np.array([side * 4.8, 0.6, -0.6])
        wings = (ellipsoid(centre, (k, k + 0.7, 1.5 * k)) for k in (2.0, 3.0, 4.0, 5.0))
        lines = (
            _stroke(rng, side * rng.uniform(9, 11.5), rng.uniform(-7, -2), 1.2, 0.22)
            for _ in range(round(8 * severity))
        )
        chest = chest.with_inside(side, dense(wings, 0.008 + 0.02 * severity) + dense(lines, 0.2))
    return chest


def emphysema(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Draw dark, long and deep lungs over flat low diaphragms, around a narrow heart."""
    chest = chest.with_organs({"heart": chest.organs["heart"].scaled(1 - 0.18 * severity)})
    for side in SIDES:
        lung = chest.lungs[side]
        cavity = lung.cavity.scaled(1 + 0.05 * severity, 1 + 0.10 * severity, 1 + 0.06 * severity)
        density = lung.density * (1 - 0.6 * severity)
        drop = -(1.0 + 2.4 * severity) + rng.normal(0, 0.3)
        flat = chest.dome(side).scaled(1.15, 1.15, 1 - 0.12 * severity).moved(z=drop)
        chest = chest.with_lung(side, replace(lung, cavity=cavity, density=density))
        chest = chest.with_dome(side, flat)
    return chest


def fibrosis(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Draw a coarse net of strands in the outer lower parts of both small lungs."""
    for side in SIDES:
        chest = chest.with_dome(side, chest.dome(side).moved(z=0.8 + 1.2 * severity))
        strands = (
            _stroke(rng, side * rng.uniform(5.5, 11.5), rng.uniform(-6.5, 1.0), 1.5, 0.3)
            for _ in range(22)
        )
        chest = chest.with_inside(side, dense(strands, 0.10 + 0.25 * severity))
    return chest


def pleural_effusion(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Draw fluid around the base of one or both lungs; it rises at the wall and the back."""
    for side in SIDES if rng.random() < BILATERAL else (_side(rng),):
        lung = chest.lungs[side].innermost
        rest = lung.moved(x=-side * 0.35 * severity, y=-0.5, z=1.2 + 6.0 * severity)
        chest = chest.with_layer(side, rest, SOFT)
    return chest


def pneumothorax(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Draw air around the top and side of a shrunken lung, whose edge is a line."""
    side = _side(rng)
    shrink = 1 - 0.10 - 0.22 * severity
    rest = chest.lungs[side].innermost.scaled(shrink, 0.92, shrink)
    rest = rest.moved(x=-side * (0.6 + 1.4 * severity), z=-1.2)
    return chest.with_layer(side, rest, 0.0).with_layer(side, rest.scaled(0.965), 0.3)


def pleural_thickening(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Draw a rind of tissue over the top and side of one lung."""
    side = _side(rng)
    rest = chest.lungs[side].innermost.scaled(1 - 0.04, 0.98, 1 - 0.03)
    rest = rest.moved(x=-side * (0.7 + 1.1 * severity), z=-(0.9 + 1.5 * severity))
    return chest.with_layer(side, rest, SOFT)


def pleural_other(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Draw calcified plaques along the chest wall and on the diaphragm, on one or both sides."""
    for side in SIDES if rng.random() < BILATERAL_PLAQUES else (_side(rng),):
        cavity, top = chest.lungs[side].cavity, chest.dome(side)
        plaques = []
        for height in rng.uniform(-0.45, 0.45, size=4):
            out = cavity.axes[0] * np.sqrt(1 - height**2) - 0.5
            spot = cavity.centre + np.array([side * out, rng.uniform(-3, 3), height * 13])
            plaques.append(ellipsoid(spot, (0.4, 1.9, 1.5), -side * height * 40))
        spot = top.centre + np.array([rng.uniform(-2, 2), 0.0, top.axes[2] + 0.1])
        plaques.append(ellipsoid(spot, (2.2, 2.2, 0.35)))
        chest = chest.with_inside(side, dense(plaques, BONE * (0.6 + 2.0 * severity)))
    return chest


def _side(rng: np.random.Generator) -> int:
    return RIGHT if rng.random() < ON_THE_RIGHT else LEFT


def _zone(rng: np.random.Generator) -> tuple[int, Vector]:
    """Draw a side, and a place in one of its zones clear of the heart."""
    side = _side(rng)
    height = pick(rng, ZONES) + rng.uniform(-1.2, 1.2)
    return side, np.array([side * rng.uniform(6.0, 9.0), rng.uniform(-3.5, 4.0), height])


def _stroke(rng: np.random.Generator, x: float, z: float, half: float, radius: float) -> Ellipsoid:
    """Draw a short strand at (x, any depth, z) in any direction."""
    direction = rng.normal(size=3)
    direction *= half / np.linalg.norm(direction)
    middle = np.array([x, rng.uniform(-4.5, 5.5), z])
    return rod(middle - direction, middle + direction, radius)
