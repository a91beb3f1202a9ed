import math

import pytest
import torch
from torch import Tensor

from camchex.errors import ModelError
from camchex.networks.ml_decoder import MLDecoder


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


def published_head(
    state: dict[str, Tensor], heads: int, tokens: Tensor, ignore: Tensor | None
) -> Tensor:
    """The published decoder, from its own weights by their own names, in double precision."""
    w = {name.removeprefix("decoder."): tensor.double() for name, tensor in state.items()}
    layer = "layers.0."
    groups, width = w["query_embed.weight"].shape
    size = width // heads
    memory = (tokens.double() @ w["embed_standart.weight"].T + w["embed_standart.bias"]).relu()

    def norm(t: Tensor, number: int) -> Tensor:
        return layer_norm(t, w[f"{layer}norm{number}.weight"], w[f"{layer}norm{number}.bias"])

    def project(t: Tensor, part: int) -> Tensor:  # (B, n, width) to (B, heads, n, size)
        rows = slice(part * width, (part + 1) * width)
        weight = w[f"{layer}multihead_attn.in_proj_weight"][rows]
        out = t @ weight.T + w[f"{layer}multihead_attn.in_proj_bias"][rows]
        return out.reshape(len(t), -1, heads, size).transpose(1, 2)

    t = w["query_embed.weight"].expand(len(tokens), -1, -1)
    t = norm(t + t, 1)
    scores = torch.einsum("bhgs,bhns->bhgn", project(t, 0), project(memory, 1)) / size**0.5
    if ignore is not None:
        scores = scores.masked_fill(ignore[:, None, None], -math.inf)
    read = torch.einsum("bhgn,bhns->bhgs", scores.softmax(-1), project(memory, 2))
    read = read.transpose(1, 2).reshape(len(tokens), groups, width)
    out = read @ w[f"{layer}multihead_attn.out_proj.weight"].T
    t = norm(t + out + w[f"{layer}multihead_attn.out_proj.bias"], 2)
    hidden = (t @ w[f"{layer}linear1.weight"].T + w[f"{layer}linear1.bias"]).relu()
    t = norm(t + hidden @ w[f"{layer}linear2.weight"].T + w[f"{layer}linear2.bias"], 3)
    bias = w["duplicate_pooling_bias"]
    columns = [t[:, group] @ w["duplicate_pooling"][group] for group in range(groups)]
    return torch.cat(columns, dim=1)[:, : len(bias)] + bias


@torch.no_grad()
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("classes", "groups"), [(7, None), (7, 7), (7, 3), (26, 4), (1, 1)])
def test_loaded_weights_say_what_the_published_decoder_says(
    *, classes: int, groups: int | None, masked: bool
) -> None:
    for seed in range(3):
        head = small(classes, groups)
        torch.manual_seed(seed)
        state, tokens = published(head), torch.randn(3, 9, 12)
        state = {n: t * (0.3 if t.ndim > 1 else 1) for n, t in state.items()}
        head.load_published_state_dict(state)
        ignore = torch.rand(3, 9) < 0.5 if masked else None
        if ignore is not None:
            ignore[:, seed] = False  # at least one is read
        expected = published_head(state, 4, tokens, ignore)
        found = head(tokens, ignore).double()
        assert found.shape == (3, classes)
        torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)
        exact = head.double()(tokens.double(), ignore)
        torch.testing.assert_close(exact, expected, atol=1e-12, rtol=1e-10)


def test_attention_is_scaled_dot_product_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, attend = [], torch.nn.functional.scaled_dot_product_attention

    def counted(*args: Tensor, **options: object) -> Tensor:
        calls.append(None)
        return attend(*args, **options)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", counted)
    head = small().train()
    head(torch.randn(2, 5, 12), torch.zeros(2, 5, dtype=torch.bool))
    assert calls


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
