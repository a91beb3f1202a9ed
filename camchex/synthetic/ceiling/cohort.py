"""The ceilings' probabilities of every study of one split of a synthetic cohort."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from camchex.contract.labels import CXR_LT_2023
from camchex.errors import DataError
from camchex.synthetic.ceiling.naming import Floats
from camchex.synthetic.ceiling.observer import Shown, posteriors, read_evidence, upper_bounds
from camchex.synthetic.ceiling.posterior import Generator
from camchex.synthetic.ceiling.shared_shadows import places_seen
from camchex.synthetic.params import DRAWN, SyntheticParams
from camchex.synthetic.people.patients import invent_splits

DIGITS = 12  # equal evidence is then a tie, however its sums were rounded


@dataclass(frozen=True)
class Ceilings:
    """Probabilities that the best observers give to the studies of one split.

    A study whose indication the generator does not write counts as having none. There is no such
    study, unless the rules for sections let in what radiologists wrote.
    """

    probabilities: dict[str, Floats]  # (N, Q) by set of modalities
    indications: int  # studies whose indication can be read
    unread: int  # studies with an indication that the generator does not write
    vitals: int  # studies with at least one vital sign


def ceilings(
    model: Generator, studies: pa.Table, truth: pa.Table, classes: Sequence[str]
) -> Ceilings:
    """Compute the ceilings' probabilities.

    Args:
        model: The generator that wrote the cohort.
        studies: The N rows of one split, ``schemas.cohort``.
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
    seen = [read_evidence(*pair, model.params.wording) for pair in texts]
    rows = []
    for evidence, images in zip(seen, _shown(model.params, studies, truth), strict=True):
        exact = posteriors(model, evidence)
        rows.append({**exact, **upper_bounds(model, evidence, images, exact)})
    read = [bool(evidence.readings) for evidence in seen]
    return Ceilings(
        probabilities={
            name: np.stack([row[name][columns] for row in rows]).round(DIGITS) for name in rows[0]
        },
        indications=sum(read),
        unread=sum(text is not None for text in indications) - sum(read),
        vitals=sum(bool(evidence.values) for evidence in seen),
    )


def _shown(params: SyntheticParams, studies: pa.Table, truth: pa.Table) -> list[Shown]:
    """Say what the images of each study show; shared shadows are drawn again from the seed."""
    found = map(Shown, present_findings(studies, truth))
    if not params.synergy:
        return list(found)
    invented = {study.study_id: study for study in invent_splits(params)}
    drawn = []
    for shown, study_id in zip(found, studies["study_id"].to_pylist(), strict=True):
        study = invented.get(study_id)
        if study is None or {*study.severities} != {*np.array(DRAWN)[shown.present].tolist()}:
            raise DataError(
                f"truth.parquet: study {study_id!r} is not as `synthetic` of params.yaml invents "
                "it, so its shared shadows are not known. Make both again with `dvc repro`."
            )
        drawn.append(replace(shown, places=places_seen(study)))
    return drawn


def present_findings(studies: pa.Table, truth: pa.Table) -> NDArray[np.bool_]:
    """Look up the findings that are really there, by the first image of each study, (N, F).

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
