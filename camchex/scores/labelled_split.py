"""The studies of one split: their labels, and the predictions of a model beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from camchex.contract import schemas, tables
from camchex.errors import DataError
from camchex.scores.metrics import Floats


@dataclass(frozen=True)
class Split:
    """The N studies of one split, as the cohort describes them.

    Attributes:
        table: Rows of ``schemas.cohort``.
        classes: The label space, Q names.
        labels: 1, 0, or NaN where unknown, (N, Q).
        images: Number of images of each study, (N,).
    """

    table: pa.Table
    classes: Sequence[str]
    labels: Floats
    images: NDArray[np.int64]

    @property
    def patients(self) -> list[str]:
        """The patient of each study, (N,)."""
        found: list[str] = self.table["patient_id"].to_pylist()
        return found


def matrix(table: pa.Table, columns: Sequence[str]) -> Floats:
    """Columns of a table as (rows, columns), null as NaN."""
    filled = [table[name].to_numpy().astype(np.float64) for name in columns]
    return np.stack(filled, axis=1)


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

    Args:
        path: ``schemas.predictions``; other splits in it are ignored.
        split: The studies.

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
            f"{path}: {given.num_rows} studies in the split {name!r}, the cohort has "
            f"{len(wanted)}, and they are not the same ones in the same order. "
            "Predict again: `dvc repro`."
        )
    probabilities = matrix(given, split.classes)
    bad = np.argwhere(~((probabilities >= 0) & (probabilities <= 1)))
    if len(bad):
        row, column = bad[0]
        raise DataError(
            f"{path}: study {wanted[int(row)]}, {split.classes[column]}: expected a probability, "
            f"found {probabilities[row, column]}. Train again: `dvc repro -f train_fusion`."
        )
    return probabilities


def read_seeds(folder: Path, seeds: Sequence[int], split: Split) -> dict[int, Floats]:
    """Probabilities of several seeds, ``seed<s>.parquet`` in a folder; other files are ignored.

    Raises:
        DataError: As :func:`read_probabilities`, for the first seed that has a problem.
    """
    return {seed: read_probabilities(folder / f"seed{seed}.parquet", split) for seed in seeds}
