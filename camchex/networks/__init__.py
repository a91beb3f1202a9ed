"""The image side of the networks, and the batches that they read."""

from camchex.networks import linear as linear  # may change how every linear layer is computed
