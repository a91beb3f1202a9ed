"""Late fusion: the mean of the models of images, indication and vital signs, seed by seed."""

from camchex import params, schemas, tables
from camchex.evaluation.ensemble import average
from camchex.evaluation.evaluate import evaluate
from camchex.evaluation.params import EvaluationParams
from camchex.evaluation.results import write_results
from camchex.evaluation.scored import of_split, read_probabilities
from camchex.labels import MIMIC_14, LabelParams
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
    table = tables.read(cohort, schemas.cohort(classes, MIMIC_14))
    test = of_split(table, "test", classes)
    for seed in params.load("seeds", list[int]):
        name = f"seed{seed}.parquet"
        members = [tables.read(f / name, schema) for f in (images, indication, vitals)]
        tables.write(average(members, classes), out / name, schema)
        scores = evaluate(test, read_probabilities(out / name, test), table, min_cell)
        write_results(scores, metrics / f"seed{seed}.json")


if __name__ == "__main__":
    run(main)
