"""Score the predictions of one model on the test studies, and calibrate it on development."""

from camchex.aggregates.csv_files import write_tables
from camchex.aggregates.results import write_results
from camchex.contract import params, schemas, tables
from camchex.contract.labels import LabelParams
from camchex.scores.calibration_file import write_calibration
from camchex.scores.evaluate_model import evaluate_model
from camchex.scores.params import EvaluationParams
from stages import Input, OptionalInput, OptionalOutput, Output, run


def main(
    cohort: Input,
    predictions: Input,
    out: Output,
    curves: Output,
    calibration: OptionalOutput = None,
    images: OptionalInput = None,
) -> None:
    """Write scores per study, image, class, group and subgroup, and what development fitted."""
    labels = params.load("labels", LabelParams)
    studies = tables.read(cohort, schemas.cohort(labels.classes))
    tables.require_disjoint_patients(studies)
    metrics, fitted, curves_by_name = evaluate_model(
        studies,
        labels,
        predictions,
        params.load("evaluation", EvaluationParams),
        tables.read(images, schemas.IMAGES) if images else None,
    )
    write_results(metrics, out)
    write_tables(curves_by_name, curves)
    if calibration is not None:
        write_calibration(fitted, calibration)


if __name__ == "__main__":
    run(main)
