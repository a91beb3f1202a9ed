"""Studies without some of their inputs, read by the model that was trained with all of them."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from camchex.errors import ModelError
from camchex.fusion.camchex import CaMChex
from camchex.fusion.params import INPUTS
from camchex.fusion.study_data import StudySamples, cohort_studies
from camchex.fusion.tokenizer import NO_VITALS
from camchex.networks.samples import Cohort
from camchex.prediction.image_predictions import VIEWS
from camchex.prediction.params import SINGLE, PredictionParams
from camchex.prediction.study_predictions import Variant, predict_variants
from camchex.runs.runtime import RuntimeParams

IMAGES = ("frontal", "lateral", "unknown")
"""In place of ``images``: the images of one view alone, or all of them as if no view were known."""
TEXTS = ("", "+indication+vitals")
COMBINATIONS: tuple[str, ...] = (
    *("+".join(some) for count in (3, 2, 1) for some in combinations(INPUTS, count)),
    *(images + texts for images in IMAGES for texts in TEXTS),
)
"""What is left to a study, with ``+`` between: each way to leave an input, and of the images those
of ``IMAGES``, with and without both texts."""


def only(samples: StudySamples, combination: str) -> StudySamples:
    """Leave to every study what one of ``COMBINATIONS`` names, of what it has.

    A missing text is replaced as in training: by the placeholder, or by NA in every field. An image
    of unknown view is read as a frontal one.

    Source: docs/method.md, section 2 (unknown views).
    """
    left = combination.split("+")
    kept = [_kept(lateral, left[0]) for lateral in samples.lateral]
    views = [lateral & (left[0] != "unknown") for lateral in samples.lateral]
    return replace(
        samples,
        rows=[rows[which] for rows, which in zip(samples.rows, kept, strict=True)],
        lateral=[lateral[which] for lateral, which in zip(views, kept, strict=True)],
        indications=samples.indications if "indication" in left else [None] * len(samples),
        vitals=samples.vitals if "vitals" in left else [NO_VITALS] * len(samples),
    )


def _kept(lateral: NDArray[np.bool_], images: str) -> NDArray[np.bool_]:
    """Which images of a study are left: both views, one, or, where none is named, no image."""
    if images in VIEWS:
        return lateral if images == "lateral" else ~lateral
    return np.full(len(lateral), images in {"images", "unknown"})


def predict_combinations(
    model: CaMChex,
    cohort: Cohort,
    runtime: RuntimeParams,
    out: Path | None = None,
    params: PredictionParams = SINGLE,
) -> dict[str, pa.Table]:
    """Predict the test studies under each of ``COMBINATIONS``: ``schemas.predictions``.

    ``out`` and ``params`` are as of :func:`predict_variants`.

    Raises:
        ModelError: If the model does not read all inputs, or the images do not fit it.
    """
    inputs = model.config.fusion.inputs
    if set(inputs) != set(INPUTS):
        raise ModelError(
            f"the model reads {', '.join(inputs)} alone, so that it cannot be asked what it makes "
            f"of every combination of {', '.join(INPUTS)}: train it with `fusion.inputs` of all"
        )
    test = cohort_studies(cohort, ["test"])
    rows = np.arange(len(test))
    variants = {name: Variant(only(test, name), rows) for name in COMBINATIONS}
    return predict_variants(model, variants, runtime, out, params)
