"""The benchmarks of the paper side by side, and that no patient is both learnt from and tested."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from camchex.aggregates.csv_files import Row
from camchex.contract.labels import MIMIC_14
from camchex.errors import DataError
from camchex.scores.bootstrap import Draws, bootstrap, bounds, mean_over
from camchex.scores.label_sets import mimic14_labels
from camchex.scores.metrics import Floats, macro, score_classes
from camchex.scores.scored import Split

HEADER = (
    *("benchmark", "blank", "uncertain", "level", "studies", "classes", "classes_not_scored"),
    *("mAP", "mAP_low", "mAP_high", "AUROC", "AUROC_low", "AUROC_high"),
)
POLICIES = {
    ("negative", "left out"): (0.0, np.nan),
    ("negative", "negative"): (0.0, 0.0),
    ("negative", "positive"): (0.0, 1.0),
    ("left out", "left out"): (np.nan, np.nan),
}
"""What a blank and an uncertain label of MIMIC-CXR-JPG count as; the first is recommended.

Source: docs/method.md, section 4.4. The paper does not say which it used.
"""
NONE = (None, None)


def refuse_shared_patients(cohort: pa.Table) -> None:
    """Check that no patient is in two splits.

    Args:
        cohort: ``schemas.cohort``.

    Raises:
        DataError: If one is: how many, and in which splits.
    """
    pairs = cohort.select(["patient_id", "split"]).group_by(["patient_id", "split"]).aggregate([])
    splits = pairs.group_by("patient_id").aggregate([("split", "count")])
    shared = splits.filter(pc.greater(splits["split_count"], 1))["patient_id"]
    if len(shared):
        within = pairs.filter(pc.is_in(pairs["patient_id"], shared.combine_chunks()))["split"]
        raise DataError(
            f"cohort: {len(shared)} patients are in more than one of the splits "
            f"{', '.join(sorted(set(within.to_pylist())))}, so the test would be of patients that "
            "were learnt from. Correct the column split of your studies (docs/own_data.md)."
        )


def benchmark_rows(
    test: Split, probabilities: Floats, space: str, draws: Draws, level: float
) -> Iterator[Row]:
    """Macro scores on every set of labels that the cohort has, as rows below ``HEADER``.

    Args:
        test: The test studies.
        probabilities: Theirs, (N, Q).
        space: Name of the label space that was learnt.
        draws: Of their patients.
        level: Share of the resamples within an interval.
    """
    images = test.images
    yield from _rows((space, "", ""), test, test.labels, probabilities, draws, level)
    shared = [name for name in test.classes if name in MIMIC_14]
    if not shared:
        return
    columns = [list(test.classes).index(name) for name in shared]
    guesses = probabilities[:, columns]
    part = Split(test.table, shared, test.labels[:, columns], images)
    if len(shared) < len(test.classes):
        subset = f"{space}, the classes of MIMIC-CXR-JPG"
        yield from _rows((subset, "", ""), part, part.labels, guesses, draws, level)
    for policy, (blank, uncertain) in POLICIES.items():
        labels = mimic14_labels(test.table, shared, blank, uncertain)
        yield from _rows(("mimic-14", *policy), part, labels, guesses, draws, level)


def _rows(
    name: tuple[str, str, str],
    test: Split,
    labels: Floats,
    probabilities: Floats,
    draws: Draws,
    level: float,
) -> Iterator[Row]:
    """Per study and per image."""
    for unit, times in (("study", None), ("image", test.images)):
        scores = score_classes(labels, probabilities, test.classes, times)
        mean = macro(scores.values())
        scored = [q for q, score in enumerate(scores.values()) if score.ap is not None]
        resampled = bootstrap(labels[:, scored], probabilities[:, scored], draws, times)
        missing = "; ".join(n for n, score in scores.items() if score.ap is None)
        studies = int((~np.isnan(labels)).any(axis=1).sum())
        yield (
            *(*name, unit, studies, mean.classes, missing, mean.ap),
            *(bounds(mean_over(resampled.ap), level, mean.ap) or NONE),
            mean.auroc,
            *(bounds(mean_over(resampled.auroc), level, mean.auroc) or NONE),
        )
