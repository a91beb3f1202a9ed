"""What findings of lungs and pleura change in a chest.

Every sign takes the chest, a severity in (0, 1] and the study's generator, and gives the chest
with the finding.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from camchex.synthetic.phantom.anatomy import (
    BONE,
    LEFT,
    RIGHT,
    SIDES,
    SOFT,
    Chest,
    Dense,
    dome,
    with_dome,
    with_inside,
    with_lung,
    with_organs,
)
from camchex.synthetic.phantom.geometry import Ellipsoid, Vector, ellipsoid, rod
from camchex.synthetic.random_streams import pick

ZONES = (5.0, 0.5, -4.0)  # height of the upper, middle and lower zone, cm
BILATERAL = 0.35  # share of effusions on both sides


def atelectasis(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Plates of collapsed lung over a raised diaphragm on one side."""
    side = _side(rng)
    chest = with_dome(chest, side, dome(chest, side).moved(z=1.0 + 2.6 * severity))
    floor = dome(chest, side).centre[2] + 9
    plates = [
        Dense(
            ellipsoid(
                (side * rng.uniform(6.0, 8.5), rng.uniform(-3, 3), floor + 1.6 + 1.9 * i),
                (4.6, 4.2, 0.42 + 0.25 * severity),
                side * rng.uniform(-22, 22),
            ),
            0.05 + 0.15 * severity,
        )
        for i in range(2)
    ]
    return with_inside(chest, side, tuple(plates))


def consolidation(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """One large dense homogeneous body with a sharp edge in one zone of a lung."""
    side, centre = _zone(rng)
    body = ellipsoid(centre, (4.3, 4.6, 3.2), rng.uniform(-30, 30))
    return with_inside(chest, side, (Dense(body, 0.04 + 0.13 * severity),))


def pneumonia(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """A cluster of ill-defined confluent patches in one zone of a lung."""
    side, centre = _zone(rng)
    patches = _cluster(rng, centre, spread=1.9, radii=rng.uniform(1.5, 2.5, size=6))
    return with_inside(chest, side, _all(patches, 0.03 + 0.09 * severity))


def infiltration(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Many small spots over most of one lung."""
    side, centre = _zone(rng)
    spots = _cluster(rng, centre, spread=3.2, radii=rng.uniform(0.6, 1.0, size=26))
    return with_inside(chest, side, _all(spots, 0.06 + 0.18 * severity))


def lung_opacity(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """A large haze without an edge in one lung."""
    side, centre = _zone(rng)
    hazes = (ellipsoid(centre, (1.5 + k, 1.5 + k, 1.8 + 1.2 * k)) for k in (1.0, 2.0, 3.0, 4.0))
    return with_inside(chest, side, _all(hazes, 0.008 + 0.024 * severity))


def edema(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """A haze around both hila that fades outwards, with thick vessels and short basal lines."""
    for side in SIDES:
        centre = np.array([side * 4.8, 0.6, -0.6])
        wings = _all((ellipsoid(centre, (k, k + 0.7, 1.5 * k)) for k in (2.0, 3.0, 4.0, 5.0)),
                     0.008 + 0.02 * severity)  # fmt: skip
        lines = tuple(
            Dense(_stroke(rng, side * rng.uniform(9, 11.5), rng.uniform(-7, -2), 1.2, 0.22), 0.2)
            for _ in range(round(8 * severity))
        )
        chest = with_inside(chest, side, wings + lines)
    return chest


def emphysema(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Dark, long and deep lungs over flat low diaphragms, around a narrow heart."""
    heart = chest.organs["heart"].scaled(1 - 0.18 * severity)
    chest = with_organs(chest, heart=heart)
    for side in SIDES:
        lung = chest.lungs[side]
        cavity = lung.cavity.scaled(1 + 0.05 * severity, 1 + 0.10 * severity, 1 + 0.06 * severity)
        chest = with_lung(
            chest,
            side,
            replace(lung, cavity=cavity, density=lung.density * (1 - 0.6 * severity)),
        )
        drop = -(1.0 + 2.4 * severity) + rng.normal(0, 0.3)
        chest = with_dome(
            chest, side, dome(chest, side).scaled(1.15, 1.15, 1 - 0.12 * severity).moved(z=drop)
        )
    return chest


def fibrosis(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """A coarse net of strands in the outer lower parts of both small lungs."""
    for side in SIDES:
        chest = with_dome(chest, side, dome(chest, side).moved(z=0.8 + 1.2 * severity))
        strands = [
            Dense(
                _stroke(rng, side * rng.uniform(5.5, 11.5), rng.uniform(-6.5, 1.0), 1.5, 0.3),
                0.10 + 0.25 * severity,
            )
            for _ in range(22)
        ]
        chest = with_inside(chest, side, tuple(strands))
    return chest


def nodule(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """One to three small dense balls."""
    for _ in range(rng.integers(1, 4)):
        side, centre = _zone(rng)
        ball = ellipsoid(centre, (rng.uniform(0.9, 1.25),) * 3)
        chest = with_inside(chest, side, (Dense(ball, 0.09 + 0.22 * severity),))
    return chest


def mass(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """One large ball of solid tissue with a sharp edge."""
    side, centre = _zone(rng)
    ball = ellipsoid(centre, (2.4 + 1.4 * severity,) * 3)
    return with_inside(chest, side, (Dense(ball, 0.09 + 0.11 * severity),))


def lung_lesion(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """A cavity: a dense ring around air."""
    side, centre = _zone(rng)
    radius, wall = 2.4 + 1.0 * severity, 0.75
    dense = 0.14 + 0.22 * severity
    ring = (
        Dense(ellipsoid(centre, (radius,) * 3), dense),
        Dense(ellipsoid(centre, (radius - wall,) * 3), -dense * 1.1),
    )
    return with_inside(chest, side, ring)


def pleural_effusion(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Fluid around the base of one or both lungs, rising at the wall; deepest at the back."""
    sides = SIDES if rng.random() < BILATERAL else (_side(rng),)
    for side in sides:
        lung = _innermost(chest, side)
        rest = lung.moved(x=-side * 0.35 * severity, y=-0.5, z=1.2 + 6.0 * severity)
        chest = _with_layer(chest, side, rest, SOFT)
    return chest


def pneumothorax(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Air without vessels around the top and side of a shrunken lung, whose edge is a line."""
    side = _side(rng)
    lung = _innermost(chest, side)
    shrink = 1 - 0.10 - 0.22 * severity
    rest = lung.scaled(shrink, 0.92, shrink).moved(x=-side * (0.6 + 1.4 * severity), z=-1.2)
    chest = _with_layer(chest, side, rest, 0.0)
    return _with_layer(chest, side, rest.scaled(0.965), 0.3)


def pleural_thickening(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """A rind of tissue over the top and side of one lung."""
    side = _side(rng)
    lung = _innermost(chest, side)
    rest = lung.scaled(1 - 0.04, 0.98, 1 - 0.03).moved(
        x=-side * (0.7 + 1.1 * severity), z=-(0.9 + 1.5 * severity)
    )
    return _with_layer(chest, side, rest, SOFT)


def pleural_other(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Calcified plaques along the chest wall and on the diaphragm of one or both sides."""
    for side in SIDES if rng.random() < 0.5 else (_side(rng),):  # noqa: PLR2004 - even odds
        cavity = chest.lungs[side].cavity
        plaques = []
        for height in rng.uniform(-0.45, 0.45, size=4):
            out = cavity.axes[0] * np.sqrt(1 - height**2) - 0.5
            spot = cavity.centre + np.array([side * out, rng.uniform(-3, 3), height * 13])
            plaques.append(ellipsoid(spot, (0.4, 1.9, 1.5), -side * height * 40))
        top = dome(chest, side)
        spot = top.centre + np.array([rng.uniform(-2, 2), 0.0, top.axes[2] + 0.1])
        plaques.append(ellipsoid(spot, (2.2, 2.2, 0.35)))
        chest = with_inside(chest, side, _all(plaques, BONE * (0.6 + 2.0 * severity)))
    return chest


def _with_layer(chest: Chest, side: int, body: Ellipsoid, filling: float) -> Chest:
    """Fill what ``body`` leaves free of the layer around it."""
    lung = chest.lungs[side]
    return with_lung(chest, side, replace(lung, layers=(*lung.layers, Dense(body, filling))))


def _innermost(chest: Chest, side: int) -> Ellipsoid:
    lung = chest.lungs[side]
    return lung.layers[-1].body if lung.layers else lung.cavity


def _side(rng: np.random.Generator) -> int:
    return RIGHT if rng.random() < 0.55 else LEFT  # noqa: PLR2004 - the right lung is larger


def _zone(rng: np.random.Generator) -> tuple[int, Vector]:
    """A side, and a place in one of its zones clear of the heart."""
    side = _side(rng)
    height = pick(rng, ZONES) + rng.uniform(-1.2, 1.2)
    return side, np.array([side * rng.uniform(6.0, 9.0), rng.uniform(-3.5, 4.0), height])


def _cluster(
    rng: np.random.Generator, centre: Vector, spread: float, radii: Vector
) -> list[Ellipsoid]:
    return [ellipsoid(centre + rng.normal(0, spread, 3), (r, r, r)) for r in radii]


def _stroke(rng: np.random.Generator, x: float, z: float, half: float, radius: float) -> Ellipsoid:
    """A short strand at (x, any depth, z) in any direction."""
    direction = rng.normal(size=3)
    direction *= half / np.linalg.norm(direction)
    middle = np.array([x, rng.uniform(-4.5, 5.5), z])
    return rod(middle - direction, middle + direction, radius)


def _all(bodies: Iterable[Ellipsoid], attenuation: float) -> tuple[Dense, ...]:
    return tuple(Dense(body, attenuation) for body in bodies)
