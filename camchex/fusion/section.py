"""Section ``fusion``: the network over a whole study, and its training."""

from camchex.fusion.params import FusionArchitecture
from camchex.training.params import TrainingParams


class FusionParams(FusionArchitecture):
    """Section ``fusion``: the network over a whole study, and its training."""

    training: TrainingParams
