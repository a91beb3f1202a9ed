"""Line integrals in closed form: where parallel rays enter and leave ellipsoids and slabs.

Patient coordinates in cm: x to the patient's left (the right of a frontal image), y to the back,
z up. A ray meets an ellipsoid, or a slab between two planes, in one interval, so every overlap of
such bodies is an overlap of intervals and no volume is ever sampled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Vector = NDArray[np.float64]
Numbers = Sequence[float] | Vector
Window = tuple[slice, slice]
Span = tuple[Array, Array]
"""Where rays enter and leave, cm along the ray; no overlap where the first is not the smaller."""
STEEPEST = 1e-6  # a plane nearly parallel to the rays still has a finite crossing


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """A solid ellipsoid."""

    centre: Vector  # (3,) cm
    axes: Vector  # (3,) half-axes, cm
    turn: Vector  # (3, 3) orthogonal; its columns are the directions of the axes

    @cached_property
    def shape(self) -> Vector:
        """Matrix A of the surface (p - centre)' A (p - centre) = 1, (3, 3)."""
        return (self.turn / self.axes**2) @ self.turn.T

    @cached_property
    def spread(self) -> Vector:
        """Inverse of ``shape``, (3, 3); the root of its diagonal is the half-extent in x, y, z."""
        return (self.turn * self.axes**2) @ self.turn.T

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> "Ellipsoid":
        """Move the body by x, y, z, in cm."""
        return Ellipsoid(self.centre + np.array([x, y, z]), self.axes, self.turn)

    def scaled(self, x: float, y: float | None = None, z: float | None = None) -> "Ellipsoid":
        """Scale the half-axes; one factor alone scales all three."""
        factors = np.array([x, x if y is None else y, x if z is None else z])
        return Ellipsoid(self.centre, self.axes * factors, self.turn)


def ellipsoid(centre: Numbers, axes: Numbers, degrees: float = 0.0, about: int = 1) -> Ellipsoid:
    """Make an ellipsoid turned by ``degrees`` about a coordinate axis (0 x, 1 y, 2 z); cm."""
    return Ellipsoid(np.array(centre, float), np.array(axes, float), rotation(degrees, about))


def rod(start: Vector, end: Vector, radius: float) -> Ellipsoid:
    """Make a long thin ellipsoid between two points: a piece of vessel, tube or wire."""
    reach = float(np.linalg.norm(end - start))
    along = (end - start) / reach
    # A reflection takes the first axis to `along`; a mirrored rod looks the same.
    normal = along - np.array([np.copysign(1.0, -along[0]), 0, 0])
    turn = np.eye(3) - np.outer(normal, normal) * (2 / (normal @ normal))
    return Ellipsoid((start + end) / 2, np.array([reach / 2, radius, radius]), turn)


def rotation(degrees: float, about: int) -> Vector:
    """Rotate about one coordinate axis, (3, 3)."""
    turn = np.eye(3)
    i, j = (k for k in range(3) if k != about)
    turn[i, i] = turn[j, j] = np.cos(np.radians(degrees))
    turn[i, j] = -np.sin(np.radians(degrees))
    turn[j, i] = np.sin(np.radians(degrees))
    return turn


@dataclass(frozen=True, eq=False)
class Slab:
    """The space between two parallel planes: ``|normal . p - offset| <= half``, in cm."""

    normal: Vector
    offset: float
    half: float


@dataclass(frozen=True, eq=False)
class Detector:
    """Parallel rays through a patient onto a grid of pixels."""

    ray: int  # axis along which the rays run: 1 for a frontal, 0 for a lateral image
    across: int  # the axis that is horizontal in the image
    columns: Array  # (W,) cm, of the pixel centres along ``across``
    rows: Array  # (H,) cm, of the pixel centres along z, falling
    turn: Vector  # (3, 3) rotation of the patient before the exposure
    shift: Vector  # (3,) cm, the patient's displacement

    @property
    def all(self) -> Window:
        """Every pixel."""
        return slice(0, len(self.rows)), slice(0, len(self.columns))

    def window(self, body: Ellipsoid) -> Window:
        """Return the smallest window of pixels that holds the body's shadow."""
        centre = self.turn @ body.centre + self.shift
        extent = np.sqrt(np.diag(self.turn @ body.spread @ self.turn.T))
        u, half_u = centre[self.across], extent[self.across]
        top, bottom = centre[2] + extent[2], centre[2] - extent[2]
        left, right = np.searchsorted(self.columns, [u - half_u, u + half_u])
        first, last = np.searchsorted(-self.rows, [-top, -bottom])
        return slice(int(first), int(last)), slice(int(left), int(right))


def span(body: Ellipsoid, detector: Detector, window: Window) -> Span:
    """Find where the rays of a window of pixels enter and leave an ellipsoid.

    Returns:
        Two (h, w) arrays of positions along the ray, cm; equal where a ray misses.
    """
    k, i, j = detector.ray, detector.across, 2
    shape = detector.turn @ body.shape @ detector.turn.T
    centre = detector.turn @ body.centre + detector.shift
    u = (detector.columns[window[1]] - np.float32(centre[i]))[None, :]
    v = (detector.rows[window[0]] - np.float32(centre[j]))[:, None]
    a = np.float32(shape[k, k])
    b = np.float32(shape[k, i]) * u + np.float32(shape[k, j]) * v
    c = np.float32(shape[i, i]) * u * u + np.float32(shape[j, j]) * v * v - np.float32(1)
    c = c + np.float32(2 * shape[i, j]) * u * v
    half = np.sqrt(np.maximum(b * b - a * c, 0)) / a
    middle = np.float32(centre[k]) - b / a
    return np.asarray(middle - half, np.float32), np.asarray(middle + half, np.float32)


def slab_span(slab: Slab, detector: Detector, window: Window) -> Span:
    """Find where the rays of a window of pixels enter and leave a slab: two (h, w) arrays, cm."""
    normal = detector.turn @ slab.normal
    offset = slab.offset + float(normal @ detector.shift)
    along = normal[detector.ray]
    along = np.float32(np.copysign(max(abs(along), STEEPEST), along))
    u = detector.columns[window[1]][None, :] * np.float32(normal[detector.across])
    v = detector.rows[window[0]][:, None] * np.float32(normal[2])
    middle = (np.float32(offset) - u - v) / along
    half = np.float32(slab.half) / abs(along)
    return np.asarray(middle - half, np.float32), np.asarray(middle + half, np.float32)


def both(first: Span, second: Span) -> Span:
    """Intersect two intervals."""
    return np.maximum(first[0], second[0]), np.minimum(first[1], second[1])


def length(interval: Span) -> Array:
    """Measure an interval, cm; 0 where it is empty."""
    return np.asarray(np.maximum(interval[1] - interval[0], 0), np.float32)


def uncovered(interval: Span, covers: Sequence[Span]) -> Array:
    """Measure the part of an interval that none of ``covers`` overlaps, cm.

    The covers may overlap each other: they are walked through in the order of their starts.
    """
    if not covers:
        return length(interval)
    near, far = interval[0], np.maximum(*interval)
    starts = np.stack([np.clip(start, near, far) for start, _ in covers])
    ends = np.maximum(np.stack([np.clip(end, near, far) for _, end in covers]), starts)
    order = np.argsort(starts, axis=0)
    starts = np.take_along_axis(starts, order, axis=0)
    reach = np.maximum.accumulate(np.take_along_axis(ends, order, axis=0), axis=0)
    before = np.concatenate([near[None], reach[:-1]])
    free = np.maximum(starts - before, 0).sum(axis=0) + (far - np.maximum(reach[-1], near))
    return np.asarray(free, np.float32)
