"""How much each of the four inputs contributed to a number: exact Shapley values.

The worth of a set of inputs is the log-odds that the model predicts for the study with these inputs
alone. A Shapley value is the mean, over all orders in which inputs can be added, of what an input
adds. The four add up to the difference between the whole study and nothing at all.

Source: Shapley 1953; as explanations, Lundberg and Lee, NeurIPS 2017.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray

from camchex.fusion.camchex import CaMChex
from camchex.prediction.one_study import StudyInput, predict_study
from camchex.scores.calibration_file import log_odds
from camchex.views.view_classifier import ViewClassifier

Worths = NDArray[np.float64]
INPUTS = ("frontal", "lateral", "indication", "vitals")
IMAGES = frozenset({"frontal", "lateral"})


def subsets(names: Sequence[str]) -> Iterator[frozenset[str]]:
    """List every subset of n names, 2^n of them, the empty one first."""
    for count in range(len(names) + 1):
        yield from map(frozenset, combinations(names, count))


def shapley_values(worth: Mapping[frozenset[str], Worths], names: Sequence[str]) -> Worths:
    """Compute what each of n inputs contributed, exactly.

    Args:
        worth: Worth of each of the 2^n sets of inputs, (Q,).
        names: The inputs.

    Returns:
        Contributions, (n, Q), in the unit of the worths.
    """
    total = len(names)
    found = np.zeros((total, *np.shape(worth[frozenset()])))
    for place, name in enumerate(names):
        for others in subsets([other for other in names if other != name]):
            orders = factorial(len(others)) * factorial(total - len(others) - 1)
            added = worth[others | {name}] - worth[others]
            found[place] += orders / factorial(total) * added
    return found


def left(study: StudyInput, inputs: frozenset[str]) -> StudyInput:
    """Leave to a study only some of its inputs; the sex belongs to the vital signs."""
    vitals = "vitals" in inputs
    return replace(
        study,
        images=[(path, view) for path, view in study.images if view in inputs],
        indication=study.indication if "indication" in inputs else None,
        vitals=study.vitals if vitals else None,
        gender=study.gender if vitals else None,
    )


def given(study: StudyInput) -> list[str]:
    """Name the inputs that a study has, in the order of ``INPUTS``."""
    views = {view for _, view in study.images}
    has = {
        **{view: view in views for view in IMAGES},
        "indication": bool(study.indication),
        "vitals": bool(study.gender or any(v is not None for v in (study.vitals or {}).values())),
    }
    return [name for name in INPUTS if has[name]]


def study_worths(
    model: CaMChex, study: StudyInput, classifier: ViewClassifier | None = None
) -> dict[frozenset[str], Worths]:
    """Predict a study with every subset of ``INPUTS``: log-odds (Q,), by subset.

    An input that the study lacks changes nothing, to the last bit. A model that refuses a study
    with nothing that it reads answers with its :func:`prior`.

    Raises:
        DataError: If an image cannot be read, or a vital sign is not one.
    """
    has = given(study)
    reads_images_alone = set(model.config.fusion.inputs) == {"images"}
    known = {}
    for some in subsets(has):
        if reads_images_alone and not some & IMAGES:
            known[some] = prior(model)
        else:
            found = predict_study(model, left(study, some), classifier=classifier)
            known[some] = log_odds(np.array([*found.values()]))
    return {some: known[some & set(has)] for some in subsets(INPUTS)}


def prior(model: CaMChex) -> Worths:
    """What a model says before it has read anything: the constants of its last layer, (Q,)."""
    last = model.classifier.bias if hasattr(model, "classifier") else model.decoder.pooling_bias
    return np.asarray(last.detach().double().cpu().numpy(), np.float64)
