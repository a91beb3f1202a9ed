"""The ceilings' probabilities of every study of one split of a synthetic cohort."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from camchex.contract.labels import CXR_LT_2023
from camchex.errors import DataError
from camchex.synthetic.ceiling.observer import Evidence, bounds, posteriors, read_evidence
from camchex.synthetic.ceiling.posterior import Floats, Generator
from camchex.synthetic.params import DRAWN

DIGITS = 12  # the same evidence is then a tie, however its sums were rounded


@dataclass(frozen=True)
class Ceilings:
    """What the best observers say of the studies of one split.

    Attributes:
        probabilities: (N, Q) by set of modalities, in the order of the studies and classes given.
        indications: Studies whose indication can be read.
        unread: Studies with an indication that the generator does not write; they count as having
            none. 0, unless the section rules let in what radiologists wrote.
        vitals: Studies with at least one vital sign.
    """

    probabilities: dict[str, Floats]
    indications: int
    unread: int
    vitals: int


def ceilings(
    model: Generator, studies: pa.Table, truth: pa.Table, classes: Sequence[str]
) -> Ceilings:
    """Compute the ceilings' probabilities.

    Args:
        model: That wrote the cohort.
        studies: ``schemas.cohort``, the N rows of one split.
        truth: What is really there, per image (``make.TRUTH``).
        classes: The label space; a part of CXR-LT 2023.

    Raises:
        DataError: If the classes are others, or a study is not in the truth.
    """
    unknown = [name for name in classes if name not in CXR_LT_2023]
    if unknown:
        raise DataError(
            f"labels.space: {unknown} are no classes of CXR-LT 2023, for whose published labels "
            "alone the ceiling is known."
        )
    columns = [CXR_LT_2023.index(name) for name in classes]
    indications = studies["indication"].to_pylist()
    texts = zip(indications, studies["vitals_text"].to_pylist(), strict=True)
    seen = [read_evidence(*pair) for pair in texts]
    rows = [
        _of_study(model, evidence, present)
        for evidence, present in zip(seen, present_findings(studies, truth), strict=True)
    ]
    return Ceilings(
        probabilities={
            name: np.stack([row[name][columns] for row in rows]).round(DIGITS) for name in rows[0]
        },
        indications=sum(bool(evidence.readings) for evidence in seen),
        unread=sum(
            text is not None and not evidence.readings
            for text, evidence in zip(indications, seen, strict=True)
        ),
        vitals=sum(bool(evidence.values) for evidence in seen),
    )


def present_findings(studies: pa.Table, truth: pa.Table) -> NDArray[np.bool_]:
    """(N, F) findings that are really there, by the first image of each study.

    Raises:
        DataError: If an image has no truth: the cohort is not the synthetic one.
    """
    ours = truth.filter(pc.equal(truth["dataset"], "mimic"))
    place = {image: i for i, image in enumerate(ours["image_id"].to_pylist())}
    first = [images[0] for images in studies["image_ids"].to_pylist()]
    missing = next((image for image in first if image not in place), None)
    if missing is not None:
        raise DataError(
            f"truth.parquet: no image {missing!r}, which the cohort has. The ceiling is known for "
            "the synthetic cohort only: set data.root to it, and make both again with `dvc repro`."
        )
    table = np.stack([ours[finding].to_numpy() for finding in DRAWN], axis=1)
    return np.asarray(table[[place[image] for image in first]] == 1)


def _of_study(model: Generator, seen: Evidence, present: NDArray[np.bool_]) -> dict[str, Floats]:
    exact = posteriors(model, seen)
    return {**exact, **bounds(model, seen, present, exact)}
