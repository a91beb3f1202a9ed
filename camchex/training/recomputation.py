"""Gradient checkpointing: encoders keep no activations, and compute them again when needed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from torch import nn


@runtime_checkable
class Recomputes(Protocol):
    """A part of a network that can do so."""

    def recompute_activations(self, *, on: bool) -> None:
        """Do so from now on, or no longer.

        Raises:
            ModelError: If it would change a result.
        """


@contextmanager
def recomputation(network: nn.Module, *, on: bool) -> Iterator[None]:
    """Let all parts of ``network`` that can recompute their activations do so, if ``on``.

    Raises:
        ModelError: If it would change a result.
    """
    parts = [part for part in network.modules() if isinstance(part, Recomputes)] if on else []
    for part in parts:
        part.recompute_activations(on=True)
    try:
        yield
    finally:
        for part in parts:
            part.recompute_activations(on=False)
