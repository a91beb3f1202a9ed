"""The calibration and the thresholds of one model, fitted on its development studies.

The file stands beside the model (``models/calibration/seed0.json`` for ``models/fusion/seed0``),
so that a prediction can be a frequency, and also say yes or no.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from scipy.special import expit, logit

from camchex.contract import files
from camchex.contract.files import write_text
from camchex.errors import DataError, wrong_values
from camchex.scores.ranking import Floats

Rule = Literal["max_f1", "specificity_90"]
RULES: tuple[Rule, ...] = get_args(Rule)
"""Largest F1, and largest sensitivity at a specificity of at least 0.9."""
FILE = "calibration.json"
STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
Probability = Annotated[float, Field(ge=0, le=1)]
TINY = 1e-12  # least probability, and least distance from 1, that has log-odds of its own


class Platt(BaseModel):
    """A line over the log-odds of one class: calibrated = intercept + slope * predicted.

    Source: Platt 1999, Probabilistic Outputs for Support Vector Machines.
    """

    model_config = STRICT

    intercept: float
    slope: float = Field(gt=0)  # so that calibrated probabilities rank as the predicted ones


class Calibration(BaseModel):
    """Lines and thresholds of every class; aggregates of the development studies."""

    model_config = STRICT

    classes: dict[str, Platt]
    thresholds: dict[str, dict[Rule, Probability | None]]
    """Calibrated probabilities, by class; None: too few studies to fit one."""
    temperature: float = Field(gt=0)
    """One for all classes, for comparison only; above 1: the model was too sure."""

    @model_validator(mode="after")
    def _has_thresholds_of_each_class(self) -> Self:
        if self.thresholds.keys() != self.classes.keys():
            raise ValueError("the classes of its lines and of its thresholds differ")
        return self

    def calibrate(self, probabilities: Floats, classes: Sequence[str]) -> Floats:
        """Calibrate probabilities as the model gives them, (..., Q), of the Q classes.

        Raises:
            DataError: If a class was not among those fitted.
        """
        strange = sorted(set(classes) - set(self.classes))
        if strange:
            raise DataError(
                f"calibration: nothing was fitted for {', '.join(strange)}. It belongs to a model "
                "of other classes: name another with `--calibration`."
            )
        lines = [self.classes[name] for name in classes]
        return rescale(probabilities, *np.array([(e.slope, e.intercept) for e in lines]).T)

    def calibrated(self, probabilities: Mapping[str, float]) -> dict[str, float]:
        """:meth:`calibrate` probabilities by class."""
        found = self.calibrate(np.array(list(probabilities.values())), list(probabilities))
        return dict(zip(probabilities, found.tolist(), strict=True))

    def decide(self, calibrated: Mapping[str, float]) -> dict[str, dict[Rule, bool | None]]:
        """Yes or no for every class, from calibrated probabilities; None without a threshold."""
        limits = {name: {r: self.thresholds[name].get(r) for r in RULES} for name in calibrated}
        return {
            name: {r: None if at is None else bool(value >= at) for r, at in limits[name].items()}
            for name, value in calibrated.items()
        }


def log_odds(probabilities: Floats) -> Floats:
    """Log-odds of probabilities of any shape; those of 0 and 1 are finite."""
    found: Floats = logit(np.clip(probabilities, TINY, 1 - TINY))
    return found


def rescale(
    probabilities: Floats, slope: Floats | float, intercept: Floats | float = 0.0
) -> Floats:
    """Probabilities whose log-odds are ``intercept + slope`` times those given, of any shape."""
    rescaled: Floats = expit(intercept + slope * log_odds(probabilities))
    return rescaled


def write_calibration(calibration: Calibration, path: Path) -> None:
    """Write JSON, not rounded: a threshold is a probability that some study has exactly."""
    write_text(path, json.dumps(calibration.model_dump(), indent=2) + "\n")


def read_calibration(path: Path) -> Calibration:
    """Read what :func:`write_calibration` wrote.

    Raises:
        DataError: If the file is missing, of another version of camchex, or something else.
    """
    again = "`dvc repro evaluate` makes it, or name another with `--calibration`."
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file. {again}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: no text, so no calibration. {again}") from error
    try:
        return Calibration.model_validate_json(text)
    except ValidationError as error:
        # Until version 0.1.0 there was one temperature for all classes.
        old = {"temperature", "thresholds"} == _keys(text)
        what = (
            "one temperature and no line for each class, of an older version"
            if old
            else wrong_values(error)
        )
        raise DataError(
            f"{path}: not a calibration of this version of camchex ({what}). {again} "
            "In a folder that was exported: export it again after that."
        ) from error


def beside(model: Path) -> Path:
    """The path of a model's calibration: in its folder, or where the pipeline puts it."""
    return files.beside(model, FILE, "calibration/{name}.json")


def _keys(text: str) -> set[str]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return set()
    return set(found) if isinstance(found, dict) else set()
