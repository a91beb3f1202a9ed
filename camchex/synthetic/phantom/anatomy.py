"""A chest without findings: analytic bodies whose size and place differ from patient to patient.

Lungs are cavities in a solid trunk. Organs that reach into a lung (heart, mediastinum, aorta,
diaphragm) take its air away; bones and devices add to the attenuation. Sizes are an adult's, in cm.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from camchex.synthetic.phantom.geometry import Ellipsoid, Slab, Vector, ellipsoid, rod

SOFT = 0.20  # attenuation of soft tissue, 1/cm, of a chest X-ray's beam (about 60 keV)
LUNG = 0.05  # aerated lung, 1/cm: about a quarter of the tissue's density
BONE = 0.20  # above soft tissue, 1/cm
METAL = 2.0  # above soft tissue, 1/cm; devices are thin

RIGHT, LEFT = -1, 1
SIDES = (RIGHT, LEFT)


@dataclass(frozen=True, eq=False)
class Dense:
    """A body that adds ``attenuation`` (1/cm, negative for air in tissue) wherever it is."""

    body: Ellipsoid
    attenuation: float


def dense(bodies: Iterable[Ellipsoid], attenuation: float) -> tuple[Dense, ...]:
    """Give every body the same attenuation, 1/cm."""
    return tuple(Dense(body, attenuation) for body in bodies)


@dataclass(frozen=True, eq=False)
class Lung:
    """One lung in its cavity.

    Layers are nested, from the cavity inwards: the space between a layer's body and the body before
    is filled with the layer's attenuation.
    """

    cavity: Ellipsoid  # the space that the pleura lines
    layers: tuple[Dense, ...]
    density: float  # attenuation of the lung itself, 1/cm
    inside: tuple[Dense, ...]  # vessels and opacities; they end where the lung ends

    @property
    def innermost(self) -> Ellipsoid:
        """The last layer, or the cavity where there is none."""
        return self.layers[-1].body if self.layers else self.cavity


@dataclass(frozen=True, eq=False)
class Ribs:
    """Pairs of ribs: tilted slabs of a shell."""

    outer: Ellipsoid  # outside of the rib cage
    inner: Ellipsoid  # inside of the rib cage
    slabs: tuple[Slab, ...]  # one per pair of ribs
    gaps: tuple[Ellipsoid, ...] = ()  # where bone is missing


@dataclass(frozen=True, eq=False)
class Chest:
    """Everything that an X-ray passes."""

    trunk: tuple[Ellipsoid, ...]  # soft tissue within the body's outline
    shoulders: tuple[Ellipsoid, ...]  # soft tissue; out of the beam of a lateral image
    lungs: Mapping[int, Lung]  # one per side
    organs: Mapping[str, Ellipsoid]  # solid bodies by name that take air from the lungs
    ribs: Ribs  # the rib cage
    spine: Ellipsoid  # the vertebral column
    added: tuple[Dense, ...]  # bones, devices, pockets of air
    free_air: Mapping[int, float]  # depth of a crescent of air under the diaphragm, by side, cm

    def dome(self, side: int) -> Ellipsoid:
        """Return one side of the diaphragm, with what lies under it."""
        return self.organs[dome_name(side)]

    def with_organs(self, organs: Mapping[str, Ellipsoid]) -> "Chest":
        """Replace or add organs."""
        return replace(self, organs={**self.organs, **organs})

    def with_dome(self, side: int, body: Ellipsoid) -> "Chest":
        """Replace one side of the diaphragm."""
        return self.with_organs({dome_name(side): body})

    def with_lung(self, side: int, lung: Lung) -> "Chest":
        """Replace one lung."""
        return replace(self, lungs={**self.lungs, side: lung})

    def with_layer(self, side: int, body: Ellipsoid, filling: float) -> "Chest":
        """Add an innermost layer to a lung; the space around it is filled (attenuation, 1/cm)."""
        lung = self.lungs[side]
        return self.with_lung(side, replace(lung, layers=(*lung.layers, Dense(body, filling))))

    def with_inside(self, side: int, bodies: tuple[Dense, ...]) -> "Chest":
        """Add vessels or opacities to one lung."""
        lung = self.lungs[side]
        return self.with_lung(side, replace(lung, inside=lung.inside + bodies))

    def with_added(self, bodies: tuple[Dense, ...]) -> "Chest":
        """Add bones, devices or air outside the lungs."""
        return replace(self, added=self.added + bodies)


def dome_name(side: int) -> str:
    """Key of one side of the diaphragm in :attr:`Chest.organs`."""
    return f"dome{side:+d}"


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
    }
    for side in SIDES:
        top = -7.4 - (0.9 if side == LEFT else 0.0) + rng.normal(0, 0.6)
        organs[dome_name(side)] = ellipsoid(
            (side * 6.2 * size, -0.6, top - 9), (7.9 * size, 10.0 * size, 9)
        )
    trunk = [
        ellipsoid((0, 0.8, -6), (15.6 * size * girth, 11.0 * size * girth, 30)),
        ellipsoid((0, 2, 20), (5.2, 5.0, 8)),
    ]
    if gender == "F":
        depth, front = rng.uniform(1.8, 3.0), -9.2 * size * girth
        trunk += [ellipsoid((s * 6.8, front, -5.0), (5.4, depth, 5.0)) for s in SIDES]
    return Chest(
        trunk=tuple(trunk),
        shoulders=tuple(ellipsoid((s * 13.5 * size, 2, 14), (7, 4.5, 5), s * 28) for s in SIDES),
        lungs=lungs,
        organs=organs,
        ribs=_ribs(rng, wide + 0.8, deep, high + 2.0),
        spine=ellipsoid((0, 7.4 * size, 0), (1.6, 1.6, 60)),
        added=_bones(size) + _airways(),
        free_air={},
    )


def _lung(rng: np.random.Generator, cavity: Ellipsoid, side: int) -> Lung:
    hilum = np.array([side * 3.2, 0.8, 0.6])
    vessels = [
        Dense(rod(hilum, hilum + reach * _branch(rng, side), rng.uniform(0.28, 0.5)), 0.11)
        for reach in rng.uniform(4, 8.5, size=14)
    ]
    root = Dense(ellipsoid(hilum + np.array([0, 0, -0.3]), (1.5, 1.6, 2.4), side * 20), 0.07)
    return Lung(cavity, (), LUNG * rng.uniform(0.9, 1.15), (root, *vessels))


def _branch(rng: np.random.Generator, side: int) -> Vector:
    """Draw a direction from the hilum outwards."""
    angle, depth = rng.uniform(-1.3, 1.3), rng.uniform(-0.8, 0.8)
    outwards = np.array([side * np.cos(angle), depth, np.sin(angle)])
    return np.asarray(outwards / np.linalg.norm(outwards))


def _ribs(rng: np.random.Generator, wide: float, deep: float, high: float) -> Ribs:
    tilt, space = rng.uniform(0.40, 0.52), rng.uniform(2.5, 2.9)
    normal = np.array([0, -tilt, 1.0]) / np.hypot(tilt, 1.0)
    slabs = tuple(Slab(normal, 9.0 - space * i, 0.48) for i in range(8))
    outer = ellipsoid((0, 0.3, -1.0), (wide, deep, high))
    return Ribs(outer, ellipsoid(outer.centre, outer.axes - 0.55), slabs)


def _bones(size: float) -> tuple[Dense, ...]:
    clavicles = (
        rod(np.array([s * 1.5, -5.5, 9.6]), np.array([s * 14 * size, -2.0, 13.4]), 0.75)
        for s in SIDES
    )
    blades = (ellipsoid((s * 12.6 * size, 8.8, 6), (2.4, 0.45, 6.5), s * 18) for s in SIDES)
    sternum = ellipsoid((0, -8.6 * size, -1), (1.7, 0.6, 8.5), -6, 0)
    return dense(clavicles, BONE) + dense(blades, BONE * 0.55) + dense([sternum], BONE * 0.8)


def _airways() -> tuple[Dense, ...]:
    """Trachea, main bronchi, and the bubble of the stomach under the left diaphragm."""
    trachea = rod(np.array([0.2, 0.8, 16.0]), np.array([0, 1.2, 2.0]), 0.95)
    bronchi = (rod(np.array([0, 1.2, 3.2]), np.array([s * 3.2, 1.2, 0.9]), 0.6) for s in SIDES)
    stomach = ellipsoid((5.4, -1.5, -11.6), (2.4, 2.6, 1.3))
    return dense((trachea, *bronchi, stomach), -SOFT * 0.85)
