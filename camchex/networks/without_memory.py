"""Networks that are built for their shapes and names alone, on torch's ``meta`` device."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

INITIALISERS = frozenset(
    getattr(nn.init, name) for name in dir(nn.init) if name.endswith("_") and name[0] != "_"
)
IN_PLACE = {
    *(Tensor.uniform_, Tensor.normal_, Tensor.fill_, Tensor.zero_),
    *(Tensor.erfinv_, Tensor.mul_, Tensor.add_, Tensor.clamp_),
}
"""What initialisers of timm do to a weight, without gradient."""


class _Unfilled(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        kwargs = kwargs or {}
        if func in INITIALISERS or (func in IN_PLACE and not torch.is_grad_enabled()):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


@contextmanager
def without_memory() -> Iterator[None]:
    """Build networks whose weights have names, types and shapes, and no values.

    Initial values are left out: without memory they change nothing, and torch takes four times as
    long over them as over the rest. What a network computes with gradients is as ever.
    """
    with torch.device("meta"), _Unfilled():
        yield
