"""How far the signs on synthetic X-rays are above the noise of the detector."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

import cv2
import numpy as np

from camchex.synthetic.anatomy import grow_chest
from camchex.synthetic.geometry import Array
from camchex.synthetic.mimic import SITE
from camchex.synthetic.params import SyntheticParams
from camchex.synthetic.patients import Study
from camchex.synthetic.random_streams import stream
from camchex.synthetic.rendering import image_shape
from camchex.synthetic.signs import with_findings
from camchex.synthetic.xray import FIELD_CM, PHOTONS, aim, attenuation

SCATTER = 0.002  # as in ``xray.expose``


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
    noise = params.noise * SITE.noise
    if not noise:
        return dict.fromkeys(study.severities, math.inf)
    whole = _arriving(study, params)
    found = {}
    for finding in study.severities:
        rest = {name: value for name, value in study.severities.items() if name != finding}
        without = _arriving(replace(study, severities=rest), params)
        found[finding] = math.sqrt(sum(map(_squared, whole, without))) / noise
    return found


def strengths(studies: Iterable[Study], params: SyntheticParams) -> Mapping[str, list[float]]:
    """Measure the d' of every sign of some studies, by finding."""
    found: dict[str, list[float]] = {}
    for study in studies:
        for finding, strength in detectability(study, params).items():
            found.setdefault(finding, []).append(strength)
    return found


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


def _squared(one: Array, other: Array) -> float:
    """Squared distance of two mean images, in units of their noise at ``noise`` 1."""
    difference = one.astype(np.float64) - other
    return float((difference**2 / (0.5 * (one + other)) * PHOTONS).sum())
