"""Networks built for their shapes: those of the same networks with values."""

from collections.abc import Callable

import pytest
import timm
import torch
from torch import nn
from transformers import BertConfig, BertModel, Dinov2Config, Dinov2Model

from camchex.networks.weights import without_memory

SMALL = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1}
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    **{
        name: lambda name=name: timm.create_model(name, num_classes=3)
        for name in ("convnext_atto", "resnet10t", "vit_tiny_patch16_224", "efficientnet_b0")
    },
    "bert": lambda: BertModel(BertConfig(**SMALL)),
    "dinov2": lambda: Dinov2Model(Dinov2Config(**SMALL)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_names_types_and_shapes_are_those_of_a_network_with_values(name: str) -> None:
    build = NETWORKS[name]
    named = {key: (value.dtype, value.shape) for key, value in build().state_dict().items()}
    before = torch.get_rng_state()
    with without_memory():
        network = build()
    assert torch.equal(torch.get_rng_state(), before)
    weights = network.state_dict()
    assert {key: (value.dtype, value.shape) for key, value in weights.items()} == named
    assert all(parameter.is_meta for parameter in network.parameters())


def test_what_is_computed_with_gradients_is_not_left_out() -> None:
    with without_memory():
        layer = nn.Linear(2, 3)
        layer(torch.zeros(1, 2)).mul_(torch.ones(3)).add_(1).sum().backward()
    assert layer.weight.grad is not None
