"""Join the scores of several variants into one table, beside the paper's."""

from pathlib import Path

from camchex.comparisons.ensemble import compare_ensembles
from camchex.comparisons.variant_tables import Spreads, read_perturbed, read_scores, variant_table
from camchex.comparisons.variant_text import write_table
from camchex.comparisons.variant_trainings import read_trained
from camchex.comparisons.variants import COMPARISONS, Files
from camchex.contract import params, schemas, tables
from camchex.contract.labels import LabelParams
from camchex.scores.labelled_split import labelled_split
from camchex.scores.params import EvaluationParams
from stages import Input, Name, Output, origin, run

SCORES_OF: Files = {
    "final": "metrics/seeds/seed{seed}.json",
    "variant": "metrics/ablations/{name}/seed{seed}.json",
    "image_model": "metrics/ablations/image_models/{name}.json",
    "student": "metrics/ablations/students/seed{seed}/{name}.json",
}
PREDICTIONS_OF: Files = {"final": "data/predictions", "variant": "data/ablations/{name}"}
SIZE_OF: Files = {
    "final": "metrics/curves/train/fusion_seed{seed}/size.json",
    "variant": "metrics/curves/ablations/{name}/seed{seed}/size.json",
    "image_model": "metrics/curves/train/{name}/size.json",
    "student": "metrics/curves/ablations/students/seed{seed}/{name}/size.json",
}
"""Where scores, predictions and sizes of trainings are: of each kind, for each name and seed."""


def main(
    table: Name, cohort: Input, out: Output, csv: Output, md: Output, stability: Input
) -> None:
    """Write the table as JSON, CSV and Markdown."""
    seeds, compared = params.load("seeds", list[int]), COMPARISONS[table]
    scores = {row.name: read_scores(row, seeds, SCORES_OF) for row in compared.rows if not row.of}
    trained = {row.name: read_trained(row, compared, seeds, SIZE_OF) for row in compared.rows}
    classes = params.load("labels", LabelParams).classes
    test = labelled_split(tables.read(cohort, schemas.cohort(classes)), "test", classes)
    evaluation = params.load("evaluation", EvaluationParams)
    averaged, intervals = compare_ensembles(compared, seeds, PREDICTIONS_OF, test, evaluation)
    data = origin(params.load("data.root", Path))
    spreads = Spreads(read_perturbed(stability, data), intervals)
    found = variant_table(compared, {**scores, **averaged}, seeds, data, spreads, trained)
    write_table(found, out, csv, md)


if __name__ == "__main__":
    run(main)
