"""Everything that is measured of one model, in one call."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from camchex.aggregates.csv_files import Table
from camchex.aggregates.results import Results
from camchex.contract.labels import LabelParams
from camchex.scores.benchmarks import BENCHMARKS, benchmark_rows
from camchex.scores.calibration_file import Calibration
from camchex.scores.curves import reliability_curves, score_curves
from camchex.scores.decisions import DECISIONS, NET_BENEFIT, decision_rows, net_benefit_rows
from camchex.scores.evaluate import evaluate
from camchex.scores.fit_calibration import calibration_scores, compared, fit_calibration
from camchex.scores.groups import SERVED_ALIKE
from camchex.scores.groups.gaps import GAPS, gap_rows
from camchex.scores.groups.subgroups import (
    SUBGROUPS,
    characteristics,
    subgroup_rows,
    view_positions,
)
from camchex.scores.intervals import NONE, intervals
from camchex.scores.labelled_split import labelled_split, read_probabilities
from camchex.scores.params import EvaluationParams


def evaluate_model(
    cohort: pa.Table,
    labels: LabelParams,
    predictions: Path,
    params: EvaluationParams,
    images: pa.Table | None,
) -> tuple[Results, Calibration, dict[str, Table]]:
    """Fit the calibration of a model to the development studies, and score it on the test studies.

    The cohort has ``schemas.cohort``; the file of predictions, ``schemas.predictions`` of both
    splits; the images, ``schemas.IMAGES`` with view positions for the subgroups, None: not known.

    Returns:
        The metrics: the few numbers that ``dvc metrics diff`` shows (scores with their bounds per
        study and per image; head, body and tail, in the grouping of the paper where it applies;
        calibration), and all results in ``details``, a list of one: DVC takes no list for a
        metric. Then the calibration; and curves, decisions, subgroups, gaps and benchmarks as
        tables by file name.

    Raises:
        DataError: If a split has no study, or the predictions are not of these studies.
    """
    classes, splits = labels.classes, ("development", "test")
    development, test = (labelled_split(cohort, name, classes) for name in splits)
    probabilities, min_cell = read_probabilities(predictions, test), params.min_cell
    fitted = fit_calibration(
        development.labels, read_probabilities(predictions, development), classes, min_cell
    )
    level = params.bootstrap.level
    bounds = intervals(test, probabilities, level)
    results = evaluate(test, probabilities, cohort, min_cell, bounds)
    metrics: dict[str, Any] = {"study": {}, "image": {}}
    for unit, shown in metrics.items():
        for score in ("mAP", "AUROC"):
            low, high = results[unit][f"{score}_interval"] or NONE
            shown |= {score: results[unit][score], f"{score}_low": low, f"{score}_high": high}
        shown["mAP_optimism"] = results[unit]["mAP_optimism"]
    rule, groups = next(iter(results["study"]["groups"].items()))
    metrics[f"study_mAP_{rule}"] = {group: row["mAP"] for group, row in groups.items()}
    kinds = compared(probabilities, fitted, classes)
    calibrated = kinds["_calibrated"]
    metrics["calibration"] = {
        **calibration_scores(test.labels, kinds, development.labels, min_cell),
        "temperature": fitted.temperature,
    }
    metrics["details"] = [results]
    values = characteristics(test.table, None if images is None else view_positions(images))
    subgroups = subgroup_rows(test, probabilities, values, level, min_cell)
    alike = {name: values[name] for name in SERVED_ALIKE}
    space = labels.space if isinstance(labels.space, str) else "own labels"
    benchmarks = benchmark_rows(test, probabilities, space, bounds)
    tables = {
        **score_curves(test, probabilities, min_cell, bounds["study"]),
        **reliability_curves(test, kinds, min_cell),
        "decisions": (DECISIONS, decision_rows(test, calibrated, fitted, level, min_cell)),
        "net_benefit": (NET_BENEFIT, net_benefit_rows(test, calibrated, min_cell)),
        "subgroups": (SUBGROUPS, subgroups),
        "gaps": (GAPS, gap_rows(test, calibrated, fitted, alike, level, min_cell)),
        "benchmarks": (BENCHMARKS, benchmarks),
    }
    return metrics, fitted, tables
