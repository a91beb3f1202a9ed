"""X-rays of a chest: line integrals, Beer-Lambert, and what a scanner makes of the signal."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from camchex.synthetic.phantom.anatomy import BONE, SIDES, SOFT, Chest, Lung, Ribs, dome_name
from camchex.synthetic.phantom.geometry import (
    Array,
    Detector,
    Ellipsoid,
    Window,
    both,
    length,
    rotation,
    slab_span,
    span,
    uncovered,
)

View = Literal["PA", "AP", "LATERAL"]
FIELD_CM = 37.0  # height of the detector
VERTEBRA_CM = 2.5  # height of a vertebra with its disc
PHOTONS = 4.0e4  # per pixel through air, at noise 1
SCATTER = 0.002  # share of the photons that arrives everywhere


@dataclass(frozen=True)
class Site:
    """How a hospital's scanners differ from another's."""

    dark: float = 0.03  # attenuation that is shown black, as a quantile of the image
    bright: float = 0.99  # attenuation that is shown white, as a quantile of the image
    gamma: float = 1.0  # exponent of the tone curve
    noise: float = 1.0  # noise of the detector, relative to the demo's
    collimated: float = 0.25  # share of the images whose edges are cut by the collimator
    blur_cm: float = 0.08  # standard deviation of the focal spot's blur


def aim(
    view: View, shape: tuple[int, int], rng: np.random.Generator, unrest: float = 1.0
) -> Detector:
    """Place the patient before a detector, never exactly straight.

    Args:
        view: PA, AP or LATERAL.
        shape: (H, W) pixels; the longer side always shows ``FIELD_CM``.
        rng: The generator that draws the pose.
        unrest: Scale of the misplacement; 0 is straight.
    """
    height, width = shape
    pixel = FIELD_CM / max(shape) * rng.uniform(1 - 0.05 * unrest, 1 + 0.04 * unrest)
    lateral = view == "LATERAL"
    wobble = unrest * (1.6 if view == "AP" else 1.0)  # portable exposures are the least straight
    degrees = rng.normal(0, 2.2, size=2) * wobble
    turn = rotation(degrees[0], 0 if lateral else 1) @ rotation(degrees[1], 2)
    columns = ((np.arange(width) - (width - 1) / 2) * pixel).astype(np.float32)
    rows = (((height - 1) / 2 - np.arange(height)) * pixel).astype(np.float32)
    ray, across = (0, 1) if lateral else (1, 0)
    return Detector(ray, across, columns, rows, turn, rng.normal(0, 0.6, size=3) * wobble)


def attenuation(chest: Chest, detector: Detector) -> Array:
    """Integrate the attenuation through a chest along every ray: (H, W), no unit."""
    total = np.zeros((len(detector.rows), len(detector.columns)), np.float32)
    shoulders = () if detector.ray == 0 else chest.shoulders
    _add_union(total, chest.trunk + shoulders, detector)
    for side in SIDES:
        organs = [body for name, body in chest.organs.items() if name != dome_name(-side)]
        _add_lung(total, chest.lungs[side], organs, detector)
    _add_ribs(total, chest.ribs, detector)
    discs = 0.45 + 0.22 * np.cos(2 * np.pi * detector.rows / VERTEBRA_CM)
    total += BONE * discs[:, None] * length(span(chest.spine, detector, detector.all))
    for dense in chest.added:
        window = detector.window(dense.body)
        total[window] += np.float32(dense.attenuation) * length(span(dense.body, detector, window))
    for side, depth in chest.free_air.items():  # between the diaphragm and what has sunk below it
        roof = chest.dome(side)
        window = detector.window(roof)
        whole = span(roof, detector, window)
        # The lower body is wider, so that the air ends before the edge of the diaphragm.
        sunk = span(roof.scaled(1.08, 1.08, 1.0).moved(z=-depth), detector, window)
        total[window] -= np.float32(SOFT) * (length(whole) - length(both(whole, sunk)))
    return np.maximum(total, 0)


def transmission(integrals: Array, site: Site) -> Array:
    """Compute the share of the photons that reach each pixel, (H, W), with blur and scatter."""
    pixel = FIELD_CM / max(integrals.shape)
    blurred = cv2.GaussianBlur(integrals, (0, 0), max(site.blur_cm / pixel, 0.3))
    return np.asarray(np.exp(-blurred) + np.float32(SCATTER))


def expose(
    integrals: Array, site: Site, noise: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Turn line integrals into a displayed image.

    Photons that arrive follow Beer-Lambert with Poisson noise (as its normal approximation); the
    display shows their logarithm in a window between two quantiles, bone white.

    Returns:
        The image, (H, W), in [0, 1].
    """
    arrived = transmission(integrals, site)
    sigma = np.sqrt(arrived / PHOTONS) * noise * site.noise
    arrived = arrived + sigma * rng.standard_normal(arrived.shape, np.float32)
    shown = -np.log(np.maximum(arrived, 1e-4))
    dark, bright = np.quantile(shown[::2, ::2], [site.dark, site.bright])
    gain, offset = rng.normal(1, 0.06), rng.normal(0, 0.03)
    shown = gain * (shown - dark) / max(bright - dark, 0.5) + offset
    shown = np.clip(shown, 0, 1) ** (site.gamma * rng.uniform(0.85, 1.2))
    if rng.random() < site.collimated:
        height, width = shown.shape
        cut = rng.uniform(0, 0.06, size=4) * [height, height, width, width]
        top, bottom, left, right = cut.astype(int)
        shown[:top] = shown[height - bottom :] = 0
        shown[:, :left] = shown[:, width - right :] = 0
    return np.asarray(shown, np.float32)


def _add_union(total: Array, bodies: Iterable[Ellipsoid], detector: Detector) -> None:
    """Add soft tissue wherever at least one of the bodies is."""
    seen: list[tuple[Window, Ellipsoid]] = []
    for body in bodies:
        window = detector.window(body)
        before = [span(other, detector, window) for _, other in seen]
        total[window] += SOFT * uncovered(span(body, detector, window), before)
        seen.append((window, body))


def _add_lung(total: Array, lung: Lung, organs: Iterable[Ellipsoid], detector: Detector) -> None:
    window = detector.window(lung.cavity)
    covers = [span(body, detector, window) for body in organs]
    within = span(lung.cavity, detector, window)
    free = uncovered(within, covers)
    change = -SOFT * free
    for layer in lung.layers:
        within = both(within, span(layer.body, detector, window))
        rest = uncovered(within, covers)
        change += np.float32(layer.attenuation) * (free - rest)
        free = rest
    change += np.float32(lung.density) * free
    for dense in lung.inside:  # it ends where the lung ends
        shared, part = _overlap(window, detector.window(dense.body))
        held = (within[0][part], within[1][part])
        overlap = both(held, span(dense.body, detector, shared))
        change[part] += np.float32(dense.attenuation) * length(overlap)
    total[window] += change


def _overlap(lung: Window, body: Window) -> tuple[Window, Window]:
    """Return the pixels that two windows share: of the image, and within the first window."""
    first = [max(a.start, b.start) for a, b in zip(lung, body, strict=True)]
    last = [min(a.stop, b.stop) for a, b in zip(lung, body, strict=True)]
    (top, left), (bottom, right) = first, map(max, first, last)
    up, over = lung[0].start, lung[1].start
    part = (slice(top - up, bottom - up), slice(left - over, right - over))
    return (slice(top, bottom), slice(left, right)), part


def _add_ribs(total: Array, ribs: Ribs, detector: Detector) -> None:
    window = detector.window(ribs.outer)
    outer, inner = (span(body, detector, window) for body in (ribs.outer, ribs.inner))
    missing = [span(body, detector, window) for body in ribs.gaps]
    bone = np.zeros_like(outer[0])
    for slab in ribs.slabs:
        crossing = slab_span(slab, detector, window)
        bone += length(both(crossing, outer)) - length(both(crossing, inner))
        for gap in missing:
            bone -= length(both(gap, both(crossing, outer)))
            bone += length(both(gap, both(crossing, inner)))
    total[window] += np.float32(BONE) * np.maximum(bone, 0)
