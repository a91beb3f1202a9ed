"""Section ``fusion``: the network over a whole study, and its training."""

from typing import Self

from pydantic import Field, model_validator

from camchex.contract.params import Section
from camchex.fusion.params import FusionArchitecture
from camchex.training.params import Probability, TrainingParams


class Withholding(Section):
    """Section ``fusion.withhold``: how often a study is trained on as if it lacked an input.

    Source: Neverova et al., 2016 (ModDrop); the late beginning is ours.
    """

    images: Probability  # all of a study's at once
    indication: Probability
    vitals: Probability
    after: float = Field(ge=0, lt=1)  # share of the epochs before the first withholding


class Rates(Section):
    """Section ``fusion.rates``: learning rate of each part, as a factor of that of the training.

    Source: as for the layers of a pretrained network in Howard and Ruder, 2018 (ULMFiT).
    """

    encoders: float = Field(gt=0)  # of images; frozen ones have none
    text: float = Field(gt=0)
    fusion: float = Field(gt=0)  # what is between encoders and heads
    heads: float = Field(gt=0)


class FusionParams(FusionArchitecture):
    """Section ``fusion``: the network over a whole study, and its training."""

    input_loss: float = Field(ge=0)  # weight, beside 1 of all together, of each input's own loss
    withhold: Withholding
    rates: Rates
    training: TrainingParams

    @model_validator(mode="after")
    def _loss_has_its_heads(self) -> Self:
        if self.input_loss and not self.input_heads:
            raise ValueError("input_loss: there is no input's own loss without input_heads: true")
        return self
