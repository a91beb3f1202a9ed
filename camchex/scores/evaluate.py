"""The scores of one model on the test studies, as aggregates that may be published."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import shown_positives, tells_one_small
from camchex.scores.averages import by_class
from camchex.scores.groups import groupings
from camchex.scores.intervals import NO_SPREAD, Resamples, Spread
from camchex.scores.metrics import ClassScore, Floats, macro, not_scored, score_classes
from camchex.scores.scored import Split, of_split

Scores = Mapping[str, ClassScore]


def evaluate(
    test: Split,
    probabilities: Floats,
    cohort: pa.Table,
    min_cell: int,
    resamples: Resamples | None = None,
) -> Results:
    """Score the predictions of one model, per study and per image.

    A class with few positives (or negatives) counts in the means, but is not shown on its own.

    Args:
        test: The test studies.
        probabilities: Theirs, (N, Q).
        cohort: ``schemas.cohort``; its training images say which classes are frequent.
        min_cell: Smallest number of studies that is shown.
        resamples: For intervals (``mAP_interval``, ``AP_interval``, ``AUROC_interval``: low, high)
            beside each score; None: none.

    Returns:
        Scores per study (``study``) and, each study's prediction repeated for its images, per
        image (``image``), each with its micro and weighted means and its frequency groups; the
        mean prevalence of the classes shown, which is the mAP of chance; and the scores per study
        of each class.

    Raises:
        DataError: If the cohort has no training study.

    Source: paper Tables 1 to 3 and A2; docs/method.md, section 9 (levels and groups).
    """
    groups = training_groups(of_split(cohort, "train", test.classes))
    study = score_classes(test.labels, probabilities, test.classes)
    image = score_classes(test.labels, probabilities, test.classes, test.images)
    spread = (
        {"study": NO_SPREAD, "image": NO_SPREAD}
        if resamples is None
        else resamples.spread(test.classes)
    )
    return {
        "studies": len(test.labels),
        "images": int(test.images.sum()),
        "mean_prevalence": mean_prevalence(study.values(), min_cell),
        "study": {
            **_level(study, groups, min_cell, spread["study"]),
            **_other_means(test, probabilities, study, min_cell),
        },
        "image": {
            **_level(image, groups, min_cell, spread["image"]),
            **_other_means(test, probabilities, image, min_cell, test.images),
        },
        "per_class": {
            name: {**class_row(score, min_cell), **spread["study"].of_class(name, score, min_cell)}
            for name, score in study.items()
        },
    }


def training_groups(train: Split) -> dict[str, dict[str, list[str]]]:
    """Head, body and tail by every rule, from the images of the training studies."""
    positives = train.images @ (train.labels == 1)
    known = train.images @ ~np.isnan(train.labels)
    return groupings(
        dict(zip(train.classes, positives.tolist(), strict=True)),
        dict(zip(train.classes, known.tolist(), strict=True)),
    )


def mean_prevalence(scores: Iterable[ClassScore], min_cell: int) -> float | None:
    """Mean over the classes that are scored and shown; with the others, a small count follows."""
    shown = [s.prevalence for s in scores if s.may_be_shown(min_cell)]
    return float(np.mean(shown)) if shown else None


def class_row(score: ClassScore, min_cell: int) -> Results:
    """One class as it may be shown: no score and no exact count where there are few studies."""
    if not score.is_small(min_cell):
        return {
            "AP": score.ap,
            "AUROC": score.auroc,
            "positives": score.positives,
            "prevalence": score.prevalence,
        }
    positives = shown_positives(score.positives, score.negatives, min_cell)
    return {"AP": None, "AUROC": None, "positives": positives, "prevalence": None}


def _level(
    scores: Scores,
    groups: Mapping[str, Mapping[str, Sequence[str]]],
    min_cell: int,
    spread: Spread,
) -> Results:
    mean = macro(scores.values())
    return {
        "mAP": mean.ap,
        "AUROC": mean.auroc,
        **spread.of_mean(scores),
        "classes_scored": mean.classes,
        "classes_not_scored": not_scored(scores),
        "groups": {
            rule: {
                group: _group({name: scores[name] for name in names}, min_cell, spread)
                for group, names in members.items()
            }
            for rule, members in groups.items()
        },
    }


def _other_means(
    test: Split,
    probabilities: Floats,
    scores: Scores,
    min_cell: int,
    times: NDArray[np.int64] | None = None,
) -> Results:
    """Micro and weighted means of the classes shown: with the others, a small count follows."""
    shown = [q for q, score in enumerate(scores.values()) if score.may_be_shown(min_cell)]
    if not shown:
        return dict.fromkeys(("mAP_micro", "mAP_weighted", "AUROC_micro", "AUROC_weighted"))
    ap, auroc = by_class(test.labels[:, shown], probabilities[:, shown], times)
    return {
        "mAP_micro": ap.micro,
        "mAP_weighted": ap.weighted,
        "AUROC_micro": auroc.micro,
        "AUROC_weighted": auroc.weighted,
    }


def _group(scores: Scores, min_cell: int, spread: Spread) -> Results:
    """The mean of a group; of a single small class it would be that class's score."""
    mean = macro(scores.values())
    hidden = tells_one_small([s.is_small(min_cell) for s in scores.values() if s.ap is not None])
    return {
        "mAP": None if hidden else mean.ap,
        "AUROC": None if hidden else mean.auroc,
        **spread.of_mean(scores, hidden=hidden),
        "classes": list(scores),
        "classes_scored": mean.classes,
    }


def headline(results: Results, calibration: Results) -> Results:
    """The few numbers that ``dvc metrics diff`` shows, and everything else under ``details``.

    Args:
        results: As :func:`evaluate` returns them.
        calibration: As :func:`camchex.scores.fit_calibration.calibration_scores` returns it.

    Returns:
        Scores with their bounds per study and per image, head, body and tail (in the grouping of
        the paper where it applies), and calibration. ``details`` is a list of one: DVC takes no
        list for a metric.
    """
    rule, groups = next(iter(results["study"]["groups"].items()))
    return {
        **{level: _flat(results[level]) for level in ("study", "image")},
        f"study_mAP_{rule}": {group: row["mAP"] for group, row in groups.items()},
        "calibration": calibration,
        "details": [results],
    }


def _flat(level: Results) -> Results:
    found: dict[str, object] = {}
    for score in ("mAP", "AUROC"):
        low, high = level.get(f"{score}_interval") or (None, None)
        found |= {score: level[score], f"{score}_low": low, f"{score}_high": high}
    return found
