"""Studies of the cohort with their images, texts and labels."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any, Self

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from camchex.contract.image_store import ImageStore
from camchex.networks.batches import Floats, Rows
from camchex.networks.samples import Cohort, label_matrix


@dataclass(frozen=True)
class StudySamples:
    """S studies; every list has one entry per study.

    Attributes:
        store: The prepared images.
        study_ids: Study ids as published.
        splits: train, development or test.
        rows: Positions in the store of each study's images, (n,).
        lateral: Which of a study's images are lateral, (n,).
        indications: Cleaned text; None where there is none.
        vitals: Vital signs as text.
        targets: 1, 0, or NaN where unknown, (S, Q).
    """

    store: ImageStore
    study_ids: list[str]
    splits: list[str]
    rows: list[Rows]
    lateral: list[NDArray[np.bool_]]
    indications: list[str | None]
    vitals: list[str]
    targets: Floats

    def __len__(self) -> int:
        return len(self.study_ids)

    def take(self, rows: Sequence[int] | Rows) -> Self:
        """Select studies by position, in the given order; a study may be taken more than once."""
        lists: dict[str, Any] = {
            field.name: [getattr(self, field.name)[row] for row in rows]
            for field in fields(self)
            if field.name not in {"store", "targets"}
        }
        return replace(self, **lists, targets=self.targets[list(rows)])


def cohort_studies(cohort: Cohort, splits: Sequence[str]) -> StudySamples:
    """Select the studies of some splits, in the order of the cohort.

    Raises:
        DataError: If the store lacks an image of the cohort.
    """
    part = cohort.table.filter(pc.field("split").isin(list(splits)))
    image_ids = part["image_ids"].to_pylist()
    ends = np.cumsum([0, *map(len, image_ids)])
    rows = cohort.store.rows([name for names in image_ids for name in names])
    return StudySamples(
        store=cohort.store,
        study_ids=part["study_id"].to_pylist(),
        splits=part["split"].to_pylist(),
        rows=[rows[start:end] for start, end in pairwise(ends)],
        lateral=[np.array(views, dtype=str) == "lateral" for views in part["views"].to_pylist()],
        indications=part["indication"].to_pylist(),
        vitals=part["vitals_text"].to_pylist(),
        targets=label_matrix(part, cohort.classes),
    )
