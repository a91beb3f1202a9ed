"""Gradient checkpointing: activations are not kept, but computed again for the gradient."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from torch import nn


@runtime_checkable
class Recomputes(Protocol):
    """Part of a network that can compute its activations again."""

    def recompute_activations(self, *, on: bool) -> None:
        """Switch it on or off.

        Raises:
            ModelError: If it would change a result.
        """


@contextmanager
def recomputation(network: nn.Module, *, on: bool) -> Iterator[None]:
    """Switch on recomputation in every part of ``network`` that has it, if ``on``.

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
