"""What of each finding's sign a model can see: to say why a score is below its ceiling."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from camchex.synthetic.ceiling.sign_strength import Sign, likeness, measure_signs
from camchex.synthetic.params import SyntheticParams
from camchex.synthetic.people.patients import Study


def few_of_each(studies: Iterable[Study], count: int) -> list[Study]:
    """The first studies that hold ``count`` signs of every finding, or all that there are."""
    seen: Counter[str] = Counter()
    chosen = []
    for study in studies:
        if any(seen[finding] < count for finding in study.severities):
            chosen.append(study)
            seen.update(study.severities.keys())
    return chosen


def summarise_signs(
    studies: Sequence[Study],
    params: SyntheticParams,
    size: int,
    views: Mapping[str, Sequence[set[str]]],
) -> dict[str, dict[str, object]]:
    """Summarise the signs of some studies, by finding.

    Args:
        studies: Measured.
        params: The section ``synthetic``.
        size: Pixels of either side of the images that a model is given.
        views: Of each study that is labelled positive, frontal or lateral or both, by finding.

    Returns:
        Per finding: ``signs`` measured; medians of d' (``median``, and the ``least``; null without
        noise), of ``area``, ``kept`` and ``contrast`` (:class:`Sign`); ``likeness``; the ``view``
        that holds more of the sign with its ``view_share`` of d' squared where both were taken,
        and the share of the positives that lack it (``positives_without_view``).
    """
    found = measure_signs(studies, params, size)
    return {name: _summary(signs, views.get(name, ())) for name, signs in sorted(found.items())}


def _summary(signs: Sequence[Sign], positives: Sequence[set[str]]) -> dict[str, object]:
    lateral = _lateral_share(signs)
    view = None if lateral is None else ("lateral" if lateral > 0.5 else "frontal")  # noqa: PLR2004 - half
    lacking = [view not in views for views in positives]
    contrasts = [sign.contrast for sign in signs if sign.contrast is not None]
    strengths = [sign.strength for sign in signs]
    return {
        "signs": len(signs),
        "median": _finite(float(np.median(strengths))),
        "least": _finite(min(strengths)),
        "area": float(np.median([sign.area for sign in signs])),
        "kept": float(np.median([sign.kept for sign in signs])),
        "contrast": float(np.median(contrasts)) if contrasts else None,
        "likeness": likeness(signs),
        "view": view,
        "view_share": None if lateral is None else max(lateral, 1 - lateral),
        "positives_without_view": float(np.mean(lacking)) if view and lacking else None,
    }


def _lateral_share(signs: Sequence[Sign]) -> float | None:
    """Median of the lateral view's share of d' squared; None where no study had both."""
    both = [sign.by_view for sign in signs if len(sign.by_view) > 1 and any(sign.by_view.values())]
    return float(np.median([v["lateral"] / sum(v.values()) for v in both])) if both else None


def _finite(value: float) -> float | None:
    """JSON has no infinity: null, without noise."""
    return value if math.isfinite(value) else None
