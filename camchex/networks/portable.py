"""What replaces MKL on a CPU, where arithmetic is to be equal on every processor.

- Linear layers go through oneDNN. MKL's only path that is equal on all processors takes twice the
  time of its others; oneDNN's kernels for AVX2 are equal and as fast.
- Square roots and some other functions go through numpy. MKL's start from approximations of the
  processor's own (``rsqrtps``, ``rcpps``), which differ between vendors on every path.

Evidence: docs/reproducibility.md.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.library import Library

from camchex.contract import arithmetic

_LIBRARY: Any = Library("aten", "IMPL")  # type: ignore[no-untyped-call]  # torch lacks the types


def _product(rows: Tensor, columns: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute ``rows`` (..., K) times the transpose of ``columns`` (N, K), plus bias: (..., N)."""
    found: Tensor = torch.ops.mkldnn._linear_pointwise(rows, columns, bias, "none", [], "")
    return found


class _Linear(torch.autograd.Function):
    """Linear layer (..., K) -> (..., N) with its gradients."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: ANN401 - torch's
        ctx.save_for_backward(inputs, weight)
        return _product(inputs, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 - torch's
        inputs, weight = ctx.saved_tensors
        for_inputs, for_weight, for_bias = ctx.needs_input_grad
        flat = gradient.flatten(0, -2)
        columns = inputs.flatten(0, -2).t().contiguous()
        return (
            _product(gradient.contiguous(), weight.t().contiguous()) if for_inputs else None,
            _product(flat.t().contiguous(), columns) if for_weight else None,
            flat.sum(0) if for_bias else None,
        )


def linear(inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Apply a linear layer as ``torch.nn.functional.linear`` does, with oneDNN's kernels.

    What oneDNN does not take (other types than float32, a lone vector, no input, shapes that do not
    fit), and what torch.compile takes apart, goes through torch's product.
    """
    taken = inputs.ndim > 1 and inputs.numel() and inputs.dtype == weight.dtype == torch.float32
    fits = inputs.shape[-1:] == weight.shape[1:] and (bias is None or len(bias) == len(weight))
    if taken and fits and not torch.compiler.is_compiling():
        found: Tensor = _Linear.apply(inputs, weight, bias)
        return found
    product = inputs @ weight.t()
    return product if bias is None else product + bias


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "sqrt": np.sqrt,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "log10": np.log10,
}
"""Functions of single numbers that MKL rounds by the processor, and numpy's in their place."""


def _register_function(name: str, function: Callable[..., Any]) -> None:
    """Make torch compute a function on a CPU with numpy; its gradient stays torch's."""

    def compute(inputs: Tensor) -> Tensor:
        kind = torch.result_type(inputs, 1.0)  # whole numbers give torch's default type
        wide = inputs.detach().to(torch.promote_types(kind, torch.float32))  # not of 16 bits
        return torch.from_numpy(np.asarray(function(wide.numpy()))).to(kind)

    def in_place(inputs: Tensor) -> Tensor:
        return inputs.copy_(compute(inputs))

    def out(inputs: Tensor, *, out: Tensor) -> Tensor:
        return out.resize_(inputs.shape).copy_(compute(inputs))

    for suffix, kernel in (("", compute), ("_", in_place), (".out", out)):
        _LIBRARY.impl(name + suffix, kernel, "CPU")


def _register() -> None:
    """Make linear layers and :data:`FUNCTIONS` on a CPU portable, with and without gradients."""
    for key in ("CPU", "AutogradCPU"):
        _LIBRARY.impl("linear", linear, key)
    for name, function in FUNCTIONS.items():
        _register_function(name, function)


if arithmetic.is_pinned() and hasattr(torch.ops.mkldnn, "_linear_pointwise"):
    _register()
