"""Probabilities of whole studies."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from camchex.contract import schemas
from camchex.fusion.camchex import CaMChex
from camchex.fusion.image_choice import image_groups
from camchex.fusion.params import FusionArchitecture
from camchex.fusion.study_data import StudyDataset, reader_of
from camchex.fusion.study_samples import StudySamples
from camchex.networks.batches import Floats, Rows, check_size
from camchex.networks.inference import predict
from camchex.runs.runtime import RuntimeParams


def predict_studies(model: CaMChex, samples: StudySamples, runtime: RuntimeParams) -> pa.Table:
    """Probabilities of studies (``schemas.predictions``), in their order.

    Raises:
        ModelError: If the images do not fit the model.
    """
    read, owners = readings(samples, model.config.fusion)
    studies = StudyDataset(read, reader_of(model))
    check_size(studies, model.image_size)
    probabilities = mean_by_study(predict(model, studies, runtime), owners)
    columns = {"study_id": samples.study_ids, "split": samples.splits}
    columns |= {name: pa.array(probabilities[:, i]) for i, name in enumerate(model.classes)}
    return pa.table(columns, schema=schemas.predictions(model.classes))


def readings(samples: StudySamples, fusion: FusionArchitecture) -> tuple[StudySamples, Rows]:
    """The studies as they are read: once, or under ``average`` in groups of their images.

    Returns:
        One entry per reading, and the row in ``samples`` of its study, ascending.
    """
    owners = np.arange(len(samples))
    if fusion.beyond_max_images == "choose" or "images" not in fusion.inputs:
        return samples, owners
    groups = [image_groups(lateral, fusion.max_images) for lateral in samples.lateral]
    owners = np.repeat(owners, [len(of_study) for of_study in groups])
    chosen = [group for of_study in groups for group in of_study]
    repeated = replace(
        samples,
        study_ids=[samples.study_ids[i] for i in owners],
        splits=[samples.splits[i] for i in owners],
        rows=[samples.rows[i][c] for i, c in zip(owners, chosen, strict=True)],
        lateral=[samples.lateral[i][c] for i, c in zip(owners, chosen, strict=True)],
        indications=[samples.indications[i] for i in owners],
        vitals=[samples.vitals[i] for i in owners],
        targets=samples.targets[owners],
    )
    return repeated, owners


def mean_by_study(probabilities: Floats, owners: Rows) -> Floats:
    """Mean probabilities of the readings of each study, (S, Q), from those of all, (R, Q)."""
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    counts = np.diff(starts, append=len(owners))
    sums = np.add.reduceat(probabilities, starts) if len(owners) else probabilities
    return (sums / counts[:, None]).astype(np.float32)
