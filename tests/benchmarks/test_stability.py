"""The noise that stands for rounding, and the table of what it does."""

import pytest
import stability
import torch
from torch import nn


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 40, 5), nn.BatchNorm2d(40), nn.Linear(40, 40))


def test_weights_move_by_about_their_last_digit_and_draws_stay_as_they_were() -> None:
    one, other, same = network(), network(), network()
    before = torch.get_rng_state()
    stability.perturb(one, 1)
    stability.perturb(same, 0)
    assert torch.equal(torch.get_rng_state(), before)
    moved = []
    for weight, old, kept in zip(
        one.parameters(), other.parameters(), same.parameters(), strict=True
    ):
        assert torch.equal(old, kept)
        assert torch.equal(weight == 0, old == 0)
        at = old != 0
        moved.append(weight.double()[at] / old.double()[at] - 1)
    share = torch.cat(moved).detach()
    assert 0.5e-7 < float(share.std()) < 2e-7  # noise, and the rounding of its result
    assert float((share != 0).double().mean()) > 0.5
    stability.perturb(other, 2)
    assert not torch.equal(one[2].weight, other[2].weight)


def test_the_summary_has_mean_deviation_and_the_lowest_run() -> None:
    runs = [dict.fromkeys(stability.SCORES, value) for value in (0.5, 0.3, 0.4)]
    found = stability.summary(runs)["test_mAP"]
    assert found == {
        "mean": pytest.approx(0.4),
        "sd": pytest.approx(0.1),
        "lowest": 0.3,
        "runs": [0.5, 0.3, 0.4],
    }
    none = stability.summary([])
    text = stability.table({"teacher": {"perturbed": stability.summary(runs), "seeds": none}})
    (row,) = (line for line in text.splitlines() if "test_mAP" in line)
    assert "| 3 | 0.400 ± 0.100 | 0.300 | 0 |" in " ".join(row.split())
