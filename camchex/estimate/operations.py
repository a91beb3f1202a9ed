"""The operations that networks are trained with, on fixed numbers, and digests of their results.

``python -m camchex.estimate.operations`` prints the digests of this process as JSON.
"""

import hashlib
import json
import platform
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from camchex.networks.ml_decoder import MLDecoder
from camchex.networks.portable import FUNCTIONS

DIGITS = 12
STEPS = 12


class Numbers:
    """Source of numbers that are exact on every machine: multiples of 2**-20 in [-2, 2)."""

    def __init__(self) -> None:
        self.generator = np.random.Generator(np.random.PCG64(1))

    def __call__(self, *shape: int) -> Tensor:
        """Draw numbers of a shape."""
        whole = self.generator.integers(-(2**21), 2**21, shape)
        return torch.from_numpy(whole.astype(np.float32) / 2**20)

    def image(self, *shape: int) -> Tensor:
        """Draw images (B, C, H, W), their channels last in memory."""
        return self(*shape).to(memory_format=torch.channels_last)


def _both(layer: Callable[..., Any], *inputs: Tensor, **settings: object) -> list[Tensor]:
    """Compute a layer's result, and the gradients of its inputs."""
    leaves = [one.requires_grad_(one.is_floating_point()) for one in inputs]
    result = layer(*leaves, **settings)
    torch.autograd.backward(result, torch.linspace(-1, 1, result.numel()).reshape(result.shape))
    return [result, *(leaf.grad for leaf in leaves if leaf.grad is not None)]


def _attention(numbers: Numbers, **settings: object) -> list[Tensor]:
    query, key, value = (numbers(8, 4, 70, 32) for _ in range(3))
    return _both(functional.scaled_dot_product_attention, query, key, value, **settings)


def _random(_: Numbers) -> list[Tensor]:
    torch.manual_seed(1)
    uniform = torch.rand(5000)
    return [uniform, torch.randn(5000), torch.randperm(999), torch.bernoulli(uniform)]


def _adamw(numbers: Numbers) -> list[Tensor]:
    weights = nn.Parameter(numbers(300, 77))
    optimizer = torch.optim.AdamW([weights], 1e-3, weight_decay=0.05, fused=True)
    for _ in range(5):
        weights.grad = numbers(300, 77)
        nn.utils.clip_grad_norm_([weights], 1.0)
        optimizer.step()
    return [weights]


def _training(numbers: Numbers) -> list[Tensor]:
    """Train convolutions, a transformer layer and an ML-Decoder for some steps."""
    torch.manual_seed(1)
    stem, mix = nn.Conv2d(1, 32, 4, 4), nn.Conv2d(32, 32, 7, padding=3, groups=32)
    layer = nn.TransformerEncoderLayer(32, 4, 64, 0.1, batch_first=True)
    network = nn.ModuleList([stem, mix, layer, MLDecoder(32, 26, width=32, ffn=64, heads=4)])
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, fused=True)
    for _ in range(STEPS):
        maps = mix(stem(numbers.image(16, 1, 32, 32)))
        logits = network[3](layer(maps.flatten(2).transpose(1, 2)))
        loss = functional.binary_cross_entropy_with_logits(logits, (numbers(16, 26) > 1).float())
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    return list(network.parameters())


def _numpy(numbers: Numbers) -> list[Tensor]:
    x = numbers(200, 301).numpy().astype(np.float64)
    found = [np.exp(x), np.log(np.abs(x) + 1), np.abs(x) ** 1.7, x.sum(0), x.mean(1), x @ x.T]
    return [torch.from_numpy(one) for one in found]


CAUSAL = torch.ones(70, 70).tril().bool()
OPERATIONS: dict[str, Callable[[Numbers], Iterable[Tensor]]] = {
    "random numbers": _random,
    "linear": lambda n: _both(functional.linear, n(448, 128), n(256, 128), n(256)),
    "matrix product": lambda n: _both(torch.matmul, n(300, 96), n(96, 384)),
    "batched product": lambda n: _both(torch.bmm, n(32, 50, 16), n(32, 16, 50)),
    "attention": _attention,
    "masked attention": lambda n: _attention(n, attn_mask=torch.ones(70, 70).tril().bool()),
    "convolution": lambda n: _both(
        functional.conv2d, n.image(16, 3, 64, 64), n(40, 3, 4, 4), n(40), stride=4
    ),
    "depthwise convolution": lambda n: _both(
        functional.conv2d, n.image(16, 40, 16, 16), n(40, 1, 7, 7), n(40), padding=3, groups=40
    ),
    "pointwise convolution": lambda n: _both(
        functional.conv2d, n.image(16, 40, 16, 16), n(160, 40, 1, 1), n(160)
    ),
    "layer norm": lambda n: _both(nn.LayerNorm(96), n(700, 96)),
    "gelu": lambda n: _both(functional.gelu, n(700, 96)),
    "softmax": lambda n: _both(nn.Softmax(-1), n(700, 90)),
    "sigmoid": lambda n: _both(torch.sigmoid, n(7000)),
    "logarithm": lambda n: _both(torch.log, n(7000).abs() + 1),
    "exponential": lambda n: _both(torch.exp, n(7000)),
    "functions by numpy": lambda n: [
        one for name in FUNCTIONS for one in _both(getattr(torch, name), n(7000).abs() / 4 + 2**-20)
    ],
    "sums": lambda n: [n(700, 301).sum(), n(700, 301).sum(0), n(700, 301).mean(1)],
    "variance": lambda n: [n(700, 301).var(0), torch.linalg.vector_norm(n(70001))],
    "resizing": lambda n: _both(
        functional.interpolate, n(4, 1, 64, 64), size=40, mode="bilinear", antialias=True
    ),
    "warping": lambda n: _both(
        functional.grid_sample, n(4, 1, 64, 64), n(4, 64, 64, 2), align_corners=False
    ),
    "embedding": lambda n: _both(nn.Embedding(50, 64, _weight=n(50, 64)), torch.arange(999) % 50),
    "AdamW": _adamw,
    "training": _training,
    "numpy": _numpy,
}
"""What trainings and predictions compute, by name; a layer's gradients are among its results."""


def digests() -> dict[str, str]:
    """Digest the results of every operation; equal bytes give equal digests."""
    found = {}
    for name, operation in OPERATIONS.items():
        digest = hashlib.sha256()
        for tensor in operation(Numbers()):
            digest.update(tensor.detach().contiguous().numpy().tobytes())
        found[name] = digest.hexdigest()[:DIGITS]
    return found


if __name__ == "__main__":
    machine = {"processor": platform.machine(), "torch": torch.__version__, "numpy": np.__version__}
    sys.stdout.write(json.dumps({"digests": digests(), **machine}, indent=2) + "\n")
