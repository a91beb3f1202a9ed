"""The sets of labels that predictions are scored against in the audit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from camchex.contract.labels import MIMIC_14
from camchex.scores.metrics import Floats, MacroScore, macro, score_classes
from camchex.scores.scored import Split, matrix

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class LabelSet:
    """One set of labels to score against.

    Attributes:
        labels: 1, 0, or NaN where unknown, (N, K).
        columns: Which of the Q classes they are, (K).
        classes: Their names, (K).
    """

    labels: Floats
    columns: Sequence[int]
    classes: Sequence[str]

    def macro(self, scores: Floats, cells: Bools | None = None) -> MacroScore:
        """Mean score of (N, Q), of all labels or of some cells, (N, K)."""
        known = self.labels if cells is None else np.where(cells, self.labels, np.nan)
        return macro(score_classes(known, scores[:, self.columns], self.classes).values())

    def only(self, kept: Sequence[str]) -> "LabelSet":
        """The same labels of fewer classes."""
        at = [i for i, name in enumerate(self.classes) if name in kept]
        columns = [self.columns[i] for i in at]
        return LabelSet(self.labels[:, at], columns, [self.classes[i] for i in at])


def label_sets(test: Split) -> dict[str, LabelSet]:
    """The labels that are learnt, the same of MIMIC-CXR-JPG's classes, and MIMIC-CXR-JPG's own.

    The second and the third are of the same studies and classes: known in both, or unknown.
    """
    everything = LabelSet(test.labels, range(len(test.classes)), test.classes)
    shared = [name for name in test.classes if name in MIMIC_14]
    learnt, published = everything.only(shared), mimic14_labels(test.table, shared, 0)
    unknown = np.isnan(learnt.labels) | np.isnan(published)
    fourteen = replace(learnt, labels=np.where(unknown, np.nan, learnt.labels))
    independent = replace(learnt, labels=np.where(unknown, np.nan, published))
    return {"labels": everything, "labels_of_mimic14_classes": fourteen, "mimic14": independent}


def mimic14_labels(
    table: pa.Table, classes: Sequence[str], blank: float, uncertain: float = np.nan
) -> Floats:
    """MIMIC-CXR-JPG's labels, (N, K).

    A study with no entry at all is unknown: its table does not list it.

    Args:
        table: Rows of ``schemas.cohort``.
        classes: K of ``MIMIC_14``.
        blank: What a finding is that the report does not mention: 0, or NaN where only findings
            that it rules out count as absent.
        uncertain: What a finding is that the report is not sure of: NaN, 0 or 1.

    Source: docs/method.md, section 4.4 (blank is 0, uncertain is left out).
    """
    published = matrix(table, [f"mimic14.{name}" for name in MIMIC_14])
    listed = ~np.isnan(published).all(axis=1, keepdims=True)
    chosen = published[:, [MIMIC_14.index(name) for name in classes]]
    filled: Floats = np.where(listed, np.nan_to_num(chosen, nan=blank), np.nan)
    filled[filled == -1] = uncertain
    return filled
