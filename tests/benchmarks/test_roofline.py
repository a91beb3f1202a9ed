"""What a benchmark counts: operations, bytes, busy time, the largest batch."""

import pytest
import torch
from roofline import Ceilings, OperationCount, busy, counted_step, largest
from torch import nn


def test_a_matrix_product_counts_its_multiplications_and_additions() -> None:
    with OperationCount() as count:
        torch.mm(torch.ones(3, 5), torch.ones(5, 7))
    assert count.flops == 2 * 3 * 5 * 7
    # Two fills write 15 and 35 numbers; the product reads both and writes 21.
    assert count.bytes == 4 * (15 + 35) + 4 * (15 + 35 + 21)


def test_a_view_moves_nothing() -> None:
    x = torch.ones(4, 4)
    with OperationCount() as count:
        x.t()[:3]
    assert (count.flops, count.bytes) == (0, 0)


@pytest.mark.parametrize("groups", [1, 2, 8])
def test_a_convolution_s_gradients_take_as_much_as_itself_each(groups: int) -> None:
    """Also in groups, of which torch's own formula of the gradient knows nothing."""

    def build() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(8, 8, 1),  # so that the next must give a gradient of its input, too
            nn.Conv2d(8, 16, 3, padding=1, groups=groups, bias=False),
        )

    count = counted_step(build, (2, 8, 10, 10), torch.float32)
    pixels = 2 * 10 * 10
    one = 2 * pixels * 8 * 8  # the images themselves want no gradient
    other = 2 * pixels * 16 * (8 // groups) * 9
    assert count.flops == 2 * one + 3 * other


def test_the_least_time_is_that_of_the_scarcer_ceiling_of_each_operation() -> None:
    count = OperationCount()
    count.work = [(100, 1), (0, 50), (10, 10)]
    assert count.least_seconds(Ceilings(flops=10.0, bytes=5.0)) == 10.0 + 10.0 + 2.0


def test_kernels_that_overlap_are_busy_once() -> None:
    assert busy([(5.0, 6.0), (0.0, 2.0), (1.0, 3.0), (1.5, 2.5)]) == 4.0
    assert busy([]) == 0.0


@pytest.mark.parametrize("limit", range(70))
def test_the_largest_batch_is_found_with_few_trials(limit: int) -> None:
    tried = []

    def fits(number: int) -> bool:
        tried.append(number)
        return number <= limit

    assert largest(fits) == limit
    assert len(tried) <= 2 * max(limit, 1).bit_length() + 1
    assert all(number <= 2 * max(limit, 1) for number in tried)
