"""Score the predictions of one model on the test studies, and calibrate it on development."""

from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

from camchex.aggregates.csv_files import write_csv
from camchex.aggregates.results import write_results
from camchex.contract import params, schemas, tables
from camchex.contract.labels import LabelParams
from camchex.runs.runtime import RuntimeParams
from camchex.scores import benchmarks, decisions, subgroups
from camchex.scores.bootstrap import draw_patients
from camchex.scores.calibration import write_calibration
from camchex.scores.curves import write_calibration_curves, write_curves
from camchex.scores.evaluate import evaluate, headline
from camchex.scores.fit_calibration import calibration_scores, fit
from camchex.scores.intervals import resample
from camchex.scores.params import EvaluationParams
from camchex.scores.scored import of_split, read_probabilities
from stages import Input, Output, run

Calibrated = Annotated[Path | None, typer.Option(help="Output: temperature and thresholds.")]
Images = Annotated[Path | None, typer.Option(help="Input: view positions, for the subgroups.")]


def main(
    cohort: Input,
    predictions: Input,
    out: Output,
    curves: Output,
    calibration: Calibrated = None,
    images: Images = None,
) -> None:
    """Write scores per study, image, class, group and subgroup, and what development fitted."""
    labels = params.load("labels", LabelParams)
    given = params.load("evaluation", EvaluationParams)
    workers = params.load("runtime", RuntimeParams).workers
    studies = tables.read(cohort, schemas.cohort(labels.classes))
    benchmarks.refuse_shared_patients(studies)
    test = of_split(studies, "test", labels.classes)
    probabilities = read_probabilities(predictions, test)
    development = of_split(studies, "development", labels.classes)
    guessed = read_probabilities(predictions, development)
    fitted = fit(development.labels, guessed, labels.classes, given.min_cell)
    if calibration is not None:
        write_calibration(fitted, calibration)

    resamples = resample(test, probabilities, given.bootstrap, workers)
    results = evaluate(test, probabilities, studies, given.min_cell, resamples)
    calibrated = calibration_scores(test.labels, probabilities, fitted.temperature)
    write_results(headline(results, calibrated), out)
    spread = resamples.spread(labels.classes)["study"]
    write_curves(test, probabilities, curves, given.min_cell, spread)
    write_calibration_curves(test, probabilities, fitted.temperature, curves, given.min_cell)

    rows = decisions.decision_rows(test, probabilities, fitted, given.min_cell)
    write_csv(decisions.HEADER, rows, curves / "decisions.csv")
    level = given.bootstrap.level
    draws = draw_patients(test.patients, given.bootstrap.resamples, given.bootstrap.seed)
    groups = subgroups.characteristics(test.table, _positions(images) if images else None)
    rows = subgroups.subgroup_rows(test, probabilities, groups, draws, level, given.min_cell)
    write_csv(subgroups.HEADER, rows, curves / "subgroups.csv")
    space = labels.space if isinstance(labels.space, str) else "own labels"
    rows = benchmarks.benchmark_rows(test, probabilities, space, draws, level)
    write_csv(benchmarks.HEADER, rows, curves / "benchmarks.csv")


def _positions(path: Path) -> dict[str, str]:
    """View position by image, where there is one."""
    table: pa.Table = tables.read(path, schemas.IMAGES)
    pairs = zip(table["image_id"].to_pylist(), table["view_position"].to_pylist(), strict=True)
    return {image: position for image, position in pairs if position}


if __name__ == "__main__":
    run(main)
