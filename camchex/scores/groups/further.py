"""Scores by a further characteristic of patients, which a table of its own tells."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from camchex.aggregates.csv_files import Row, Table
from camchex.aggregates.small_cells import Counts, hidden_values
from camchex.contract.schemas import SPLITS
from camchex.scores.calibration_file import Calibration
from camchex.scores.groups import UNKNOWN
from camchex.scores.groups.gaps import GAPS, gap_rows
from camchex.scores.groups.subgroups import SUBGROUPS, subgroup_rows
from camchex.scores.labelled_split import Split
from camchex.scores.metrics import Floats
from camchex.scores.params import EvaluationParams

HIDDEN = "not shown"


def score_groups(
    test: Split,
    name: str,
    values: Sequence[str | None],
    models: Mapping[int, tuple[Floats, Calibration]],
    params: EvaluationParams,
) -> dict[str, Table]:
    """Score every seed's model on the groups of one characteristic.

    Args:
        test: The test studies.
        name: The characteristic.
        values: Group of each test study, (N,); None where it is not known.
        models: Probabilities of the test studies, (N, Q), and the calibration, by seed.
        params: Level of the intervals, and the smallest count that is shown.

    Returns:
        ``subgroups`` and ``gaps``, as those of every seed's own characteristics, after the seed.
    """
    groups = {name: [UNKNOWN if value is None else value for value in values]}
    level, min_cell = params.bootstrap.level, params.min_cell

    def subgroups() -> Iterator[Row]:
        for seed, (probabilities, _) in models.items():
            for row in subgroup_rows(test, probabilities, groups, level, min_cell):
                yield seed, *row

    def gaps() -> Iterator[Row]:
        for seed, (probabilities, fitted) in models.items():
            calibrated = fitted.calibrate(probabilities, test.classes)
            for row in gap_rows(test, calibrated, fitted, groups, level, min_cell):
                yield seed, *row

    return {
        "subgroups": (("seed", *SUBGROUPS), subgroups()),
        "gaps": (("seed", *GAPS), gaps()),
    }


def count_groups(cohort: pa.Table, values: Sequence[str | None], min_cell: int) -> Counts:
    """Count the studies of each group by split; what would tell a small count is not shown.

    Args:
        cohort: ``schemas.cohort``, N rows.
        values: Group of each study, (N,); None where it is not known.
        min_cell: Smallest count that is shown.
    """
    found: dict[str, Counts] = {}
    splits = cohort["split"].to_pylist()
    for split in SPLITS:
        pairs = zip(values, splits, strict=True)
        counts = Counter(UNKNOWN if value is None else value for value, at in pairs if at == split)
        hidden = hidden_values(counts, min_cell)
        found[split] = {
            value: HIDDEN if value in hidden else counts[value] for value in sorted(counts)
        }
    return found
