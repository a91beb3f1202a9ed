"""Section ``prediction``: the arithmetic of predictions, and the studies of a batch."""

from typing import Annotated

from pydantic import BaseModel, Field

from camchex.contract import params
from camchex.contract.params import Section
from camchex.networks.params import Precision


class PredictionParams(Section):
    """Section ``prediction``: how studies are predicted from a trained fusion."""

    precision: Precision | None  #: arithmetic of the networks; null: that of the training
    #: studies per batch; null: 32 on a CPU, and what the memory holds on a GPU
    batch_size: Annotated[int, Field(ge=1)] | None


SINGLE = PredictionParams(precision="32-true", batch_size=None)
"""Single precision, whatever the training used."""


class _Trained(BaseModel):
    """What a prediction reads of the sections of a training."""

    precision: Precision | None = None


def read_prediction() -> PredictionParams:
    """Read the section from params.yaml, with the precision of the fusion's training for null.

    Raises:
        ParamsError: Naming the key and what is wrong with its value.
    """
    found = params.load("prediction", PredictionParams)
    own, shared = (params.load(name, _Trained) for name in ("fusion.training", "training"))
    chosen = found.precision or own.precision or shared.precision
    return found.model_copy(update={"precision": chosen})
