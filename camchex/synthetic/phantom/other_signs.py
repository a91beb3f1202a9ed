"""Radiological signs of heart, vessels, chest wall and abdomen, and medical devices.

A radiological sign takes the chest, a severity in (0, 1] and the study's generator, and returns
the chest with the finding.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from camchex.synthetic.phantom.anatomy import (
    BONE,
    LEFT,
    METAL,
    RIGHT,
    SIDES,
    SOFT,
    Chest,
    Dense,
    Ribs,
    dense,
)
from camchex.synthetic.phantom.geometry import Vector, ellipsoid, rod

BOTH_CRESCENTS = 0.6  # share of the pneumoperitonea with air under both sides of the diaphragm


def cardiomegaly(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Widen and deepen the heart, more to the left than to the right."""
    growth = 1.10 + 0.38 * severity + rng.normal(0, 0.02)
    heart = chest.organs["heart"].scaled(growth, 1 + 0.25 * severity, growth)
    return chest.with_organs({
        "heart": heart.moved(x=0.7 * severity, z=0.9 * severity),
        "atrium": chest.organs["atrium"].scaled(1 + 0.35 * severity, 1, 1 + 0.15 * severity),
    })  # fmt: skip


def enlarged_cardiomediastinum(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Widen the upper mediastinum to both sides."""
    growth = 1.25 + 0.75 * severity + rng.normal(0, 0.03)
    wide = chest.organs["mediastinum"].scaled(growth, 1.05, 0.85)
    return chest.with_organs({"mediastinum": wide.moved(z=1.5)})


def tortuous_aorta(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Enlarge the arch, and bend the aorta below it far to the left and to the back."""
    arch = chest.organs["arch"].scaled(1.15 + 0.35 * severity)
    out = 2.8 + 3.0 * severity + rng.normal(0, 0.2)
    return chest.with_organs({
        "arch": arch.moved(x=0.7 + 0.8 * severity, z=0.5 * severity),
        "aorta_upper": rod(np.array([2.6, 3.0, 7.5]), np.array([out, 5.5, -2.5]), 2.1),
        "aorta_lower": rod(np.array([out, 5.5, 3.0]), np.array([1.6, 5.0, -10]), 2.1),
    })  # fmt: skip


def calcification_of_the_aorta(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Draw a bright shell of calcium around the arch, and flecks down the aorta."""
    arch = chest.organs["arch"]
    calcium = 0.18 + 0.35 * severity
    shell = (Dense(arch.scaled(1.04), calcium), Dense(arch.scaled(0.72), -calcium))
    flecks = (
        ellipsoid((1.5 + rng.choice([-1.1, 1.1]), 4.6, height), (0.28, 0.8, 1.0))
        for height in rng.uniform(-6, 4, size=4)
    )
    return chest.with_added(shell + dense(flecks, 2.2 * calcium))


def hernia(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Draw a part of the stomach behind the heart, its gas over its fluid."""
    radius = 2.6 + 1.4 * severity
    centre = (1.2 + rng.normal(0, 0.5), 3.6, -6.6 + 0.3 * radius)
    sac = ellipsoid(centre, (radius * 1.15, radius * 0.95, radius))
    gas = sac.scaled(0.9, 0.9, 0.55).moved(z=0.36 * radius)
    return chest.with_organs({"sac": sac}).with_added((Dense(gas, -SOFT * 0.95),))


def pneumomediastinum(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Draw dark upright streaks of air in mediastinum and neck, beside a thin bright line."""
    bodies = []
    edge = float(chest.organs["mediastinum"].axes[0])
    for side in SIDES:
        x = side * (edge - 0.35 + rng.normal(0, 0.1))
        line = ellipsoid((side * (edge + 0.35), -0.5, 3.5), (0.3, 2.5, 5.5), side * 4)
        chest = chest.with_inside(side, (Dense(line, 0.13 * severity),))
        bodies += [
            ellipsoid((x, -0.5, 4.5), (0.75, 4.2, 6.5), side * 4),
            ellipsoid((x * 0.75, -1.0, 12.5), (0.75, 2.8, 4.2), side * 8),
        ]
    front = ellipsoid((0.5, -5.0, 1.5), (2.6, 0.9, 6.5), 14, 0)
    return chest.with_added(dense([*bodies, front], _air(severity)))


def pneumoperitoneum(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Draw a crescent of air between the diaphragm and the liver, on one side or on both."""
    depth = 0.9 + 1.7 * severity
    left = {LEFT: depth * 0.8} if rng.random() < BOTH_CRESCENTS else {}
    return replace(chest, free_air={RIGHT: depth, **left})


def subcutaneous_emphysema(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Draw dark streaks of air within the soft tissue of one flank, shoulder and neck."""
    side = int(rng.choice(SIDES))
    reach = float(chest.ribs.outer.axes[0])
    streaks = []
    for height in np.linspace(-9, 10, 11):
        bulge = reach * np.sqrt(max(1 - (height / 19) ** 2, 0.1))
        middle = np.array([side * (bulge + rng.uniform(0.3, 1.6)), rng.uniform(-1, 3), height])
        streaks.append(ellipsoid(middle, (0.7, 5.0, rng.uniform(1.3, 2.3)), side * 22))
    neck = [
        ellipsoid((side * (x + 0.7), 0.5, 14.2), (0.75, 3.2, 3.2), side * 15) for x in (3.0, 4.6)
    ]
    front = ellipsoid((side * 6, -9.4, 2), (6, 0.9, 8))
    return chest.with_added(dense((*streaks, *neck, front), _air(severity)))


def fracture(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Break two to four neighbouring ribs at the side: gap, displaced ends, and a haematoma."""
    side = int(rng.choice(SIDES))
    first = int(rng.integers(1, 4))
    gaps, ends = [], []
    for rib in range(first, min(first + 2 + round(2.4 * severity), len(chest.ribs.slabs))):
        site = _on_rib(chest.ribs, rib, side, float(rng.uniform(0.35, 0.75)))
        gaps.append(ellipsoid(site, (1.9, 2.4, 1.7)))
        for end in (-1, 1):
            away = np.array([-side * 0.7, end * 1.2, end * (0.8 + 0.9 * severity)])
            tip = site + np.array([-side * 0.3, 0, end * 0.4])
            ends.append(rod(tip, tip + away, 0.75))
    middle = np.mean([body.centre for body in gaps], axis=0) + np.array([-side * 0.9, 0, 0])
    blood = ellipsoid(middle, (1.3 + 0.8 * severity, 3.0, 1.9 * len(gaps)))
    chest = replace(chest, ribs=replace(chest.ribs, gaps=chest.ribs.gaps + tuple(gaps)))
    chest = chest.with_inside(side, (Dense(blood, 0.07 + 0.13 * severity),))
    return chest.with_added(dense(ends, BONE * (1.2 + 2.8 * severity)))


def support_devices(chest: Chest, severity: float, rng: np.random.Generator) -> Chest:
    """Draw one to three of: tracheal and feeding tube, central line, pacemaker, wires, chest tube.

    A severe one has more metal, so that it is easier to see.
    """
    count = min(1 + round(2 * severity * rng.random()), len(DEVICES))
    names = rng.choice(len(DEVICES), size=count, replace=False)
    bodies = [one for name in sorted(names) for one in DEVICES[name](rng)]
    contrast = 0.35 + 0.65 * severity
    return chest.with_added(tuple(Dense(one.body, one.attenuation * contrast) for one in bodies))


def _air(severity: float) -> float:
    """Attenuation of air in soft tissue, 1/cm, relative to that of the tissue."""
    return -SOFT * (0.5 + 0.5 * severity)


def _on_rib(ribs: Ribs, rib: int, side: int, angle: float) -> Vector:
    """Find a point of a rib, ``angle`` (radians) behind the outermost point of its side."""
    middle = (ribs.outer.axes + ribs.inner.axes) / 2
    slab = ribs.slabs[rib]
    y = float(ribs.outer.centre[1] + middle[1] * np.sin(angle))
    z = float((slab.offset - slab.normal[1] * y) / slab.normal[2])
    rest = 1 - np.sin(angle) ** 2 - ((z - ribs.outer.centre[2]) / middle[2]) ** 2
    return np.array([side * middle[0] * np.sqrt(max(rest, 0.0)), y, z])


def _tube(points: Sequence[Sequence[float]], radius: float, attenuation: float) -> list[Dense]:
    """Chain rods along points, each longer than its way, so that the chain has no waists."""
    ways = pairwise(np.array(point, float) for point in points)
    return [
        Dense(rod(start - more, end + more, radius), attenuation)
        for start, end in ways
        for more in [(end - start) * 0.18]
    ]


def _airway_and_feeding_tube(rng: np.random.Generator) -> list[Dense]:
    tip = rng.uniform(3.5, 6)
    feeding = [(0.6, 1.8, 18), (0.6, 2.6, 6), (0.9, 3.2, -6), (3.2, 0.5, -10.5), (6, -1, -12)]
    return [
        *_tube([(0.2, 0.5, 18), (0.1, 0.8, 11), (0, 1.0, tip)], 0.34, METAL * 0.45),
        *_tube(feeding, 0.22, METAL * 0.8),
    ]


def _central_line(rng: np.random.Generator) -> list[Dense]:
    end = rng.uniform(-1.5, 2.0)
    way = [(-9.5, -3, 11.5), (-5.0, -2.5, 10.2), (-2.4, -1, 8.0), (-1.9, -0.5, end)]
    return _tube(way, 0.24, METAL)


def _pacemaker(rng: np.random.Generator) -> list[Dense]:
    x, z = 9.0 + rng.normal(0, 0.6), 8.0 + rng.normal(0, 0.6)
    return [
        Dense(ellipsoid((x, -8.5, z), (2.1, 0.5, 1.8)), METAL),
        *_tube([(x, -7, z), (3, -3, 8.5), (-1.9, -1, 5), (-1.6, -1.5, -3.5)], 0.22, METAL),
        *_tube([(-1.6, -1, 2), (-0.8, -2, -5.5), (4.2, -4, -7.0)], 0.22, METAL),
    ]


def _sternal_wires(rng: np.random.Generator) -> list[Dense]:
    x = rng.normal(0, 0.2)
    wires = []
    for z in np.linspace(5.5, -6.5, 6):
        wires += _tube([(x - 0.9, -8.3, z), (x + 0.9, -8.3, z + 0.3)], 0.3, METAL * 1.4)
        wires += _tube([(x, -8.6, z - 0.5), (x, -8.6, z + 0.5)], 0.25, METAL * 1.4)
    return wires


def _chest_tube(rng: np.random.Generator) -> list[Dense]:
    side = int(rng.choice(SIDES))
    top = rng.uniform(4, 8)
    way = [(15.5, 1, -4.5), (10.5, 2, -1.5), (9.0, 3, 2), (6.5, 3, top)]
    return _tube([(side * x, y, z) for x, y, z in way], 0.36, METAL * 0.5)


DEVICES: tuple[Callable[[np.random.Generator], list[Dense]], ...] = (
    _airway_and_feeding_tube,
    _central_line,
    _pacemaker,
    _sternal_wires,
    _chest_tube,
)
