"""The paper's benchmarks side by side: scores of one model against several sets of labels."""

from collections.abc import Iterator

import numpy as np

from camchex.aggregates.csv_files import Row
from camchex.contract.labels import MIMIC_14
from camchex.scores.bootstrap import Draws
from camchex.scores.intervals import macro_row
from camchex.scores.labelled_split import Split, mimic14_matrix
from camchex.scores.metrics import Floats

BENCHMARKS = (
    *("benchmark", "blank", "uncertain", "level", "studies", "classes", "classes_not_scored"),
    *("mAP", "mAP_low", "mAP_high", "AUROC", "AUROC_low", "AUROC_high"),
)
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
