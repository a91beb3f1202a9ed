"""Late fusion: the mean of models each of which reads other inputs."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from camchex.contract.tables import predictions_table
from camchex.errors import DataError
from camchex.scores.labelled_split import matrix


def average(predictions: Sequence[pa.Table], classes: Sequence[str]) -> pa.Table:
    """Mean probability of every study over several models.

    Args:
        predictions: ``schemas.predictions`` of the same studies in the same order, one or more.
        classes: The label space.

    Raises:
        DataError: If the predictions are not of the same studies.
    """
    studies = predictions[0].select(["study_id", "split"])
    if any(not table.select(["study_id", "split"]).equals(studies) for table in predictions):
        raise DataError("predictions to be averaged are of different studies: predict them again")
    mean = np.mean([matrix(table, classes) for table in predictions], axis=0).astype(np.float32)
    return predictions_table(studies["study_id"], studies["split"], mean, classes)
