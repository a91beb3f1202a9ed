"""Learning rates and weight decay, against values written out by hand."""

import math

import pytest
import torch
from torch import nn

from camchex.training.optimization import build_optimizer, learning_rate_factor, warmup_steps
from tests.training.factories import TRAINING


def params(**values: object) -> object:
    return TRAINING.model_copy(update={"epochs": 10, "warmup_fraction": 0.05, **values})


def test_the_cosine_warms_up_over_a_share_of_the_training_and_ends_at_zero() -> None:
    cosine = params(schedule="cosine")
    factors = [learning_rate_factor(cosine, 100, step) for step in range(1001)]
    assert warmup_steps(cosine, 100) == 50
    assert factors[0] == pytest.approx(1 / 51)
    assert factors[24] == pytest.approx(25 / 51)
    assert factors[50] == 1.0
    assert factors[50 + 475] == pytest.approx(0.5)
    assert factors[1000] == pytest.approx(0.0, abs=1e-12)
    assert factors[50:] == sorted(factors[50:], reverse=True)


def test_restarts_anneal_to_a_tenth_within_every_epoch() -> None:
    restarts = params(schedule="cosine_restarts_each_epoch", warmup_fraction=0.16)
    assert warmup_steps(restarts, 626) == 100  # the release's, at its own epoch of 626 steps
    assert learning_rate_factor(restarts, 626, 0) == pytest.approx(1e-3)
    for epoch in range(3):
        start = 100 + epoch * 626
        assert learning_rate_factor(restarts, 626, start) == 1.0
        assert learning_rate_factor(restarts, 626, start + 313) == pytest.approx(0.55)
        assert learning_rate_factor(restarts, 626, start + 625) == pytest.approx(0.1, abs=1e-3)


def test_a_constant_rate_stays_after_its_warm_up() -> None:
    constant = params(schedule="constant")
    assert learning_rate_factor(constant, 100, 49) == pytest.approx(50 / 51)
    assert {learning_rate_factor(constant, 100, step) for step in range(50, 1000)} == {1.0}


@pytest.mark.parametrize("schedule", ["constant", "cosine", "cosine_restarts_each_epoch"])
def test_the_learning_rate_is_never_negative_nor_above_its_peak(schedule: str) -> None:
    for warmup in (0.0, 0.5):
        for steps in (1, 7):
            choice = params(schedule=schedule, warmup_fraction=warmup)
            factors = [learning_rate_factor(choice, steps, s) for s in range(10 * steps + 1)]
            assert all(0 <= f <= 1 and math.isfinite(f) for f in factors)


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2)).requires_grad_()


def test_only_matrices_decay_where_norm_and_bias_do_not() -> None:
    optimizer = build_optimizer(
        network().parameters(), params(decay_norm_and_bias=False, weight_decay=0.1)
    )
    decay = {g["weight_decay"]: [p.ndim for p in g["params"]] for g in optimizer.param_groups}
    assert decay == {0.1: [4, 2], 0.0: [1, 1, 1, 1]}


def test_everything_decays_where_params_say_so_and_frozen_weights_are_left_out() -> None:
    frozen = network()
    frozen[0].requires_grad_(requires_grad=False)
    optimizer = build_optimizer(
        frozen.parameters(), params(decay_norm_and_bias=True, weight_decay=0.1)
    )
    assert sum(len(g["params"]) for g in optimizer.param_groups if g["weight_decay"] == 0.1) == 4


def test_the_optimizer_steps_as_adamw_is_defined() -> None:
    weight = nn.Parameter(torch.tensor([[1.0]]))
    choice = params(decay_norm_and_bias=True, weight_decay=0.1, learning_rate=0.01)
    optimizer = build_optimizer([weight], choice)
    weight.grad = torch.tensor([[0.5]])
    optimizer.step()
    # First step: the moments cancel to the sign of the gradient; decay acts on the weight itself.
    assert weight.item() == pytest.approx(1.0 - 0.01 * 0.1 - 0.01, abs=1e-6)
