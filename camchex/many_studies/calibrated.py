"""What a calibration makes of the probabilities of one study by one model."""

from collections.abc import Mapping
from typing import NamedTuple

from camchex.scores.calibration_file import RULES, Calibration, Rule

FITTED_FOR: Mapping[Rule, str] = {
    "max_f1": "the largest F1 on the development studies",
    "specificity_90": "the largest sensitivity at a specificity of at least 0.9 on the development "
    "studies",
}
"""What the threshold of each rule was fitted for."""
Decisions = Mapping[str, Mapping[Rule, bool | None]]


class Calibrated(NamedTuple):
    """Probabilities by class, and yes or no by class and rule; None: there is no threshold."""

    probabilities: Mapping[str, float]
    decisions: Decisions


def calibrate(fitted: Calibration | None, predicted: Mapping[str, float]) -> Calibrated:
    """Calibrate what a model predicted; without a calibration nothing is changed or decided.

    Raises:
        DataError: If a class was not among those fitted.
    """
    if fitted is None:
        return Calibrated(predicted, {name: dict.fromkeys(RULES) for name in predicted})
    scaled = fitted.calibrated(predicted)
    return Calibrated(scaled, fitted.decide(scaled))


def majority(answers: list[bool | None]) -> bool | None:
    """What more than half of the models say; None: as many say yes as no, or some say nothing."""
    if None in answers or 2 * sum(map(bool, answers)) == len(answers):
        return None
    return 2 * sum(map(bool, answers)) > len(answers)
