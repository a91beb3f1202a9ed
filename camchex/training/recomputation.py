"""Gradient checkpointing: activations are not kept, but computed again for the gradient."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


@contextmanager
def recomputation(network: nn.Module, *, on: bool) -> Iterator[None]:
    """Switch on ``recompute_activations`` in every part of ``network`` that has it, if ``on``.

    Raises:
        ModelError: If it would change a result.
    """
    modules: list[Any] = list(network.modules()) if on else []
    parts = [part for part in modules if hasattr(part, "recompute_activations")]
    for part in parts:
        part.recompute_activations(on=True)
    try:
        yield
    finally:
        for part in parts:
            part.recompute_activations(on=False)
