"""A chest without findings: analytic bodies whose size and place differ from patient to patient.

Lungs are cavities in a solid trunk. What reaches into them (heart, mediastinum, aorta, diaphragm)
takes their air away; bones and whatever lies on the body add to it. Sizes, in cm, are an adult's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from camchex.synthetic.phantom.geometry import Ellipsoid, Slab, Vector, ellipsoid, rod

SOFT = 0.20  # attenuation of soft tissue, 1/cm, of a chest X-ray's beam (about 60 keV)
LUNG = 0.05  # of aerated lung: about a quarter of the tissue's density
BONE = 0.20  # above soft tissue
METAL = 2.0  # above soft tissue; devices are thin

Sided = Mapping[int, Ellipsoid]
RIGHT, LEFT = -1, 1
SIDES = (RIGHT, LEFT)


@dataclass(frozen=True, eq=False)
class Dense:
    """A body that adds ``attenuation`` (1/cm, negative for air in tissue) wherever it is."""

    body: Ellipsoid
    attenuation: float


@dataclass(frozen=True, eq=False)
class Lung:
    """One lung in its cavity.

    Attributes:
        cavity: What the pleura lines.
        layers: Nested from the cavity inwards: each body holds all that follows, and what it
            leaves free of the one before is filled with the attenuation beside it, 1/cm.
        density: Attenuation of the lung itself, 1/cm.
        inside: Vessels and opacities; they end where the lung ends.
    """

    cavity: Ellipsoid
    layers: tuple[Dense, ...]
    density: float
    inside: tuple[Dense, ...]


@dataclass(frozen=True, eq=False)
class Ribs:
    """Tilted slabs of a shell: each is one pair of ribs.

    Attributes:
        outer: Outside of the rib cage.
        inner: Inside of it.
        slabs: One per pair.
        gaps: Where bone is missing.
    """

    outer: Ellipsoid
    inner: Ellipsoid
    slabs: tuple[Slab, ...]
    gaps: tuple[Ellipsoid, ...] = ()


@dataclass(frozen=True, eq=False)
class Chest:
    """Everything that an X-ray passes.

    Attributes:
        trunk: The body's outline; soft tissue.
        shoulders: Soft tissue too; out of the way, with raised arms, in a lateral image.
        lungs: By side.
        organs: Solid bodies by name that take air from the lungs.
        ribs: The rib cage.
        spine: The vertebral column.
        added: Bones, devices, pockets of air.
        free_air: Depth of a crescent of air under the diaphragm, by side; cm.
    """

    trunk: tuple[Ellipsoid, ...]
    shoulders: tuple[Ellipsoid, ...]
    lungs: Mapping[int, Lung]
    organs: Mapping[str, Ellipsoid]
    ribs: Ribs
    spine: Ellipsoid
    added: tuple[Dense, ...]
    free_air: Mapping[int, float]


def grow_chest(rng: np.random.Generator, gender: str) -> Chest:
    """Draw a patient's anatomy: the same generator state gives the same body.

    Args:
        rng: The patient's own generator.
        gender: ``F`` or ``M``.
    """
    size = rng.normal(1.0 if gender == "M" else 0.94, 0.035)
    girth = float(np.clip(rng.normal(1.0, 0.09), 0.85, 1.25))
    tall = rng.normal(1.0, 0.04)
    heart = rng.normal(0.95, 0.05)
    wide, deep, high = 12.4 * size, 9.2 * size, 14.0 * size * tall
    lungs = {
        side: _lung(rng, ellipsoid((side * 6.6 * size, 0.3, 0), (5.7 * size, deep - 0.9, high),
                                   side * 3.0), side)
        for side in SIDES
    }  # fmt: skip
    organs = {
        "heart": ellipsoid(
            (2.0 * size, -2.2, -4.6), (6.2 * heart, 4.6 * heart, 4.7 * heart), 28 + rng.normal(0, 5)
        ),
        "atrium": ellipsoid((-1.9 * size, -1.5, -4.2), (2.6 * heart, 3.6, 4.4)),
        "mediastinum": ellipsoid((0, 0.5, 3), (2.7 * size, 6.0, 13)),
        "arch": ellipsoid((2.3 * size, 1.0, 6.3), (1.5, 3.4, 1.6)),
        "aorta": ellipsoid((1.5 * size, 4.6, -2), (1.25, 1.25, 12)),
        "spine": ellipsoid((0, 7.6, 0), (2.1, 2.4, 50)),
        **{_dome(side): _diaphragm(rng, size, side) for side in SIDES},
    }
    return Chest(
        trunk=_trunk(rng, size, girth, gender),
        shoulders=tuple(ellipsoid((s * 13.5 * size, 2, 14), (7, 4.5, 5), s * 28) for s in SIDES),
        lungs=lungs,
        organs=organs,
        ribs=_ribs(rng, wide + 0.8, deep, high + 2.0),
        spine=ellipsoid((0, 7.4 * size, 0), (1.6, 1.6, 60)),
        added=_bones(size) + _airways(),
        free_air={},
    )


def dome(chest: Chest, side: int) -> Ellipsoid:
    """The diaphragm of one side, with what lies under it."""
    return chest.organs[_dome(side)]


def with_organs(chest: Chest, **organs: Ellipsoid) -> Chest:
    """The chest with other organs in the place of those named."""
    return replace(chest, organs={**chest.organs, **organs})


def with_dome(chest: Chest, side: int, body: Ellipsoid) -> Chest:
    """The chest with another diaphragm on one side."""
    return replace(chest, organs={**chest.organs, _dome(side): body})


def with_lung(chest: Chest, side: int, lung: Lung) -> Chest:
    """The chest with another lung on one side."""
    return replace(chest, lungs={**chest.lungs, side: lung})


def with_inside(chest: Chest, side: int, bodies: tuple[Dense, ...]) -> Chest:
    """The chest with more in one of its lungs."""
    lung = chest.lungs[side]
    return with_lung(chest, side, replace(lung, inside=lung.inside + bodies))


def with_added(chest: Chest, bodies: tuple[Dense, ...]) -> Chest:
    """The chest with more bones, devices or air outside the lungs."""
    return replace(chest, added=chest.added + bodies)


def _dome(side: int) -> str:
    return f"dome{side:+d}"


def _diaphragm(rng: np.random.Generator, size: float, side: int) -> Ellipsoid:
    top = -7.4 - (0.9 if side == LEFT else 0.0) + rng.normal(0, 0.6)
    return ellipsoid((side * 6.2 * size, -0.6, top - 9), (7.9 * size, 10.0 * size, 9))


def _lung(rng: np.random.Generator, cavity: Ellipsoid, side: int) -> Lung:
    hilum = np.array([side * 3.2, 0.8, 0.6])
    vessels = [
        Dense(rod(hilum, hilum + reach * _branch(rng, side), rng.uniform(0.28, 0.5)), 0.11)
        for reach in rng.uniform(4, 8.5, size=14)
    ]
    root = Dense(ellipsoid(hilum + np.array([0, 0, -0.3]), (1.5, 1.6, 2.4), side * 20), 0.07)
    return Lung(cavity, (), LUNG * rng.uniform(0.9, 1.15), (root, *vessels))


def _branch(rng: np.random.Generator, side: int) -> Vector:
    """A direction from the hilum outwards."""
    angle, depth = rng.uniform(-1.3, 1.3), rng.uniform(-0.8, 0.8)
    outwards = np.array([side * np.cos(angle), depth, np.sin(angle)])
    return np.asarray(outwards / np.linalg.norm(outwards))


def _trunk(
    rng: np.random.Generator, size: float, girth: float, gender: str
) -> tuple[Ellipsoid, ...]:
    bodies = [
        ellipsoid((0, 0.8, -6), (15.6 * size * girth, 11.0 * size * girth, 30)),
        ellipsoid((0, 2, 20), (5.2, 5.0, 8)),
    ]
    if gender == "F":
        depth = rng.uniform(1.8, 3.0)
        front = -9.2 * size * girth
        bodies += [ellipsoid((s * 6.8, front, -5.0), (5.4, depth, 5.0)) for s in SIDES]
    return tuple(bodies)


def _ribs(rng: np.random.Generator, wide: float, deep: float, high: float) -> Ribs:
    tilt, space = rng.uniform(0.40, 0.52), rng.uniform(2.5, 2.9)
    normal = np.array([0, -tilt, 1.0]) / np.hypot(tilt, 1.0)
    slabs = tuple(Slab(normal, 9.0 - space * i, 0.48) for i in range(8))
    outer = ellipsoid((0, 0.3, -1.0), (wide, deep, high))
    inner = ellipsoid((0, 0.3, -1.0), (wide - 0.55, deep - 0.55, high - 0.55))
    return Ribs(outer, inner, slabs)


def _bones(size: float) -> tuple[Dense, ...]:
    clavicles = (
        rod(np.array([s * 1.5, -5.5, 9.6]), np.array([s * 14 * size, -2.0, 13.4]), 0.75)
        for s in SIDES
    )
    blades = (ellipsoid((s * 12.6 * size, 8.8, 6), (2.4, 0.45, 6.5), s * 18) for s in SIDES)
    sternum = ellipsoid((0, -8.6 * size, -1), (1.7, 0.6, 8.5), -6, 0)
    return (
        *(Dense(body, BONE) for body in clavicles),
        *(Dense(body, BONE * 0.55) for body in blades),
        Dense(sternum, BONE * 0.8),
    )


def _airways() -> tuple[Dense, ...]:
    """Trachea, main bronchi, and the bubble of the stomach under the left diaphragm."""
    trachea = rod(np.array([0.2, 0.8, 16.0]), np.array([0, 1.2, 2.0]), 0.95)
    bronchi = (rod(np.array([0, 1.2, 3.2]), np.array([s * 3.2, 1.2, 0.9]), 0.6) for s in SIDES)
    stomach = ellipsoid((5.4, -1.5, -11.6), (2.4, 2.6, 1.3))
    return tuple(Dense(body, -SOFT * 0.85) for body in (trachea, *bronchi, stomach))
