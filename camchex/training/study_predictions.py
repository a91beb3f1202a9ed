"""Probabilities of whole studies, as the cohort describes them or with indications swapped."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from camchex import schemas
from camchex.models.camchex import CaMChex
from camchex.runtime import RuntimeParams
from camchex.training.batches import check_size
from camchex.training.prediction import predict
from camchex.training.samples import StudySamples
from camchex.training.study_data import StudyDataset, reader_of


def predict_studies(model: CaMChex, samples: StudySamples, runtime: RuntimeParams) -> pa.Table:
    """Probabilities of studies (``schemas.predictions``), in their order.

    Raises:
        ModelError: If the images do not fit the model.
    """
    studies = StudyDataset(samples, reader_of(model))
    check_size(studies, model.image_size)
    probabilities = predict(model, studies, runtime)
    columns = {"study_id": samples.study_ids, "split": samples.splits}
    columns |= {name: pa.array(probabilities[:, i]) for i, name in enumerate(model.classes)}
    return pa.table(columns, schema=schemas.predictions(model.classes))


def swap_indications(samples: StudySamples, seed: int) -> StudySamples:
    """Give every study the indication of a random study of its split: a text that knows nothing.

    Source: method, section 10 (audit vi: shuffle indications between studies).
    """
    draw = np.random.default_rng(seed)
    splits = np.array(samples.splits)
    donors = np.arange(len(samples))
    for split in sorted(set(samples.splits)):
        rows = np.flatnonzero(splits == split)
        donors[rows] = draw.permutation(rows)
    return replace(samples, indications=[samples.indications[i] for i in donors])
