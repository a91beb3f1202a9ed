"""How far the signs on synthetic X-rays are above noise, and what of them is left for a model.

To the detector's noise every sign is plain; what can hide it is that bodies differ, that its lines
are finer than a pixel of the model, and that it shows in a view the study may lack.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from camchex.synthetic.params import SyntheticParams
from camchex.synthetic.people.patients import Study
from camchex.synthetic.phantom.anatomy import grow_chest
from camchex.synthetic.phantom.geometry import Array
from camchex.synthetic.phantom.rendering import image_shape
from camchex.synthetic.phantom.signs import with_findings
from camchex.synthetic.phantom.xray import FIELD_CM, PHOTONS, aim, attenuation
from camchex.synthetic.published.mimic import SITE
from camchex.synthetic.random_streams import stream

SCATTER = 0.002  # as in ``xray.expose``
LATERAL = "LATERAL"
TINY = 1e-12
SAME = 1e-3  # of the logarithm: beside the body, where no two differ


@dataclass(frozen=True)
class Sign:
    """One sign of one study; a view is frontal or lateral, the strongest image of each counts.

    Attributes:
        strength: d' over all images, for an observer who knows body, pose and place; infinite
            without noise.
        kept: Share of d' squared that averaging down to the model's pixels leaves.
        area: Pixels of the model that it covers: (sum e)^2 / sum e^2 of its squared contrasts e.
        contrast: Against how bodies differ at its place: root mean square, weighted by e, of the
            change in units of the standard deviation over the studies measured; None without
            another image of that view.
        by_view: d' squared of the strongest image of each view.
        change: Of the logarithm of the strongest image at the model's size, (size, size).
        view: Of that image.
    """

    strength: float
    kept: float
    area: float
    contrast: float | None
    by_view: Mapping[str, float]
    change: Array
    view: str


def detectability(study: Study, params: SyntheticParams) -> dict[str, float]:
    """Measure how visible each sign of a study is to an observer who knows it exactly.

    That observer is told the body, its pose, and how and where the sign would be drawn, and only
    has to say whether it was: d' is the distance of the two mean images in units of the noise,
    over all views, and half of the errors at even odds are 1 - Phi(d' / 2). A real one knows less.

    Args:
        study: Whose signs.
        params: The section ``synthetic``.

    Returns:
        d' by finding that is present; infinite without noise.
    """
    size = params.image_px
    return {name: sign.strength for name, sign in _signs(study, params, size, {}).items()}


def measure_signs(
    studies: Sequence[Study], params: SyntheticParams, size: int
) -> Mapping[str, list[Sign]]:
    """Measure every sign of some studies, by finding.

    Args:
        studies: Their bodies are also what contrasts are measured against.
        params: The section ``synthetic``.
        size: Pixels of either side of the images that a model is given.
    """
    spread = _spread_of_bodies(studies, params, size)
    found: dict[str, list[Sign]] = {}
    for study in studies:
        for finding, sign in _signs(study, params, size, spread).items():
            found.setdefault(finding, []).append(sign)
    return found


def likeness(signs: Sequence[Sign]) -> float | None:
    """How alike the signs of one finding are: where, how large, brighter or darker.

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


def _signs(
    study: Study, params: SyntheticParams, size: int, spread: Mapping[str, Array]
) -> dict[str, Sign]:
    views = ["lateral" if view == LATERAL else "frontal" for view in study.views]
    whole = _arriving(study, params)
    found = {}
    for finding in study.severities:
        rest = {name: value for name, value in study.severities.items() if name != finding}
        without = _arriving(replace(study, severities=rest), params)
        found[finding] = _sign(whole, without, views, size, spread, params.noise * SITE.noise)
    return found


def _sign(
    whole: Sequence[Array],
    without: Sequence[Array],
    views: Sequence[str],
    size: int,
    spread: Mapping[str, Array],
    noise: float,
) -> Sign:
    squared = [float(_squared(a, b).sum()) for a, b in zip(whole, without, strict=True)]
    best = int(np.argmax(squared))
    small = [(resized(a, size), resized(b, size)) for a, b in zip(whole, without, strict=True)]
    left = [
        float(_squared(*pair).sum()) * image.size / size**2
        for pair, image in zip(small, whole, strict=True)
    ]
    energy = _squared(*small[best])
    total = float(energy.sum())
    by_view: dict[str, float] = {}
    for view, value in zip(views, squared, strict=True):
        by_view[view] = max(value, by_view.get(view, 0.0))
    bodies = spread.get(views[best])
    change = np.log(small[best][0]) - np.log(small[best][1])
    return Sign(
        strength=math.sqrt(sum(squared)) / noise if noise else math.inf,
        kept=sum(left) / sum(squared) if any(squared) else 0.0,
        area=total**2 / float((energy**2).sum()) if total else 0.0,
        contrast=None if bodies is None or not total else
        math.sqrt(float((energy * (change / bodies) ** 2).sum()) / total),
        by_view=by_view,
        change=change,
        view=views[best],
    )  # fmt: skip


def _spread_of_bodies(
    studies: Iterable[Study], params: SyntheticParams, size: int
) -> dict[str, Array]:
    """Standard deviation of each pixel's logarithm over bodies without a finding, by view."""
    images: dict[str, list[Array]] = {}
    for study in studies:
        for view, image in zip(
            study.views, _arriving(replace(study, severities={}), params), strict=True
        ):
            kind = "lateral" if view == LATERAL else "frontal"
            images.setdefault(kind, []).append(np.log(resized(image, size)))
    return {
        view: np.maximum(np.std(stack, axis=0), SAME)
        for view, stack in images.items()
        if len(stack) > 1
    }


def resized(image: Array, size: int) -> Array:
    """Averaged down to a square of ``size`` pixels, as a mean of all that falls on each."""
    small: Array = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    return small


def _arriving(study: Study, params: SyntheticParams) -> list[Array]:
    """Share of the photons that arrive at each pixel of each view, as ``rendering`` has it."""
    chest = grow_chest(stream(params.seed, "anatomy", study.patient.patient_id),
                       study.patient.gender)  # fmt: skip
    shown = {name: params.signal * value for name, value in study.severities.items()}
    chest = with_findings(chest, shown, stream(params.seed, "signs", study.study_id))
    images = []
    for i, view in enumerate(study.views):
        rng = stream(params.seed, "exposure", study.study_id, str(i))
        integrals = attenuation(chest, aim(view, image_shape(study, i, params), rng))
        pixel = FIELD_CM / max(integrals.shape)
        blurred = cv2.GaussianBlur(integrals, (0, 0), max(SITE.blur_cm / pixel, 0.3))
        images.append(np.exp(-blurred) + np.float32(SCATTER))
    return images


def _squared(one: Array, other: Array) -> Array:
    """Squared distance of two mean images at each pixel, in units of their noise at ``noise`` 1."""
    difference = one.astype(np.float64) - other
    return np.asarray(difference**2 / (0.5 * (one + other)) * PHOTONS)
