"""How fast a device could be at best: operations and bytes of a network, and both ceilings.

Each operation of an unfused step reads its inputs and writes its results once; the least time it
can take is the larger of its operations over the device's fastest matrix product and its bytes over
the device's fastest copy. The sum over all operations is what a step of that layout cannot beat
without fusing them.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from camchex.estimate.probe import synchronize

SIDE = {"cuda": 8192, "cpu": 1536}  # of the matrices of the largest product
COPIED = {"cuda": 2**30, "cpu": 2**27}  # bytes
REPEATS = 7


@dataclass(frozen=True)
class Ceilings:
    """What a device does at most: operations and bytes per second."""

    flops: float
    bytes: float


class OperationCount(TorchDispatchMode):
    """Counts operations and bytes of everything that runs inside.

    Attributes:
        work: Floating-point operations and bytes of each operation, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.work: list[tuple[int, int]] = []

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 - torch's interface, as the next three
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Run one operation and count it; a view moves nothing."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        flops = _flops(func, args, kwargs, result)
        moved = 0 if func.is_view else _bytes([args, kwargs]) + _bytes(result)
        self.work.append((flops, moved))
        return result

    @property
    def flops(self) -> int:
        """In all."""
        return sum(flops for flops, _ in self.work)

    @property
    def bytes(self) -> int:
        """In all."""
        return sum(moved for _, moved in self.work)

    def least_seconds(self, ceilings: Ceilings) -> float:
        """The time below which these operations, one by one, cannot fall."""
        return sum(max(f / ceilings.flops, b / ceilings.bytes) for f, b in self.work)


def _flops(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: object) -> int:  # noqa: ANN401
    """Operations of one call, by torch's formulas.

    Its formula of a convolution's gradient leaves out the groups, so that a depthwise one counts as
    many times too much as it has channels: each gradient takes as many as the convolution itself.
    """
    if func is torch.ops.aten.convolution_backward.default:
        gradient, _, weight = args[:3]
        return (args[-1][0] + args[-1][1]) * 2 * gradient.numel() * weight[0].numel()
    count = flop_registry.get(func._overloadpacket)
    return int(count(*args, **kwargs, out_val=result)) if count else 0


def _bytes(values: object) -> int:
    tensors = [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def counted_step(
    build: Callable[[], nn.Module], shape: Sequence[int], dtype: torch.dtype
) -> OperationCount:
    """Forward and backward of a network, counted without computing anything (meta tensors).

    Args:
        build: Makes the network: images to anything.
        shape: Of the images.
        dtype: Of weights and activations.
    """
    with torch.device("meta"):
        network = build().to(dtype)
    images = torch.empty(*shape, dtype=dtype, device="meta")
    with OperationCount() as count:
        network(images).sum().backward()
    return count


def ceilings(device: torch.device, dtype: torch.dtype) -> Ceilings:
    """Measure a large matrix product and a large copy on a device."""
    side, size = SIDE[device.type], COPIED[device.type]
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    product = min(_seconds(lambda: torch.mm(a, b), device))
    copy = min(_seconds(lambda: target.copy_(source), device))
    return Ceilings(flops=2 * side**3 / product, bytes=2 * size / copy)  # read and written


def _seconds(call: Callable[[], object], device: torch.device) -> Iterator[float]:
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    call()
    for _ in range(REPEATS):
        synchronize(device)
        start = clock()
        call()
        synchronize(device)
        yield clock() - start


def busy(intervals: Sequence[tuple[float, float]]) -> float:
    """Length of the union of some intervals: how long at least one kernel ran."""
    total, until = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def largest(fits: Callable[[int], bool], most: int = 2**16) -> int:
    """The largest number that fits, by doubling and then halving the gap; 0 if not even 1 does.

    Args:
        fits: Whether a number does; if one does, every smaller one does.
        most: Where the search ends.
    """
    if not fits(1):
        return 0
    good, bad = 1, 2
    while bad <= most and fits(bad):
        good, bad = bad, 2 * bad
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if fits(middle) else (good, middle)
    return good
