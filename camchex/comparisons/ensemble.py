"""Models put together: late fusion of models of other inputs, and ensembles of seeds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.special import expit

from camchex.comparisons.two_models import compare_settings, read_setting
from camchex.comparisons.variant_tables import SCORES, Intervals, Scores
from camchex.comparisons.variants import Comparison, Files
from camchex.contract.tables import predictions_table
from camchex.errors import DataError
from camchex.scores.calibration_file import log_odds
from camchex.scores.ceiling import sum_of_log_odds
from camchex.scores.labelled_split import Split, matrix
from camchex.scores.metrics import Floats, macro, score_classes
from camchex.scores.params import EvaluationParams

LATE, LATE_LOG_ODDS = "late", "late_log_odds"


def late_fusion(members: Sequence[pa.Table], classes: Sequence[str]) -> dict[str, pa.Table]:
    """Put the predictions of several models together, study by study.

    The loss weighs classes and turns away from easy negatives, so that a model's log-odds are not
    those of frequencies: a prior that is counted from labels would not be the models' own. So the
    prior of a class is the mean of the log-odds that the models predict on the development studies,
    and each model adds to it how far its own log-odds of a study are from its mean.

    Args:
        members: ``schemas.predictions`` of the same studies in the same order, one or more.
        classes: The label space.

    Returns:
        ``late``: the mean of the probabilities. ``late_log_odds``: the sum of the log-odds, as a
        probability, with the prior of each class counted once.

    Raises:
        DataError: If the predictions are not of the same studies, or none is of development.
    """
    studies = members[0].select(["study_id", "split"])
    if any(not table.select(["study_id", "split"]).equals(studies) for table in members):
        raise DataError("predictions to be put together are of different studies: predict again")
    development = studies["split"].to_numpy() == "development"
    if not development.any():
        raise DataError("predictions of no development study, so that no prior is known")
    each = np.stack([matrix(table, classes) for table in members])
    prior = expit(log_odds(each[:, development]).mean(axis=(0, 1)))
    together = {LATE: each.mean(axis=0), LATE_LOG_ODDS: expit(sum_of_log_odds([*each], prior))}
    return {
        name: predictions_table(
            studies["study_id"], studies["split"], found.astype(np.float32), classes
        )
        for name, found in together.items()
    }


def compare_ensembles(
    comparison: Comparison,
    seeds: Sequence[int],
    files: Files,
    test: Split,
    params: EvaluationParams,
) -> tuple[dict[str, Scores], Intervals]:
    """Score the ensembles of a table: the mean of a row's probabilities over its seeds.

    Args:
        comparison: The table.
        seeds: The declared seeds.
        files: Folder of the predictions of a row.
        test: The test studies.
        params: Section ``evaluation``.

    Returns:
        Scores by name of the row, and the interval of the difference of each step between two
        ensembles, over the same resampled patients; None where only one small class is scored.

    Raises:
        DataError: If predictions are missing, or not of these studies.
    """
    rows = {row.name: row for row in comparison.rows}
    means: dict[str, Floats] = {}
    for name, row in rows.items():
        if row.of:
            folder = Path(files[rows[row.of].kind].format(name=row.of))
            means[name] = np.mean(read_setting(folder, seeds, test), axis=0)
    intervals: dict[tuple[str, str], dict[str, list[float] | None]] = {}
    for before, after in comparison.steps:
        if {before, after} <= means.keys():
            found = compare_settings(
                *(test, [means[before]], [means[after]], {}),
                level=params.bootstrap.level,
                min_cell=params.min_cell,
            )["means"].get("macro", {})
            ends = [found.get(metric, {}).get("interval") for metric in ("AP", "AUROC")]
            intervals[before, after] = dict(zip(SCORES, ends, strict=True))
    scores = {
        name: macro(score_classes(test.labels, mean, test.classes).values())
        for name, mean in means.items()
    }
    return {name: {"mAP": [s.ap], "AUROC": [s.auroc]} for name, s in scores.items()}, intervals
