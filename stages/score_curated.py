"""Score every seed against labels that radiologists gave to some of the test studies."""

from camchex.aggregates.csv_files import write_csv
from camchex.aggregates.small_cells import write_counts
from camchex.contract import params, schemas, tables
from camchex.contract.labels import MIMIC_14, LabelParams
from camchex.scores.benchmarks import CURATED, curated_counts, curated_rows
from camchex.scores.labelled_split import labelled_split, read_seeds
from camchex.scores.params import EvaluationParams
from camchex.sources.csv.matches import require_matches
from camchex.sources.mimic.curated import count_contradictions, read_curated
from camchex.sources.mimic.mimic_cxr import require_same_ids
from stages import Input, Output, run


def main(
    *, table: Input, cohort: Input, predictions: Input, labels: Output, out: Output, counts: Output
) -> None:
    """Write the curated labels as a canonical table, the scores, and counts of the studies."""
    classes = params.load("labels", LabelParams).classes
    evaluation = params.load("evaluation", EvaluationParams)
    curated = read_curated(table)
    tables.write(curated, labels, schemas.study_labels(MIMIC_14))
    studies = tables.read(cohort, schemas.cohort(classes))
    require_matches((table, curated), (cohort, studies), ["study_id"])
    require_same_ids([table], studies)
    test = labelled_split(studies, "test", classes)
    probabilities = read_seeds(predictions, params.load("seeds", list[int]), test)
    write_csv(CURATED, curated_rows(test, curated, probabilities, evaluation), out)
    counted = {
        **curated_counts(curated, studies),
        "no_finding_beside_a_finding": count_contradictions(curated),
    }
    write_counts(counted, counts, evaluation.min_cell)


if __name__ == "__main__":
    run(main)
