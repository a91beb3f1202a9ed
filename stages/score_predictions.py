"""Scores on the test studies of every file of predictions in a folder, without intervals."""

from camchex.aggregates.results import write_results
from camchex.contract import params, schemas, tables
from camchex.contract.labels import LabelParams
from camchex.scores.evaluate import evaluate
from camchex.scores.labelled_split import labelled_split, read_probabilities
from camchex.scores.params import EvaluationParams
from stages import Input, Output, run


def main(predictions: Input, cohort: Input, out: Output) -> None:
    """Write ``<name>.json`` for each ``<name>.parquet``."""
    classes = params.load("labels", LabelParams).classes
    min_cell = params.load("evaluation", EvaluationParams).min_cell
    studies = tables.read(cohort, schemas.cohort(classes))
    test = labelled_split(studies, "test", classes)
    for path in sorted(predictions.glob("*.parquet")):
        scores = evaluate(test, read_probabilities(path, test), studies, min_cell)
        write_results(scores, out / f"{path.stem}.json")


if __name__ == "__main__":
    run(main)
