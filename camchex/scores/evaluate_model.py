"""Everything that is measured of one model, in one call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from camchex.aggregates.csv_files import Table
from camchex.aggregates.results import Results
from camchex.scores.benchmarks import BENCHMARKS, benchmark_rows
from camchex.scores.bootstrap import draw_patients
from camchex.scores.calibration_file import Calibration
from camchex.scores.curves import reliability_curves, score_curves
from camchex.scores.evaluate import evaluate
from camchex.scores.fit_calibration import (
    DECISIONS,
    calibration_scores,
    decision_rows,
    fit_calibration,
)
from camchex.scores.intervals import intervals
from camchex.scores.labelled_split import labelled_split, read_probabilities
from camchex.scores.params import EvaluationParams
from camchex.scores.subgroups import SUBGROUPS, characteristics, subgroup_rows


@dataclass(frozen=True)
class Evaluation:
    """Everything that is measured of one model.

    Attributes:
        metrics: The few numbers that ``dvc metrics diff`` shows: scores with their bounds per
            study and per image, head, body and tail (in the grouping of the paper where it
            applies), and calibration. All results stand in ``details``, a list of one: DVC takes
            no list for a metric.
        calibration: Temperature and thresholds.
        tables: Curves, decisions, subgroups and benchmarks, by file name.
    """

    metrics: Results
    calibration: Calibration
    tables: Mapping[str, Table]


def evaluate_model(  # noqa: PLR0913 - one model's inputs, and how they are scored
    cohort: pa.Table,
    classes: Sequence[str],
    predictions: Path,
    params: EvaluationParams,
    *,
    label_space: str,
    positions: Mapping[str, str] | None,
    workers: int = 1,
) -> Evaluation:
    """Fit the calibration of a model to the development studies, and score it on the test studies.

    Args:
        cohort: ``schemas.cohort``.
        classes: The label space, Q names.
        predictions: ``schemas.predictions`` of development and test.
        params: Smallest number of studies that is shown, and how intervals are found.
        label_space: Name of the label space.
        positions: View position (AP, PA, ...) by image, for subgroups; None: not known.
        workers: Threads.

    Raises:
        DataError: If a split has no study, or the predictions are not of these studies.
    """
    development, test = (labelled_split(cohort, name, classes) for name in ("development", "test"))
    probabilities, min_cell = read_probabilities(predictions, test), params.min_cell
    fitted = fit_calibration(
        development.labels, read_probabilities(predictions, development), classes, min_cell
    )
    level = params.bootstrap.level
    draws = draw_patients(test.patients, params.bootstrap.resamples, params.bootstrap.seed)
    bounds = intervals(test, probabilities, draws, level, workers)
    results = evaluate(test, probabilities, cohort, min_cell, bounds)
    calibrated = calibration_scores(test.labels, probabilities, fitted.temperature)
    groups = characteristics(test.table, positions)
    subgroups = subgroup_rows(test, probabilities, groups, draws, level, min_cell)
    benchmarks = benchmark_rows(test, probabilities, label_space, draws, level)
    return Evaluation(
        _metrics(results, calibrated),
        fitted,
        {
            **score_curves(test, probabilities, min_cell, bounds["study"]),
            **reliability_curves(test, probabilities, fitted.temperature, min_cell),
            "decisions": (DECISIONS, decision_rows(test, probabilities, fitted, min_cell)),
            "subgroups": (SUBGROUPS, subgroups),
            "benchmarks": (BENCHMARKS, benchmarks),
        },
    )


def _metrics(results: Results, calibrated: Results) -> Results:
    """The numbers of ``Evaluation.metrics``, and the results as their details."""
    rule, groups = next(iter(results["study"]["groups"].items()))
    metrics: dict[str, object] = {}
    for unit in ("study", "image"):
        shown: dict[str, object] = {}
        for score in ("mAP", "AUROC"):
            low, high = results[unit].get(f"{score}_interval") or (None, None)
            shown |= {score: results[unit][score], f"{score}_low": low, f"{score}_high": high}
        metrics[unit] = shown
    return {
        **metrics,
        f"study_mAP_{rule}": {group: row["mAP"] for group, row in groups.items()},
        "calibration": calibrated,
        "details": [results],
    }
