"""Score the predictions of one model on the test studies."""

from camchex import params, schemas, tables
from camchex.evaluation.curves import write_curves
from camchex.evaluation.evaluate import evaluate
from camchex.evaluation.params import EvaluationParams
from camchex.evaluation.results import write_results
from camchex.evaluation.scored import of_split, read_probabilities
from camchex.labels import MIMIC_14, LabelParams
from stages import Input, Output, run


def main(cohort: Input, predictions: Input, out: Output, curves: Output) -> None:
    """Write scores per study, image, class and frequency group, and their curves."""
    classes = params.load("labels", LabelParams).classes
    min_cell = params.load("evaluation", EvaluationParams).min_cell
    studies = tables.read(cohort, schemas.cohort(classes, MIMIC_14))
    test = of_split(studies, "test", classes)
    probabilities = read_probabilities(predictions, test)
    write_results(evaluate(test, probabilities, studies, min_cell), out)
    write_curves(test, probabilities, curves, min_cell)


if __name__ == "__main__":
    run(main)
