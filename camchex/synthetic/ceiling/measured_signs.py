"""How far radiological signs are above noise, and what of them is left for a model.

The detector's noise hides no radiological sign. A sign is hidden where bodies differ as much as
it changes them, where its lines are finer than a pixel of the model, and where the study lacks the
view that shows it. These measurements say why a score is below its ceiling.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from camchex.synthetic.params import SyntheticParams
from camchex.synthetic.people.patients import Study
from camchex.synthetic.phantom.geometry import Array
from camchex.synthetic.phantom.rendering import pass_rays
from camchex.synthetic.phantom.xray import PHOTONS, transmission
from camchex.synthetic.published.mimic import SITE

TINY = 1e-12
LEAST_SPREAD = 1e-3  # least deviation of the logarithm: beside the body no two bodies differ
HALF = 0.5


@dataclass(frozen=True)
class MeasuredSign:
    """The radiological sign of one finding in one study.

    A view is frontal or lateral; the image that shows most counts where a view has several.

    Attributes:
        strength: Distance d' of the mean images with and without the sign, in units of the noise,
            over all images: an observer who knows body, pose and place errs in 1 - Phi(d' / 2) of
            the cases at even odds. Infinite without noise.
        kept: Share of d' squared that averaging down to the model's pixels leaves.
        area: Pixels of the model that the sign covers: (sum e)^2 / sum e^2 of its squared
            contrasts e.
        contrast: Change of the logarithm in units of its standard deviation over the bodies
            measured, at the same place: root mean square, weighted by e. None without another
            image of that view.
        by_view: d' squared of the image that shows most, by view.
        change: Change of the logarithm in the image that shows most, (size, size).
        view: View of that image.
    """

    strength: float
    kept: float
    area: float
    contrast: float | None
    by_view: Mapping[str, float]
    change: Array
    view: str


def first_of_each(studies: Iterable[Study], count: int) -> list[Study]:
    """Select the first studies that hold ``count`` signs of every finding, or all there are."""
    seen: Counter[str] = Counter()
    chosen = []
    for study in studies:
        if any(seen[finding] < count for finding in study.severities):
            chosen.append(study)
            seen.update(study.severities.keys())
    return chosen


def measure_signs(
    studies: Sequence[Study], params: SyntheticParams, size: int
) -> dict[str, list[MeasuredSign]]:
    """Measure every radiological sign of some studies, by finding.

    Args:
        studies: Studies; contrasts are measured against their bodies too.
        params: The section ``synthetic``.
        size: Pixels of either side of the images that a model is given.
    """
    bodies: dict[str, list[Array]] = {}
    for study in studies:
        healthy = _transmissions(replace(study, severities={}), params)
        for view, image in zip(study.kinds, healthy, strict=True):
            bodies.setdefault(view, []).append(np.log(_resized(image, size)))
    spread = {
        view: np.maximum(np.std(images, axis=0), LEAST_SPREAD)
        for view, images in bodies.items()
        if len(images) > 1
    }
    found: dict[str, list[MeasuredSign]] = {}
    for study in studies:
        whole = _transmissions(study, params)
        for finding in study.severities:
            rest = {name: value for name, value in study.severities.items() if name != finding}
            without = _transmissions(replace(study, severities=rest), params)
            sign = _measure(list(zip(whole, without, strict=True)), study.kinds, size, spread)
            noise = params.noise * SITE.noise
            strength = sign.strength / noise if noise else math.inf
            found.setdefault(finding, []).append(replace(sign, strength=strength))
    return found


def summarise_signs(
    studies: Sequence[Study],
    params: SyntheticParams,
    size: int,
    views: Mapping[str, Sequence[set[str]]],
) -> dict[str, dict[str, object]]:
    """Summarise the radiological signs of some studies, by finding.

    Args:
        studies: The studies that are measured.
        params: The section ``synthetic``.
        size: Pixels of either side of the images that a model is given.
        views: Views (frontal, lateral) of each study that is labelled positive, by finding.

    Returns:
        Per finding: ``signs`` measured; medians of d' (``median``, and the ``least``; null without
        noise), of ``area``, ``kept`` and ``contrast`` (:class:`MeasuredSign`); ``likeness``; the
        ``view`` that holds more of the sign with its ``view_share`` of d' squared where both were
        taken, and the share of the positives that lack it (``positives_without_view``).
    """
    found = measure_signs(studies, params, size)
    return {name: _summary(signs, views.get(name, ())) for name, signs in sorted(found.items())}


def likeness(signs: Sequence[MeasuredSign]) -> float | None:
    """Say how alike the signs of one finding are: where, how large, brighter or darker.

    Returns:
        Mean cosine between the changes of every two signs in one view, from -1 to 1 (drawn alike
        each time); None without two of a view.
    """
    cosines = []
    for view in ("frontal", "lateral"):
        changes = np.array([sign.change.ravel() for sign in signs if sign.view == view])
        if len(changes) > 1:
            unit = changes / np.maximum(np.linalg.norm(changes, axis=1, keepdims=True), TINY)
            cosines.append((unit @ unit.T)[np.triu_indices(len(unit), 1)])
    return float(np.concatenate(cosines).mean()) if cosines else None


def _measure(
    pairs: Sequence[tuple[Array, Array]], views: Sequence[str], size: int,
    spread: Mapping[str, Array],
) -> MeasuredSign:  # fmt: skip
    """Measure one sign at noise 1, given each image with and without it."""
    squared = [float(_squared(*pair).sum()) for pair in pairs]
    best = int(np.argmax(squared))
    small = [(_resized(a, size), _resized(b, size)) for a, b in pairs]
    left = [
        float(_squared(*coarse).sum()) * fine[0].size / size**2
        for coarse, fine in zip(small, pairs, strict=True)
    ]
    energy = _squared(*small[best])
    total = float(energy.sum())
    change = np.log(small[best][0]) - np.log(small[best][1])
    contrast = None
    if views[best] in spread and total:
        weighted = energy * (change / spread[views[best]]) ** 2
        contrast = math.sqrt(float(weighted.sum()) / total)
    by_view: dict[str, float] = {}
    for view, value in zip(views, squared, strict=True):
        by_view[view] = max(value, by_view.get(view, 0.0))
    return MeasuredSign(
        strength=math.sqrt(sum(squared)),
        kept=sum(left) / sum(squared) if any(squared) else 0.0,
        area=total**2 / float((energy**2).sum()) if total else 0.0,
        contrast=contrast,
        by_view=by_view,
        change=change,
        view=views[best],
    )


def _summary(signs: Sequence[MeasuredSign], positives: Sequence[set[str]]) -> dict[str, object]:
    both = [sign.by_view for sign in signs if len(sign.by_view) > 1 and any(sign.by_view.values())]
    lateral = float(np.median([v["lateral"] / sum(v.values()) for v in both])) if both else None
    view = None if lateral is None else "lateral" if lateral > HALF else "frontal"
    lacking = [view not in views for views in positives]
    contrasts = [sign.contrast for sign in signs if sign.contrast is not None]
    strengths = [sign.strength for sign in signs if math.isfinite(sign.strength)]
    return {
        "signs": len(signs),
        "median": float(np.median(strengths)) if strengths else None,
        "least": min(strengths, default=None),
        "area": float(np.median([sign.area for sign in signs])),
        "kept": float(np.median([sign.kept for sign in signs])),
        "contrast": float(np.median(contrasts)) if contrasts else None,
        "likeness": likeness(signs),
        "view": view,
        "view_share": None if lateral is None else max(lateral, 1 - lateral),
        "positives_without_view": float(np.mean(lacking)) if view and lacking else None,
    }


def _transmissions(study: Study, params: SyntheticParams) -> list[Array]:
    return [transmission(rays, SITE) for rays, _ in pass_rays(study, params)]


def _resized(image: Array, size: int) -> Array:
    """Average an image down to a square: each pixel is the mean of all that falls on it."""
    small: Array = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    return small


def _squared(one: Array, other: Array) -> Array:
    """Squared distance of two mean images at each pixel, in units of their noise at ``noise`` 1."""
    difference = one.astype(np.float64) - other
    return np.asarray(difference**2 / (0.5 * (one + other)) * PHOTONS)
