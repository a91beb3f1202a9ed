"""Scores against several sets of labels: the paper's benchmarks, and labels that people gave."""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from camchex.aggregates.csv_files import Row
from camchex.aggregates.small_cells import Counts, is_small, shown_positives, tells_one_small
from camchex.contract.labels import MIMIC_14
from camchex.contract.schemas import SPLITS
from camchex.scores.bootstrap import Draws, draw_patients
from camchex.scores.intervals import macro_row
from camchex.scores.labelled_split import Split, mimic14_matrix
from camchex.scores.metrics import Floats
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
    test: Split, probabilities: Floats, label_space: str, draws: Draws, level: float
) -> Iterator[Row]:
    """Macro scores on every set of labels that the cohort has, as rows below ``BENCHMARKS``.

    Probabilities, (N, Q), and draws are those of the test studies; ``label_space`` names the one
    that was learnt; the level is the share of the resamples within an interval.
    """
    shared = [name for name in test.classes if name in MIMIC_14]
    columns = [list(test.classes).index(name) for name in shared]
    sets = [((label_space, "", ""), test.labels, list(range(len(test.classes))))]
    if shared and len(shared) < len(test.classes):
        subset = f"{label_space}, the classes of MIMIC-CXR-JPG"
        sets.append(((subset, "", ""), test.labels[:, columns], columns))
    for policy, (blank, uncertain) in POLICIES.items() if shared else ():
        labels = mimic14_matrix(test.table, shared, blank, uncertain)
        sets.append((("mimic-14", *policy), labels, columns))
    for name, labels, chosen in sets:
        studies = int((~np.isnan(labels)).any(axis=1).sum())
        for unit, times in (("study", None), ("image", test.images)):
            scores, means = macro_row(labels, probabilities[:, chosen], draws, level, times)
            missing = [test.classes[q] for q, s in zip(chosen, scores, strict=True) if s.ap is None]
            yield *name, unit, studies, len(scores) - len(missing), "; ".join(missing), *means


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
        params: Resamples of the intervals, and the smallest count that may be shown.
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
    patients = [p for p, here in zip(test.patients, kept, strict=True) if here]
    draws = draw_patients(patients, params.bootstrap.resamples, params.bootstrap.seed)
    recommended = next(iter(POLICIES))
    single = [(name, recommended, [q]) for q, name in enumerate(shared)]
    every = [(ALL, meaning, list(range(len(shared)))) for meaning in POLICIES]
    for seed, probabilities in predictions.items():
        predicted = probabilities[kept][:, columns]
        for name, meaning, chosen in (*every, *single):
            truth = labels[meaning][:, chosen]
            scores, bounds = macro_row(truth, predicted[:, chosen], draws, params.bootstrap.level)
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
