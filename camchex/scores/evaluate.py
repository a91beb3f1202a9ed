"""The scores of one model on the test studies, as aggregates that may be published."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import shown_positives, tells_one_small
from camchex.contract.labels import CXR_LT_2023
from camchex.scores.intervals import NO_INTERVALS, ByLevel, Intervals
from camchex.scores.labelled_split import Split, labelled_split
from camchex.scores.metrics import (
    ClassScore,
    Floats,
    by_class,
    macro,
    not_scored,
    optimism,
    score_classes,
)

Scores = Mapping[str, ClassScore]
Groups = Mapping[str, Sequence[str]]
HEAD, BODY, TAIL = "head", "body", "tail"

PERCENT = (0.10, 0.01)
"""Shares of the training images, as Table 2 prints its groups: more is head, less is tail."""
CHALLENGE = (10_000, 1_000)
"""Numbers of training images: the groups behind the challenge's scores that Table 2 quotes."""

PAPER: Groups = MappingProxyType(
    {
        HEAD: (
            *("Atelectasis", "Cardiomegaly", "Edema", "Lung Opacity", "No Finding"),
            *("Pleural Effusion", "Pneumonia", "Support Devices"),
        ),
        BODY: (
            *("Calcification of the Aorta", "Consolidation", "Emphysema"),
            *("Enlarged Cardiomediastinum", "Fracture", "Hernia", "Infiltration", "Mass"),
            *("Nodule", "Pneumothorax"),
        ),
        TAIL: (
            *("Fibrosis", "Lung Lesion", "Pleural Other", "Pleural Thickening"),
            *("Pneumomediastinum", "Pneumoperitoneum", "Subcutaneous Emphysema"),
            "Tortuous Aorta",
        ),
    }
)
"""Table A2: the groups of the paper's own rows, which follow neither of the two rules."""


def evaluate(
    test: Split,
    probabilities: Floats,
    cohort: pa.Table,
    min_cell: int,
    levels: ByLevel = NO_INTERVALS,
) -> Results:
    """Score the predictions of one model, per study and per image.

    A class with few positives (or negatives) counts in the means, but is not shown on its own.

    Probabilities, (N, Q), are those of the test studies. The training images of the cohort
    (``schemas.cohort``) say which classes are frequent. Intervals (``mAP_interval``,
    ``AP_interval``, ``AUROC_interval``: low, high), where given, stand beside each score.

    Returns:
        Scores per study (``study``) and, each study's prediction repeated for its images, per
        image (``image``), each with its micro and weighted means, its frequency groups, and how far
        the mAP may lie above that of endlessly many such studies (``mAP_optimism``); the
        mean prevalence of the classes shown, which is the mAP of chance; and the scores per study
        of each class.

    Raises:
        DataError: If the cohort has no training study.

    Source: paper Tables 1 to 3 and A2; docs/method.md, section 9 (levels and groups).
    """
    groups = training_groups(labelled_split(cohort, "train", test.classes))
    units = {"study": np.ones(len(test.labels), np.int64), "image": test.images}
    found: dict[str, object] = {}
    by_unit = {
        unit: score_classes(test.labels, probabilities, test.classes, times)
        for unit, times in units.items()
    }
    for unit, scores in by_unit.items():
        found[unit] = {
            **_means(scores, levels[unit]),
            "mAP_optimism": optimism(scores.values()),
            "classes_scored": macro(scores.values()).classes,
            "classes_not_scored": not_scored(scores),
            "groups": {
                rule: {
                    group: _group({name: scores[name] for name in names}, min_cell, levels[unit])
                    for group, names in members.items()
                }
                for rule, members in groups.items()
            },
            **_other_means(test, probabilities, scores, min_cell, units[unit]),
        }
    each, bounds = by_unit["study"], levels["study"]
    return {
        "studies": len(test.labels),
        "images": int(test.images.sum()),
        "mean_prevalence": mean_prevalence(each.values(), min_cell),
        **found,
        "per_class": {
            name: {**class_row(score, min_cell), **bounds.of_class(name, score, min_cell)}
            for name, score in each.items()
        },
    }


def training_groups(train: Split) -> dict[str, dict[str, list[str]]]:
    """Head, body and tail by every rule, from the images of the training studies."""
    cells = (train.labels == 1, ~np.isnan(train.labels))
    counts = ((train.images @ chosen).tolist() for chosen in cells)
    return groupings(*(dict(zip(train.classes, count, strict=True)) for count in counts))


def groupings(
    positives: Mapping[str, int], known: Mapping[str, int]
) -> dict[str, dict[str, list[str]]]:
    """Divide the classes into head, body and tail by every rule that applies.

    Training images are counted by class: those with the class, and those whose label is known.

    Returns:
        Names of the classes by group, for each rule: ``paper`` (only for the 26 classes of CXR-LT
        2023), ``percent``, ``challenge``.

    Source: paper Tables 2 and A2; docs/method.md, section 9 (Table 2 compares different groups).
    """
    found: dict[str, dict[str, list[str]]] = {}
    if set(positives) == set(CXR_LT_2023):
        found["paper"] = {group: list(names) for group, names in PAPER.items()}
    share = {name: count / max(known[name], 1) for name, count in positives.items()}
    for rule, frequency, (above, below) in (
        ("percent", share, PERCENT),
        ("challenge", positives, CHALLENGE),
    ):
        groups: dict[str, list[str]] = {HEAD: [], BODY: [], TAIL: []}
        for name, value in frequency.items():
            groups[HEAD if value > above else TAIL if value < below else BODY].append(name)
        found[rule] = groups
    return found


def mean_prevalence(scores: Iterable[ClassScore], min_cell: int) -> float | None:
    """Mean prevalence of the classes shown; one over all classes would give hidden counts away."""
    shown = [score.prevalence for score in scores if score.may_be_shown(min_cell)]
    return float(np.mean(shown)) if shown else None


def class_row(score: ClassScore, min_cell: int) -> Results:
    """One class as it may be shown: no score and no exact count where there are few studies."""
    small = score.is_small(min_cell)
    return {
        "AP": None if small else score.ap,
        "AUROC": None if small else score.auroc,
        "positives": shown_positives(score.positives, score.negatives, min_cell),
        "prevalence": None if small else score.prevalence,
    }


def _means(scores: Scores, bounds: Intervals, *, hidden: bool = False) -> Results:
    mean = macro([] if hidden else scores.values())
    return {"mAP": mean.ap, "AUROC": mean.auroc, **bounds.of_mean(scores, hidden=hidden)}


def _group(scores: Scores, min_cell: int, bounds: Intervals) -> Results:
    """Mean of a group; None where it would be the score of a single small class."""
    small = [score.is_small(min_cell) for score in scores.values() if score.ap is not None]
    return {
        **_means(scores, bounds, hidden=tells_one_small(small)),
        "classes": list(scores),
        "classes_scored": len(small),
    }


def _other_means(
    test: Split, probabilities: Floats, scores: Scores, min_cell: int, times: NDArray[np.int64]
) -> Results:
    """Micro and weighted means of the classes shown; others would give hidden counts away."""
    shown = [q for q, score in enumerate(scores.values()) if score.may_be_shown(min_cell)]
    if not shown:
        return dict.fromkeys(("mAP_micro", "mAP_weighted", "AUROC_micro", "AUROC_weighted"))
    names = [test.classes[q] for q in shown]
    found = by_class(test.labels[:, shown], probabilities[:, shown], names, times)
    return {
        f"{key}_{average}": getattr(one, average)
        for key, one in (("mAP", found["ap"]), ("AUROC", found["auroc"]))
        for average in ("micro", "weighted")
    }
