"""The ceilings of a synthetic cohort, and the models' scores as a share of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from camchex.aggregates.results import Results
from camchex.contract import schemas, tables
from camchex.contract.labels import CXR_LT_2023, LabelParams
from camchex.errors import DataError
from camchex.scores.ceiling import (
    SHARE,
    Compared,
    above_by_chance,
    compare_with_ceiling,
    gain,
    read_separately,
)
from camchex.scores.labelled_split import Split, labelled_split, read_seeds
from camchex.synthetic.ceiling.cohort import ceilings
from camchex.synthetic.ceiling.measured_signs import first_of_each, summarise_signs
from camchex.synthetic.ceiling.observer import BOUNDS
from camchex.synthetic.ceiling.posterior import Generator
from camchex.synthetic.params import SyntheticParams
from camchex.synthetic.people.patients import invent_studies

SPLITS = ("test", "development")
INPUTS = ("images", "indication", "vitals")
JOINT = "images+indication+vitals"
SIGNS_OF_EACH = 10  # least number of signs measured per finding: takes about 12 s


@dataclass(frozen=True)
class CeilingSettings:
    """Parameters that decide a ceiling."""

    synthetic: SyntheticParams  # the section ``synthetic``
    labels: LabelParams  # the section ``labels``
    rule: str  # rule that links vital signs (``vitals.rule``)
    size: int  # pixels of either side of a model's images (``images.size``)
    seeds: Sequence[int]  # seeds of the models
    min_cell: int  # smallest number of studies that is shown (``evaluation.min_cell``)


def score_ceilings(
    cohort: Path, truth: Path, models: Mapping[str, Path], settings: CeilingSettings
) -> Results:
    """Score the best possible observers of both splits, and the models beside them.

    Args:
        cohort: The file of ``schemas.cohort``.
        truth: The file of ``make.TRUTH``.
        models: Folder of predictions by set of modalities; one that does not exist is not compared.
        settings: Parameters.

    Raises:
        DataError: If no ceiling is known for these parameters, or the tables are of other studies.
    """
    if settings.labels.space == "mimic-14":
        raise DataError("labels.space: the ceiling is known for the labels of CXR-LT 2023 only.")
    if settings.rule != "within_stay":
        raise DataError(
            f"vitals.rule: the ceiling is known for within_stay only, not for {settings.rule}, "
            "which also links stays that have nothing to do with the study."
        )
    classes, model = settings.labels.classes, Generator(settings.synthetic)
    studies = tables.read(cohort, schemas.cohort(classes))
    hidden = tables.read(truth, schemas.labels(CXR_LT_2023))
    splits = {name: labelled_split(studies, name, classes) for name in SPLITS}
    found = {name: ceilings(model, split.table, hidden, classes) for name, split in splits.items()}
    results: dict[str, dict[str, Any]] = {}
    for name, split in splits.items():
        compared = {}
        for inputs, probabilities in found[name].probabilities.items():
            folder = models.get(inputs)
            trained = folder is not None and folder.is_dir()
            ours = read_seeds(folder, settings.seeds, split) if folder and trained else {}
            compared[inputs] = Compared(probabilities, inputs in BOUNDS, ours)
        rows = compare_with_ceiling(split, compared, settings.min_cell)
        for inputs, one in compared.items():
            rows["sets"][inputs]["above"] = above_by_chance(split, one, settings.min_cell)
        results[name] = {**rows}
        if settings.synthetic.synergy:
            results[name]["separate"] = _separate(split, compared, model, settings.min_cell)
    return {
        "data": "synthetic",
        "labels": "as published, with their noise and leaks",
        "share": SHARE,
        "seen": {
            name: {
                "with_indication": best.indications,
                "with_unread_indication": best.unread,
                "with_vital_signs": best.vitals,
            }
            for name, best in found.items()
        },
        "splits": results,
        "sign_strength": _sign_strength(splits["test"], settings),
    }


def _separate(
    split: Split, compared: Mapping[str, Compared], model: Generator, min_cell: int
) -> Results:
    """Score separate reading like a set of modalities, and the gain of joint reading over it."""
    prior = model.prior_labels[[CXR_LT_2023.index(name) for name in split.classes]]
    apart = read_separately([compared[name] for name in INPUTS], prior)
    rows = compare_with_ceiling(split, apart, min_cell)["sets"]
    return {
        name: {**rows[name], "gain_of_joint": gain(split, compared[JOINT], one)}
        for name, one in apart.items()
    }


def _sign_strength(test: Split, settings: CeilingSettings) -> Results:
    """Summarise what a model can see of the radiological signs of some test studies."""
    params = settings.synthetic
    invented = invent_studies(params, "test", params.studies.test, params.prevalence)
    measured = first_of_each(invented, SIGNS_OF_EACH)
    views = [set(of_study) for of_study in test.table["views"].to_pylist()]
    positives = {
        name: [v for v, label in zip(views, labels, strict=True) if label == 1]
        for name, labels in zip(test.classes, test.labels.T, strict=True)
    }
    return {
        "size": settings.size,
        "studies": len(measured),
        "findings": summarise_signs(measured, params, settings.size, positives),
    }
