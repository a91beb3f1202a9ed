"""Activations that are computed again are those that would have been kept."""

import pytest
import torch
from torch import Tensor, nn

from camchex.errors import ModelError
from camchex.training.fit import recomputation
from tests.networks.small import camchex, classifier, studies
from tests.networks.test_image_classifier import RESNET, VIT


def gradients(network: nn.Module, inputs: object, *, recomputed: bool) -> dict[str, Tensor]:
    network.train()
    network.zero_grad()
    torch.manual_seed(0)  # of the dropout
    with recomputation(network, on=recomputed):
        network(inputs).square().sum().backward()
    return {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None}


def count_calls(part: nn.Module) -> list[None]:
    calls: list[None] = []
    part.register_forward_pre_hook(lambda *_: calls.append(None))
    return calls


CHANGES: list[dict[str, object]] = [
    {},
    {"architecture": "mmbt"},
    {"encoders": "shared"},
    {"freeze_encoders": True},
    {"inputs": ["indication"]},
]


@pytest.mark.parametrize("changes", CHANGES)
def test_a_fusion_has_the_same_gradients(changes: dict[str, object]) -> None:
    model, batch = camchex(**changes), studies()
    calls = count_calls(model.text.model.encoder.layer[0].attention)
    kept = gradients(model, batch, recomputed=False)
    once = len(calls)
    again = gradients(model, batch, recomputed=True)
    assert len(calls) == once + 2 * once
    assert kept.keys() == again.keys()
    for name, gradient in kept.items():
        torch.testing.assert_close(again[name], gradient, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("changes", [{}, VIT])
def test_a_classifier_has_the_same_gradients(changes: dict[str, object]) -> None:
    model, images = classifier(**changes), torch.rand(2, 1, 32, 32)
    kept = gradients(model, images, recomputed=False)
    stage = model.encoder.backbone.blocks if changes else model.encoder.backbone.stages[0].blocks
    calls = count_calls(stage[0])
    again = gradients(model, images, recomputed=True)
    assert len(calls) == 2
    for name, gradient in kept.items():
        torch.testing.assert_close(again[name], gradient, atol=1e-6, rtol=1e-5)
    gradients(model, images, recomputed=False)
    assert len(calls) == 3  # not beyond the training


def test_running_statistics_would_count_a_batch_twice() -> None:
    model = classifier(**RESNET)
    with pytest.raises(ModelError, match=r"checkpoint_gradients.*resnet10t"):
        gradients(model, torch.rand(2, 1, 32, 32), recomputed=True)
