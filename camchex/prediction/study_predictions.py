"""Probabilities of whole studies."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from camchex.contract.tables import predictions_table
from camchex.fusion.camchex import CaMChex
from camchex.fusion.image_choice import image_groups
from camchex.fusion.params import FusionArchitecture
from camchex.fusion.study_data import StudyDataset, StudySamples, reader_of
from camchex.networks.batches import Floats, Rows, check_size
from camchex.networks.inference import predict
from camchex.runs.runtime import RuntimeParams


def predict_studies(model: CaMChex, samples: StudySamples, runtime: RuntimeParams) -> pa.Table:
    """Predict studies: a table of ``schemas.predictions`` in their order.

    Raises:
        ModelError: If the images do not fit the model.
    """
    read, owners = readings(samples, model.config.fusion)
    studies = StudyDataset(read, reader_of(model))
    check_size(studies, model.image_size)
    probabilities = mean_by_study(predict(model, studies, runtime), owners)
    return predictions_table(samples.study_ids, samples.splits, probabilities, model.classes)


def readings(samples: StudySamples, fusion: FusionArchitecture) -> tuple[StudySamples, Rows]:
    """List what the model reads: each study once, or under ``average`` each group of its images.

    Returns:
        One entry per reading, (R), and the row in ``samples`` of its study, ascending, (R,).
    """
    owners = np.arange(len(samples))
    if fusion.beyond_max_images == "choose" or "images" not in fusion.inputs:
        return samples, owners
    groups = [image_groups(lateral, fusion.max_images) for lateral in samples.lateral]
    owners = np.repeat(owners, [len(of_study) for of_study in groups])
    repeated = samples.take(owners)
    chosen = [group for of_study in groups for group in of_study]
    return replace(
        repeated,
        rows=[rows[group] for rows, group in zip(repeated.rows, chosen, strict=True)],
        lateral=[views[group] for views, group in zip(repeated.lateral, chosen, strict=True)],
    ), owners


def mean_by_study(probabilities: Floats, owners: Rows) -> Floats:
    """Average the probabilities of readings (R, Q) over studies: (S, Q).

    ``owners`` is the study of each reading, ascending, (R,).
    """
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    counts = np.diff(starts, append=len(owners))
    sums = np.add.reduceat(probabilities, starts) if len(owners) else probabilities
    return (sums / counts[:, None]).astype(np.float32)
