"""Score every seed on groups of patients that a further table tells apart: by race, or by age."""

import numpy as np
import pyarrow.compute as pc

from camchex.aggregates.csv_files import write_tables
from camchex.aggregates.small_cells import write_counts
from camchex.contract import params, schemas, tables
from camchex.contract.labels import LabelParams
from camchex.scores.calibration_file import read_calibration
from camchex.scores.groups.further import count_groups, score_groups
from camchex.scores.labelled_split import labelled_split, read_seeds
from camchex.scores.params import EvaluationParams
from camchex.sources.mimic.demographics import READERS
from stages import Input, Name, Output, run


def main(
    *,
    characteristic: Name,
    table: Input,
    studies: Input,
    cohort: Input,
    predictions: Input,
    calibration: Input,
    out: Output,
    counts: Output,
) -> None:
    """Write scores and gaps of sensitivity by group, and how many studies each group has."""
    classes = params.load("labels", LabelParams).classes
    evaluation = params.load("evaluation", EvaluationParams)
    known, taken = (
        tables.read(cohort, schemas.cohort(classes)),
        tables.read(studies, schemas.STUDIES),
    )
    row = pc.index_in(known["study_id"], value_set=taken["study_id"].combine_chunks())
    values = READERS[characteristic](table, taken.take(row))
    write_counts(count_groups(known, values, evaluation.min_cell), counts, evaluation.min_cell)
    test = labelled_split(known, "test", classes)
    of_test = np.flatnonzero(pc.equal(known["split"], "test").to_numpy()).tolist()
    predicted = read_seeds(predictions, params.load("seeds", list[int]), test)
    models = {s: (p, read_calibration(calibration / f"seed{s}.json")) for s, p in predicted.items()}
    rows = [values[i] for i in of_test]
    write_tables(score_groups(test, characteristic, rows, models, evaluation), out)


if __name__ == "__main__":
    run(main)
