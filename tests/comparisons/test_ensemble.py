"""Late fusion is the mean, study by study."""

import pyarrow as pa
import pytest

from camchex.comparisons.ensemble import average
from camchex.contract import schemas
from camchex.errors import DataError

CLASSES = ("Edema", "Hernia")


def predictions(ids: list[str], *values: list[float]) -> pa.Table:
    columns = {
        "study_id": ids,
        "split": ["test"] * len(ids),
        **dict(zip(CLASSES, values, strict=True)),
    }
    return pa.table(columns, schema=schemas.predictions(CLASSES))


def test_probabilities_are_averaged_by_class_and_study() -> None:
    first = predictions(["1", "2"], [0.0, 0.5], [0.25, 1.0])
    second = predictions(["1", "2"], [1.0, 0.25], [0.75, 1.0])
    third = predictions(["1", "2"], [0.5, 0.0], [0.5, 0.25])
    assert average([first, second, third], CLASSES) == predictions(
        ["1", "2"], [0.5, 0.25], [0.5, 0.75]
    )


def test_predictions_of_other_studies_are_refused() -> None:
    with pytest.raises(DataError, match="different studies"):
        average([predictions(["1"], [0.1], [0.1]), predictions(["2"], [0.1], [0.1])], CLASSES)
