"""Scores against several sets of labels: the paper's benchmarks, and labels that people gave."""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from camchex.aggregates.csv_files import Row
from camchex.aggregates.small_cells import Counts, is_small, shown_positives, tells_one_small
from camchex.contract.labels import MIMIC_14
from camchex.contract.schemas import SPLITS
from camchex.scores.intervals import ByLevel, macro_row, mean_row
from camchex.scores.labelled_split import Split, mimic14_matrix
from camchex.scores.metrics import ClassScore, Floats, not_scored, score_classes
from camchex.scores.params import EvaluationParams

BENCHMARKS = (
    *("benchmark", "blank", "uncertain", "level", "studies", "classes", "classes_not_scored"),
    *("mAP", "mAP_low", "mAP_high", "AUROC", "AUROC_low", "AUROC_high"),
)
CURATED = (
    *("seed", "finding", "blank", "uncertain", "studies", "positives", "classes"),
    *("mAP", "mAP_low", "mAP_high", "AUROC", "AUROC_low", "AUROC_high"),
)
ALL = "all findings"
HIDDEN = (None,) * 6
POLICIES = {
    ("negative", "left out"): (0.0, np.nan),
    ("negative", "negative"): (0.0, 0.0),
    ("negative", "positive"): (0.0, 1.0),
    ("left out", "left out"): (np.nan, np.nan),
}
"""Labels that a blank and an uncertain entry of MIMIC-CXR-JPG become; the first is recommended.

Source: docs/method.md, section 4.4. The paper does not say which it used.
"""


def benchmark_rows(
    test: Split,
    probabilities: Floats,
    label_space: str,
    bounds: ByLevel,
) -> Iterator[Row]:
    """Macro scores on every set of labels that the cohort has, as rows below ``BENCHMARKS``.

    Probabilities, (N, Q), and bounds are those of the test studies; ``label_space`` names the set
    that was learnt.
    """
    shared = [name for name in test.classes if name in MIMIC_14]
    columns = [list(test.classes).index(name) for name in shared]
    learnt = {label_space: list(test.classes)}
    if shared and len(shared) < len(test.classes):
        learnt[f"{label_space}, the classes of MIMIC-CXR-JPG"] = shared
    patient, guesses = test.patient, probabilities[:, columns]
    units = (("study", None), ("image", test.images))
    each = {u: score_classes(test.labels, probabilities, test.classes, t) for u, t in units}
    for name, names in learnt.items():
        labels = test.labels[:, [list(test.classes).index(one) for one in names]]
        for unit, _ in units:
            scores = {one: each[unit][one] for one in names}
            yield name, "", "", *_row(unit, labels, scores, mean_row(scores, bounds[unit]))
    for policy, (blank, uncertain) in POLICIES.items() if shared else ():
        labels = mimic14_matrix(test.table, shared, blank, uncertain)
        for unit, times in units:
            level = bounds[unit].level
            found, means = macro_row(labels, guesses, patient, level, times)
            scores = dict(zip(shared, found, strict=True))
            yield "mimic-14", *policy, *_row(unit, labels, scores, means)


def _row(unit: str, labels: Floats, scores: Mapping[str, ClassScore], means: Row) -> Row:
    """The columns of ``BENCHMARKS`` after the set of labels."""
    studies, missing = int((~np.isnan(labels)).any(axis=1).sum()), not_scored(scores)
    return unit, studies, len(scores) - len(missing), "; ".join(missing), *means


def curated_rows(
    test: Split, curated: pa.Table, predictions: Mapping[int, Floats], params: EvaluationParams
) -> Iterator[Row]:
    """Score each seed on the test studies that were curated, as rows below ``CURATED``.

    The means come first, by every meaning of blank and uncertain labels, then each finding by the
    recommended meaning. A finding with few positives, or few negatives, has no score of its own;
    with few curated studies there is no row.

    Args:
        test: The test studies.
        curated: ``schemas.study_labels(MIMIC_14)``; other studies in it are ignored.
        predictions: Probabilities of the test studies, (N, Q), by seed.
        params: Level of the intervals, and the smallest count that may be shown.
    """
    row = pc.index_in(test.table["study_id"], value_set=curated["study_id"].combine_chunks())
    kept = pc.is_valid(row).to_numpy()
    shared = [name for name in test.classes if name in MIMIC_14]
    if is_small(int(kept.sum()), params.min_cell) or not kept.any() or not shared:
        return
    columns = [list(test.classes).index(name) for name in shared]
    found = curated.take(row.drop_null())
    published = found.rename_columns({name: f"mimic14.{name}" for name in MIMIC_14})
    labels = {meaning: mimic14_matrix(published, shared, *to) for meaning, to in POLICIES.items()}
    patient, level = test.patient[kept], params.bootstrap.level
    recommended = next(iter(POLICIES))
    single = [(name, recommended, [q]) for q, name in enumerate(shared)]
    every = [(ALL, meaning, list(range(len(shared)))) for meaning in POLICIES]
    for seed, probabilities in predictions.items():
        predicted = probabilities[kept][:, columns]
        for name, meaning, chosen in (*every, *single):
            truth = labels[meaning][:, chosen]
            scores, bounds = macro_row(truth, predicted[:, chosen], patient, level)
            small = [s.is_small(params.min_cell) for s in scores if s.ap is not None]
            shown = HIDDEN if tells_one_small(small) else bounds
            first = scores[0]
            positives = shown_positives(first.positives, first.negatives, params.min_cell)
            known = int((~np.isnan(labels[meaning])).any(axis=1).sum())
            counts = known, "" if name == ALL else positives, len(small)
            yield seed, name, *meaning, *counts, *shown


def curated_counts(curated: pa.Table, cohort: pa.Table) -> Counts:
    """Count curated studies by the split of the cohort that they are in: only test is scored."""
    row = pc.index_in(curated["study_id"], value_set=cohort["study_id"].combine_chunks())
    split = pc.fill_null(cohort["split"].combine_chunks().take(row), "none")
    names = (*SPLITS, "none")
    by_split = {name: int(pc.sum(pc.equal(split, name)).as_py() or 0) for name in names}
    return {"studies": curated.num_rows, "by_split": by_split}
