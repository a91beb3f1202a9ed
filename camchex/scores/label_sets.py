"""Sets of labels that the same predictions are scored against: the learnt and MIMIC-CXR-JPG's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from camchex.contract.labels import MIMIC_14
from camchex.scores.labelled_split import Split, matrix
from camchex.scores.metrics import Floats, MacroScore, macro, score_classes

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class LabelSet:
    """One set of labels to score against.

    Attributes:
        labels: 1, 0, or NaN where unknown, (N, K).
        columns: Number of each class among the Q that are predicted, (K).
        classes: Names of the classes, (K).
    """

    labels: Floats
    columns: Sequence[int]
    classes: Sequence[str]

    def macro(self, scores: Floats, cells: Bools | None = None) -> MacroScore:
        """Mean over classes of the scores of predictions.

        Args:
            scores: Numbers that rank, (N, Q).
            cells: Labels that count, (N, K) booleans; None: all.
        """
        known = self.labels if cells is None else np.where(cells, self.labels, np.nan)
        return macro(score_classes(known, scores[:, self.columns], self.classes).values())

    def only(self, kept: Sequence[str]) -> "LabelSet":
        """These labels for fewer classes."""
        at = [i for i, name in enumerate(self.classes) if name in kept]
        columns = [self.columns[i] for i in at]
        return LabelSet(self.labels[:, at], columns, [self.classes[i] for i in at])


def label_sets(test: Split) -> dict[str, LabelSet]:
    """Three sets of labels of the test studies.

    Returns:
        ``labels``: the labels that are learnt; ``labels_of_mimic14_classes``: those of the classes
        that MIMIC-CXR-JPG has too; ``mimic14``: MIMIC-CXR-JPG's own labels of these classes. A cell
        of the last two is known in both, or in neither.
    """
    everything = LabelSet(test.labels, range(len(test.classes)), test.classes)
    shared = [name for name in test.classes if name in MIMIC_14]
    learnt, published = everything.only(shared), mimic14_matrix(test.table, shared, 0)
    unknown = np.isnan(learnt.labels) | np.isnan(published)
    fourteen = replace(learnt, labels=np.where(unknown, np.nan, learnt.labels))
    independent = replace(learnt, labels=np.where(unknown, np.nan, published))
    return {"labels": everything, "labels_of_mimic14_classes": fourteen, "mimic14": independent}


def mimic14_matrix(
    table: pa.Table, classes: Sequence[str], blank: float, uncertain: float = np.nan
) -> Floats:
    """Labels of MIMIC-CXR-JPG, (N, K): 1, 0, or NaN where unknown.

    A study with no entry at all is unknown, since the published table does not list it.

    Args:
        table: Rows of ``schemas.cohort``.
        classes: K classes of ``MIMIC_14``.
        blank: Label of a finding that the report does not mention: 0, or NaN where only findings
            that the report rules out count as absent.
        uncertain: Label of a finding that the report is not sure of: NaN, 0 or 1.

    Source: docs/method.md, section 4.4 (blank is 0, uncertain is left out).
    """
    published = matrix(table, [f"mimic14.{name}" for name in MIMIC_14])
    listed = ~np.isnan(published).all(axis=1, keepdims=True)
    chosen = published[:, [MIMIC_14.index(name) for name in classes]]
    filled: Floats = np.where(listed, np.nan_to_num(chosen, nan=blank), np.nan)
    filled[filled == -1] = uncertain
    return filled
