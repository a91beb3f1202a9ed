"""The temperature and the thresholds of one model, fitted on its development studies.

The file stands beside the model (``models/calibration/seed0.json`` for ``models/fusion/seed0``),
so that a prediction can also say yes or no.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy.special import expit, logit

from camchex.contract.files import write_text
from camchex.errors import DataError
from camchex.scores.ranking import Floats

Rule = Literal["max_f1", "specificity_90"]
RULES: tuple[Rule, ...] = get_args(Rule)
"""Largest F1, and largest sensitivity at a specificity of at least 0.9."""
FILE = "calibration.json"
TINY = 1e-12  # distance from 0 and 1 that is kept: the logit of either is infinite


class Calibration(BaseModel):
    """Temperature and thresholds; aggregates of the development studies."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(gt=0)  # divides every logit; above 1: the model was too sure
    thresholds: dict[str, dict[Rule, float | None]]  # by class; None: too few studies to fit one

    def decide(self, probabilities: Mapping[str, float]) -> dict[str, dict[Rule, bool | None]]:
        """Yes or no for every class by every rule; None where there is no threshold.

        Probabilities stand by class, as the model gives them, not rescaled.

        Raises:
            DataError: If a class was not among those fitted.
        """
        strange = sorted(set(probabilities) - set(self.thresholds))
        if strange:
            raise DataError(f"calibration: no threshold was fitted for {', '.join(strange)}")
        limits = {name: {r: self.thresholds[name].get(r) for r in RULES} for name in probabilities}
        return {
            name: {r: None if at is None else bool(value >= at) for r, at in limits[name].items()}
            for name, value in probabilities.items()
        }


def rescale(probabilities: Floats, temperature: float) -> Floats:
    """Probabilities with their logits divided by the temperature, of any shape."""
    rescaled: Floats = expit(logit(np.clip(probabilities, TINY, 1 - TINY)) / temperature)
    return rescaled


def write_calibration(calibration: Calibration, path: Path) -> None:
    """Write JSON, not rounded: a threshold is a probability that some study has exactly."""
    write_text(path, json.dumps(calibration.model_dump(), indent=2) + "\n")


def read_calibration(path: Path) -> Calibration:
    """Read what :func:`write_calibration` wrote.

    Raises:
        DataError: If the file is missing or is something else.
    """
    try:
        return Calibration.model_validate_json(path.read_text())
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: no such file. `dvc repro evaluate` makes it, or name another with "
            "`--calibration`."
        ) from error
    except ValidationError as error:
        raise DataError(f"{path}: not a calibration of this version of camchex: {error}") from error


def beside(model: Path) -> Path:
    """The path of a model's calibration: in its folder, or where the pipeline puts it."""
    inside = model / FILE
    return inside if inside.exists() else model.parent.parent / "calibration" / f"{model.name}.json"
