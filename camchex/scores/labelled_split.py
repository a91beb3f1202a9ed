"""The studies of one split: the labels to score against, and predictions of the studies."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from camchex.contract import schemas, tables
from camchex.contract.labels import MIMIC_14
from camchex.errors import DataError, counted
from camchex.scores.metrics import Floats, MacroScore, macro, score_classes

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Split:
    """The N studies of one split: rows of ``schemas.cohort``, and what they say as arrays."""

    table: pa.Table
    classes: Sequence[str]  # the label space, Q names
    labels: Floats  # 1, 0, or NaN where unknown, (N, Q)
    images: NDArray[np.int64]  # number of images of each study, (N,)

    @property
    def patients(self) -> list[str]:
        """The patient of each study, (N,)."""
        found: list[str] = self.table["patient_id"].to_pylist()
        return found

    @property
    def patient(self) -> NDArray[np.intp]:
        """The number of the patient of each study, (N,)."""
        return numbered(self.patients)


def numbered(names: Sequence[str]) -> NDArray[np.intp]:
    """Each name's number among the distinct ones, (N,)."""
    return np.unique(np.asarray(names, str), return_inverse=True)[1].astype(np.intp)


def matrix(table: pa.Table, columns: Sequence[str]) -> Floats:
    """Columns of a table as (rows, columns), null as NaN."""
    return np.stack([table[name].to_numpy().astype(np.float64) for name in columns], axis=1)


def labelled_split(cohort: pa.Table, split: str, classes: Sequence[str]) -> Split:
    """Select one split of the cohort.

    Raises:
        DataError: If it has no study.
    """
    part = cohort.filter(pc.equal(cohort["split"], split))
    if not part.num_rows:
        raise DataError(f"cohort: no study in the split {split!r}, so nothing to score or compare.")
    images = pc.list_value_length(part["image_ids"]).to_numpy().astype(np.int64)
    return Split(part, classes, matrix(part, classes), images)


def read_probabilities(path: Path, split: Split) -> Floats:
    """Read the probabilities of the split's studies, in their order, (N, Q).

    The file holds ``schemas.predictions``; other splits in it are ignored.

    Raises:
        DataError: If a study has no prediction, two, or one that is no probability, or if the
            predictions know studies of this split that the cohort does not.
    """
    predictions = tables.read(path, schemas.predictions(split.classes))
    wanted = split.table["study_id"].combine_chunks()
    name = split.table["split"][0].as_py()
    given = predictions.filter(pc.equal(predictions["split"], name))
    if not given["study_id"].combine_chunks().equals(wanted):
        raise DataError(
            f"{path}: {counted(given.num_rows, 'study', 'studies')} in the split {name!r}, "
            f"the cohort has {len(wanted):,}, and they are not the same ones in the same order. "
            "Predict again: `dvc repro`."
        )
    return matrix(given, split.classes)


def read_seeds(folder: Path, seeds: Sequence[int], split: Split) -> dict[int, Floats]:
    """Read ``seed<s>.parquet`` of each seed with :func:`read_probabilities`; ignore other files."""
    return {seed: read_probabilities(folder / f"seed{seed}.parquet", split) for seed in seeds}


@dataclass(frozen=True)
class LabelSet:
    """One set of labels to score against: 1, 0, or NaN where unknown, (N, K).

    ``columns`` has the number of each of the K classes among the Q that are predicted.
    """

    labels: Floats
    columns: Sequence[int]
    classes: Sequence[str]

    def known(self, cells: Bools | None = None) -> Floats:
        """The labels, but NaN outside the cells that count, (N, K) booleans; None: all count."""
        return self.labels if cells is None else np.where(cells, self.labels, np.nan)

    def macro(self, scores: Floats, cells: Bools | None = None) -> MacroScore:
        """Mean over classes of the scores of predictions, (N, Q), on the cells that count."""
        found = score_classes(self.known(cells), scores[:, self.columns], self.classes)
        return macro(found.values())

    def mean_prevalence(self, cells: Bools) -> float | None:
        """Mean over classes of the share of positives among some cells, (N, K) booleans."""
        return float(np.nanmean(self.known(cells), axis=0).mean()) if self.classes else None

    def only(self, kept: Sequence[str]) -> "LabelSet":
        """These labels for fewer classes."""
        at = [i for i, name in enumerate(self.classes) if name in kept]
        columns = [self.columns[i] for i in at]
        return LabelSet(self.labels[:, at], columns, [self.classes[i] for i in at])


def label_sets(test: Split, blank: float = 0, uncertain: float = np.nan) -> dict[str, LabelSet]:
    """Three sets of labels of the test studies.

    ``blank`` and ``uncertain`` are those of :func:`mimic14_matrix`.

    Returns:
        ``labels``: the labels that are learnt; ``labels_of_mimic14_classes``: those of the classes
        that MIMIC-CXR-JPG has too; ``mimic14``: MIMIC-CXR-JPG's own labels of these classes. A cell
        of the last two is known in both, or in neither.
    """
    everything = LabelSet(test.labels, range(len(test.classes)), test.classes)
    shared = [name for name in test.classes if name in MIMIC_14]
    learnt, published = (
        everything.only(shared),
        mimic14_matrix(test.table, shared, blank, uncertain),
    )
    unknown = np.isnan(learnt.labels) | np.isnan(published)
    fourteen = replace(learnt, labels=np.where(unknown, np.nan, learnt.labels))
    independent = replace(learnt, labels=np.where(unknown, np.nan, published))
    return {"labels": everything, "labels_of_mimic14_classes": fourteen, "mimic14": independent}


def mimic14_matrix(
    table: pa.Table, classes: Sequence[str], blank: float, uncertain: float = np.nan
) -> Floats:
    """Labels of MIMIC-CXR-JPG of K classes, (N, K): 1, 0, or NaN where unknown.

    A study with no entry at all is unknown, since the published table does not list it. ``blank``
    is the label of a finding that the report does not mention: 0, or NaN where only findings that
    the report rules out count as absent; ``uncertain``, of one that it is not sure of.

    Source: docs/method.md, section 4.4 (blank is 0, uncertain is left out).
    """
    published = matrix(table, [f"mimic14.{name}" for name in MIMIC_14])
    listed = ~np.isnan(published).all(axis=1, keepdims=True)
    chosen = published[:, [MIMIC_14.index(name) for name in classes]]
    filled: Floats = np.where(listed, np.nan_to_num(chosen, nan=blank), np.nan)
    filled[filled == -1] = uncertain
    return filled
