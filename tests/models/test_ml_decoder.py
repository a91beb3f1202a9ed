import math

import pytest
import torch
from torch import Tensor

from camchex.errors import ModelError
from camchex.models.ml_decoder import MLDecoder


def layer_norm(t: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    deviation = t - t.mean(-1, keepdim=True)
    return deviation / (deviation.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight + bias


def written_out(head: MLDecoder, heads: int, tokens: Tensor) -> Tensor:
    """The published head in evaluation mode, one study at a time, in double precision."""
    w = {name: tensor.double() for name, tensor in head.state_dict().items()}
    width = w["queries"].shape[1]
    size = width // heads
    rows = []
    for study in tokens.double():
        memory = (study @ w["embed.weight"].T + w["embed.bias"]).clamp(min=0)
        t = layer_norm(2 * w["queries"], w["norm1.weight"], w["norm1.bias"])
        parts = [t, memory, memory]
        for i in range(3):
            block = slice(i * width, (i + 1) * width)
            parts[i] = (
                parts[i] @ w["attention.in_proj_weight"][block].T
                + w["attention.in_proj_bias"][block]
            )
        read = []
        for h in range(heads):
            q, k, v = (part[:, h * size : (h + 1) * size] for part in parts)
            read.append(torch.softmax(q @ k.T / math.sqrt(size), dim=1) @ v)
        out = torch.cat(read, 1) @ w["attention.out_proj.weight"].T + w["attention.out_proj.bias"]
        t = layer_norm(t + out, w["norm2.weight"], w["norm2.bias"])
        hidden = (t @ w["linear1.weight"].T + w["linear1.bias"]).clamp(min=0)
        out = hidden @ w["linear2.weight"].T + w["linear2.bias"]
        t = layer_norm(t + out, w["norm3.weight"], w["norm3.bias"])
        groups = [t[g] @ w["pooling"][g] for g in range(len(t))]
        rows.append(torch.cat(groups)[: head.num_classes] + w["pooling_bias"])
    return torch.stack(rows)


def small(num_classes: int = 7, groups: int | None = None) -> MLDecoder:
    torch.manual_seed(0)
    head = MLDecoder(12, num_classes, width=16, groups=groups, ffn=24, heads=4).eval()
    with torch.no_grad():
        for parameter in head.parameters():  # biases and norms too: they start at 0 and 1
            parameter.add_(0.1 * torch.randn_like(parameter))
    return head


@torch.no_grad()
@pytest.mark.parametrize("groups", [None, 3])
def test_the_head_is_the_published_one(groups: int | None) -> None:
    head, tokens = small(groups=groups), torch.randn(3, 5, 12)
    expected = written_out(head, 4, tokens)
    torch.testing.assert_close(head(tokens).double(), expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_ignored_tokens_are_as_good_as_absent() -> None:
    head, tokens = small(), torch.randn(2, 6, 12)
    ignore = torch.zeros(2, 6, dtype=torch.bool)
    ignore[:, 4:] = True
    tokens[:, 4:] = 1e3
    torch.testing.assert_close(head(tokens, ignore), head(tokens[:, :4]))


def test_the_size_is_the_published_one() -> None:
    head = MLDecoder(768, 26)
    trained = sum(p.numel() for p in head.parameters())
    assert head.queries.numel() == 19_968
    assert round((trained + head.queries.numel()) / 1e6, 2) == 6.15


def test_the_queries_are_never_trained() -> None:
    head = small()
    assert not any(p is head.queries for p in head.parameters())
    assert "queries" in head.state_dict()


def published(head: MLDecoder) -> dict[str, Tensor]:
    """Weights by the names of the published class, other than those of ``head``."""
    d, f = head.embed.weight.shape
    groups, _, factor = head.pooling.shape
    ffn = head.linear1.out_features
    shapes: dict[str, tuple[int, ...]] = {
        "embed_standart.weight": (d, f),
        "embed_standart.bias": (d,),
        "query_embed.weight": (groups, d),
        "layers.0.multihead_attn.in_proj_weight": (3 * d, d),
        "layers.0.multihead_attn.in_proj_bias": (3 * d,),
        "layers.0.multihead_attn.out_proj.weight": (d, d),
        "layers.0.multihead_attn.out_proj.bias": (d,),
        "layers.0.linear1.weight": (ffn, d),
        "layers.0.linear1.bias": (ffn,),
        "layers.0.linear2.weight": (d, ffn),
        "layers.0.linear2.bias": (d,),
        "duplicate_pooling": (groups, d, factor),
        "duplicate_pooling_bias": (head.num_classes,),
    }
    shapes |= {f"layers.0.norm{i}.{n}": (d,) for i in (1, 2, 3) for n in ("weight", "bias")}
    return {f"decoder.{name}": torch.randn(shape) for name, shape in shapes.items()}


@torch.no_grad()
def test_published_weights_are_loaded_by_their_published_names() -> None:
    head = small()
    state = published(head)
    head.load_published_state_dict(state)
    assert torch.equal(head.queries, state["decoder.query_embed.weight"])
    assert torch.equal(head.pooling, state["decoder.duplicate_pooling"])
    assert torch.equal(head.pooling_bias, state["decoder.duplicate_pooling_bias"])
    assert torch.equal(head.norm3.bias, state["decoder.layers.0.norm3.bias"])
    loaded = {tensor.numpy().tobytes() for tensor in head.state_dict().values()}
    assert loaded == {tensor.numpy().tobytes() for tensor in state.values()}


@pytest.mark.parametrize("change", ["missing", "unknown", "shape"])
def test_published_weights_that_do_not_fit_are_refused(change: str) -> None:
    head = small()
    state = published(head)
    if change == "missing":
        del state["decoder.query_embed.weight"]
    elif change == "unknown":
        state["decoder.layers.1.norm1.weight"] = torch.zeros(16)
    else:
        state["decoder.duplicate_pooling_bias"] = torch.zeros(26)
    before = {name: tensor.clone() for name, tensor in head.state_dict().items()}
    with pytest.raises(ModelError, match=r"queries|norm1|pooling_bias"):
        head.load_published_state_dict(state)
    assert all(torch.equal(before[name], tensor) for name, tensor in head.state_dict().items())


def test_training_drops_some_of_what_it_reads() -> None:
    head, tokens = small().train(), torch.randn(1, 5, 12)
    assert not torch.equal(head(tokens), head(tokens))
