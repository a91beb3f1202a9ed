"""Section ``fusion``: the network over a whole study, and its training."""

from typing import Self

from pydantic import Field, model_validator

from camchex.fusion.params import FusionArchitecture
from camchex.training.params import TrainingParams


class FusionParams(FusionArchitecture):
    """Section ``fusion``: the network over a whole study, and its training."""

    training: TrainingParams  #: training of the fusion
    #: augmented views of which frozen encoders compute maps once; 0: every step
    cached_views: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _only_frozen_encoders_are_cached(self) -> Self:
        if self.cached_views and not self.freeze_encoders:
            raise ValueError(
                f"cached_views: {self.cached_views}: the maps of encoders that are trained change "
                "with every step: set freeze_encoders to true, or cached_views to 0"
            )
        return self
