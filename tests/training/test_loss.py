import math

import pytest
import torch
from torch import Tensor

from camchex.training.loss import asymmetric_loss, weighted_asymmetric_loss

COUNTS, TOTAL = torch.tensor([700.0, 30.0, 1.0]), 1000.0


def cell(z: float, y: float, share: float) -> float:
    """One term of the published formula, in double precision."""
    s = 1 / (1 + math.exp(-z))
    t = min(1 - s + 0.05, 1)
    weight = y * math.exp(1 - share) + (1 - y) * math.exp(share)
    focus = (1 - (y * s + (1 - y) * t)) ** (1 * y + 4 * (1 - y))
    return -weight * (y * math.log(max(s, 1e-8)) + (1 - y) * math.log(max(t, 1e-8))) * focus


def cells(logits: Tensor, targets: Tensor) -> list[list[float]]:
    shares = (COUNTS / TOTAL).tolist()
    rows = zip(logits.tolist(), targets.tolist(), strict=True)
    return [
        [cell(z, y, p) for z, y, p in zip(row_z, row_y, shares, strict=True)]
        for row_z, row_y in rows
    ]


def example() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(8, 3, generator=generator)
    hard = torch.randint(0, 2, (4, 3), generator=generator).float()
    return logits, torch.cat([hard, torch.rand(4, 3, generator=generator)])  # hard and soft


def test_the_loss_is_the_published_formula_for_hard_and_soft_targets() -> None:
    logits, targets = example()
    expected = torch.tensor(cells(logits, targets), dtype=torch.float64).mean()
    found = weighted_asymmetric_loss(logits, targets, COUNTS, TOTAL)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-7)


def test_the_gradient_flows_through_the_focusing_factor() -> None:
    logits, targets = example()
    leaf = logits.clone().requires_grad_()
    weighted_asymmetric_loss(leaf, targets, COUNTS, TOTAL).backward()
    assert leaf.grad is not None
    shares, step = (COUNTS / TOTAL).tolist(), 1e-6
    for b in range(len(logits)):
        for q, share in enumerate(shares):
            z, y = logits[b, q].item(), targets[b, q].item()
            slope = (cell(z + step, y, share) - cell(z - step, y, share)) / (2 * step)
            assert leaf.grad[b, q].item() * logits.numel() == pytest.approx(
                slope, rel=1e-3, abs=1e-5
            )


def test_unknown_cells_count_neither_in_the_sum_nor_in_the_mean() -> None:
    logits, targets = example()
    known = torch.arange(24).reshape(8, 3) % 3 != 1
    expected = torch.tensor(cells(logits, targets), dtype=torch.float64)[known].mean()
    found = weighted_asymmetric_loss(logits, targets, COUNTS, TOTAL, known)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-7)
    logits = logits.where(known, torch.tensor(50.0)).requires_grad_()
    weighted_asymmetric_loss(logits, targets, COUNTS, TOTAL, known).backward()
    assert logits.grad is not None
    assert not logits.grad[~known].any()


def test_a_batch_of_which_nothing_is_known_costs_nothing() -> None:
    logits, targets = example()
    known = torch.zeros(8, 3, dtype=torch.bool)
    assert weighted_asymmetric_loss(logits, targets, COUNTS, TOTAL, known) == 0


def test_rows_known_per_class_set_the_weights_per_class() -> None:
    logits, targets = example()
    by_class = weighted_asymmetric_loss(logits, targets, COUNTS, torch.full((3,), TOTAL))
    torch.testing.assert_close(by_class, weighted_asymmetric_loss(logits, targets, COUNTS, TOTAL))


@pytest.mark.parametrize("target", [0.0, 0.3, 0.9999999, 1.0])
def test_extreme_logits_give_finite_losses_and_gradients(target: float) -> None:
    logits = torch.linspace(-200, 200, 801)[:, None].expand(-1, 3).clone().requires_grad_()
    loss = weighted_asymmetric_loss(logits, torch.full((801, 3), target), COUNTS, TOTAL)
    loss.backward()
    assert logits.grad is not None
    assert loss.isfinite()
    assert logits.grad.isfinite().all()


def test_half_precision_logits_are_scored_in_single_precision() -> None:
    logits, targets = example()
    halved = logits.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = weighted_asymmetric_loss(halved, targets, COUNTS, TOTAL)
    assert found.dtype == torch.float32
    assert found == weighted_asymmetric_loss(halved.float(), targets, COUNTS, TOTAL)


def published_cell(z: float, y: float, focus_at: float) -> float:
    """One term of the published asymmetric loss; its focusing factor is that of ``focus_at``."""
    s, s_f = 1 / (1 + math.exp(-z)), 1 / (1 + math.exp(-focus_at))
    t, t_f = min(1 - s + 0.05, 1), min(1 - s_f + 0.05, 1)
    focus = (1 - s_f * y - t_f * (1 - y)) ** (1 * y + 4 * (1 - y))
    return -(y * math.log(max(s, 1e-8)) + (1 - y) * math.log(max(t, 1e-8))) * focus


def published_cells(logits: Tensor, targets: Tensor) -> Tensor:
    pairs = zip(logits.flatten().tolist(), targets.flatten().tolist(), strict=True)
    cells = [published_cell(z, y, focus_at=z) for z, y in pairs]
    return torch.tensor(cells, dtype=torch.float64).reshape(logits.shape)


def test_the_original_loss_is_the_published_sum_without_weights() -> None:
    logits, targets = example()
    expected = published_cells(logits, targets).sum()
    torch.testing.assert_close(
        asymmetric_loss(logits, targets).double(), expected, rtol=1e-5, atol=0
    )


def test_no_gradient_flows_through_the_focusing_factor_of_the_original_loss() -> None:
    logits, targets = example()
    leaf = logits.clone().requires_grad_()
    asymmetric_loss(leaf, targets).backward()
    assert leaf.grad is not None
    step = 1e-6
    pairs = zip(logits.flatten().tolist(), targets.flatten().tolist(), strict=True)
    slopes = [
        (published_cell(z + step, y, z) - published_cell(z - step, y, z)) / (2 * step)
        for z, y in pairs
    ]
    assert leaf.grad.flatten().tolist() == pytest.approx(slopes, rel=1e-3, abs=1e-5)


def test_unknown_cells_do_not_count_in_the_original_loss() -> None:
    logits, targets = example()
    known = torch.arange(24).reshape(8, 3) % 3 != 1
    expected = published_cells(logits, targets)[known].sum()
    logits = logits.where(known, torch.tensor(50.0)).requires_grad_()
    loss = asymmetric_loss(logits, targets, known)
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=0)
    loss.backward()
    assert logits.grad is not None
    assert not logits.grad[~known].any()


@pytest.mark.parametrize("target", [0.0, 0.3, 1.0])
def test_extreme_logits_give_finite_original_losses(target: float) -> None:
    logits = torch.linspace(-200, 200, 801)[:, None].clone().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = asymmetric_loss(logits, torch.full((801, 1), target))
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
