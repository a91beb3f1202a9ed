"""Score the predictions of one model on the test studies, and calibrate it on development."""

from pathlib import Path
from typing import Annotated

import typer

from camchex.aggregates.csv_files import write_tables
from camchex.aggregates.results import write_results
from camchex.contract import params, schemas, tables
from camchex.contract.labels import LabelParams
from camchex.runs.runtime import RuntimeParams
from camchex.scores.calibration_file import write_calibration
from camchex.scores.evaluate_model import evaluate_model
from camchex.scores.params import EvaluationParams
from camchex.scores.subgroups import view_positions
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
    studies = tables.read(cohort, schemas.cohort(labels.classes))
    tables.require_disjoint_patients(studies)
    found = evaluate_model(
        studies,
        labels.classes,
        predictions,
        params.load("evaluation", EvaluationParams),
        label_space=labels.space if isinstance(labels.space, str) else "own labels",
        positions=view_positions(tables.read(images, schemas.IMAGES)) if images else None,
        workers=params.load("runtime", RuntimeParams).workers,
    )
    write_results(found.metrics, out)
    write_tables(found.tables, curves)
    if calibration is not None:
        write_calibration(found.calibration, calibration)


if __name__ == "__main__":
    run(main)
