"""Late fusion: the mean of the models of images, indication and vital signs, seed by seed."""

from camchex.aggregates.results import write_results
from camchex.comparisons.ensemble import average
from camchex.contract import params, schemas, tables
from camchex.contract.labels import LabelParams
from camchex.scores.evaluate import evaluate
from camchex.scores.params import EvaluationParams
from camchex.scores.scored import of_split, read_probabilities
from stages import Input, Output, run


def main(
    images: Input,
    indication: Input,
    vitals: Input,
    cohort: Input,
    out: Output,
    metrics: Output,
) -> None:
    """Write predictions and scores of each declared seed into the two folders."""
    classes = params.load("labels", LabelParams).classes
    min_cell = params.load("evaluation", EvaluationParams).min_cell
    schema = schemas.predictions(classes)
    table = tables.read(cohort, schemas.cohort(classes))
    test = of_split(table, "test", classes)
    for seed in params.load("seeds", list[int]):
        name = f"seed{seed}.parquet"
        members = [tables.read(f / name, schema) for f in (images, indication, vitals)]
        tables.write(average(members, classes), out / name, schema)
        scores = evaluate(test, read_probabilities(out / name, test), table, min_cell)
        write_results(scores, metrics / f"seed{seed}.json")


if __name__ == "__main__":
    run(main)
