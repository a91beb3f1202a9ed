"""A small section ``synthetic``, clean unless a test says otherwise."""

from typing import Any

from camchex.synthetic.params import DRAWN, SyntheticParams

SMALL: dict[str, Any] = {
    "seed": 3,
    "studies": {"train": 9, "development": 3, "test": 5},
    "external": {"chexpert": 5, "nih": 4, "vindr": 4},
    "image_px": 40,
    "signal": 1.0,
    "noise": 1.0,
    "text_informativeness": 1.0,
    "vitals_informativeness": 1.0,
    "label_leak": 0.0,
    "label_noise": 0.0,
    "text_dirt": 0.0,
    "in_emergency": 0.55,
    "vitals_missing": 0.0,
    "vitals_dirt": 0.0,
    "synergy": 0.0,
    "paraphrases": 0.0,
    "unlisted_words": 0.0,
    "named_repeated": 0.0,
    "named_uncertain": 0.0,
    "named_missed": 0.0,
    "race_known": 0.0,
    "prevalence": dict.fromkeys(DRAWN, 0.12),
}


def small(**changes: object) -> SyntheticParams:
    """The small section with other values."""
    return SyntheticParams(**{**SMALL, **changes})
