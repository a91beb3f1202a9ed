"""Linear layers by oneDNN and functions by numpy, beside the same computed with float64."""

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from camchex.networks import portable as module
from camchex.networks.ml_decoder import MLDecoder
from camchex.networks.portable import FUNCTIONS, linear

IN, OUT = 24, 7
UNIT = 2.0**-24  # rounding of float32, relative


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


INPUTS: dict[str, Callable[[], Tensor]] = {
    "rows": lambda: drawn(33, IN),
    "one row": lambda: drawn(1, IN),
    "tokens": lambda: drawn(5, 9, IN),
    "maps": lambda: drawn(2, 3, 5, IN),
    "channels last": lambda: drawn(2, IN, 3, 5).permute(0, 2, 3, 1),
    "every other column": lambda: drawn(6, 5, 2 * IN)[..., ::2],
    "expanded": lambda: drawn(1, 5, IN).expand(4, -1, -1),
    "rows by columns": lambda: drawn(IN, 33).t(),
}
ELSEWHERE: dict[str, Callable[[], Tensor]] = {
    "vector": lambda: drawn(IN),
    "no row": lambda: drawn(0, IN),
    "no row of tokens": lambda: drawn(3, 0, IN),
    "float64": lambda: drawn(5, IN).double(),
}
"""Inputs that oneDNN does not take."""


@pytest.fixture
def products(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shape of every product that oneDNN computes during a test."""
    shapes, product = [], module._product

    def noted(rows: Tensor, columns: Tensor, bias: Tensor | None = None) -> Tensor:
        found = product(rows, columns, bias)
        shapes.append(tuple(found.shape))
        return found

    monkeypatch.setattr(module, "_product", noted)
    return shapes


def leaves(*tensors: Tensor | None) -> list[Tensor | None]:
    return [None if one is None else one.detach().clone().requires_grad_() for one in tensors]


def assert_rounded(found: Tensor, exact: Tensor, sizes: Tensor, terms: int) -> None:
    """Check a sum against the bound on its rounding: terms x unit x the sum of its sizes."""
    assert found.dtype == torch.float32
    assert found.shape == exact.shape
    assert ((found.double() - exact).abs() <= (terms + 1) * UNIT * sizes).all()


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("with_bias", [True, False], ids=["bias", "no bias"])
def test_a_layer_and_its_gradients_are_those_of_float64_but_for_rounding(
    kind: str, *, with_bias: bool, products: list[tuple[int, ...]]
) -> None:
    inputs = INPUTS[kind]().requires_grad_()
    weight, bias = leaves(drawn(OUT, IN, seed=1), drawn(OUT, seed=2) if with_bias else None)
    found = functional.linear(inputs, weight, bias)
    gradient = drawn(*found.shape, seed=3)
    used = [inputs, weight, *([bias] if with_bias else [])]
    gradients = torch.autograd.grad(found, used, gradient)
    assert len(products) == 3  # the layer, the gradients of inputs and of weight

    x, w, g = (one.detach().double() for one in (inputs, weight, gradient))
    b = bias.detach().double() if with_bias else torch.zeros(OUT).double()
    rows, of_rows = x.reshape(-1, IN), g.reshape(-1, OUT)
    assert_rounded(found, x @ w.t() + b, x.abs() @ w.abs().t() + b.abs(), IN + 1)
    assert_rounded(gradients[0], g @ w, g.abs() @ w.abs(), OUT)
    assert_rounded(gradients[1], of_rows.t() @ rows, of_rows.abs().t() @ rows.abs(), len(rows))
    if with_bias:
        assert_rounded(gradients[2], of_rows.sum(0), of_rows.abs().sum(0), len(rows))


@pytest.mark.parametrize("kind", ELSEWHERE)
@pytest.mark.parametrize("with_bias", [True, False], ids=["bias", "no bias"])
def test_what_onednn_does_not_take_is_computed_all_the_same(
    kind: str, *, with_bias: bool, products: list[tuple[int, ...]]
) -> None:
    inputs = ELSEWHERE[kind]().requires_grad_()
    weight = drawn(OUT, IN, seed=1).to(inputs.dtype).requires_grad_()
    bias = drawn(OUT, seed=2).to(inputs.dtype).requires_grad_() if with_bias else None
    found = functional.linear(inputs, weight, bias)
    exact = inputs.double() @ weight.double().t() + (bias.double() if with_bias else 0)
    assert found.dtype == inputs.dtype
    torch.testing.assert_close(found.double(), exact, rtol=1e-6, atol=1e-5)
    used = [inputs, weight, *([bias] if with_bias else [])]
    for mine, theirs in zip(
        torch.autograd.grad(found.sum(), used), torch.autograd.grad(exact.sum(), used), strict=True
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-5)
    assert not products


def test_under_autocast_a_layer_has_the_precision_that_was_asked_for(
    products: list[tuple[int, ...]],
) -> None:
    inputs, weight, bias = leaves(drawn(5, 9, IN), drawn(OUT, IN, seed=1), drawn(OUT, seed=2))
    with torch.autocast("cpu", torch.bfloat16):
        found = functional.linear(inputs, weight, bias)
    assert found.dtype == torch.bfloat16
    rounded = [one.bfloat16().double() for one in (inputs, weight, bias)]
    exact = rounded[0] @ rounded[1].t() + rounded[2]
    sizes = rounded[0].abs() @ rounded[1].abs().t() + rounded[2].abs()
    assert ((found.double() - exact).abs() <= 2.0**-7 * sizes).all()  # bfloat16: unit 2**-8, twice
    found.float().sum().backward()
    assert [one.grad.dtype for one in (inputs, weight, bias)] == [torch.float32] * 3
    assert not products


@pytest.mark.parametrize(
    "needed",
    [
        *((True, False, False), (False, True, False), (False, False, True)),
        *((True, True, False), (False, True, True)),
    ],
)
def test_only_gradients_that_are_needed_are_computed(
    needed: Sequence[bool], products: list[tuple[int, ...]]
) -> None:
    tensors = [drawn(9, IN), drawn(OUT, IN), drawn(OUT)]
    for tensor, wanted in zip(tensors, needed, strict=True):
        tensor.requires_grad_(wanted)
    linear(*tensors).sum().backward()
    assert [one.grad is not None for one in tensors] == list(needed)
    of_inputs, of_weight = [(9, IN)] * needed[0], [(OUT, IN)] * needed[1]
    assert products == [(9, OUT), *of_inputs, *of_weight]


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("kind", INPUTS)
def test_without_gradients_the_bytes_are_the_same(
    kind: str, mode: Callable[[], torch.no_grad], products: list[tuple[int, ...]]
) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(IN, OUT)
    with mode():
        without = layer(INPUTS[kind]())
    assert without.grad_fn is None
    assert torch.equal(without, layer(INPUTS[kind]()))
    assert len(products) == 2


def test_the_layers_of_networks_go_through_onednn(products: list[tuple[int, ...]]) -> None:
    torch.manual_seed(0)
    assert nn.Linear(IN, OUT)(drawn(2, IN)).grad_fn.name() == "_LinearBackward"
    products.clear()
    attention = nn.MultiheadAttention(IN, 4, batch_first=True)
    query, key = drawn(2, 5, IN), drawn(2, 11, IN)
    found, _ = attention(query, key, key)
    # The queries, keys and values together, and the layer behind, on the tokens of both studies.
    assert products == [(5, 2, IN), (11, 2, 2 * IN), (10, IN)]
    exact, _ = attention.double()(query.double(), key.double(), key.double())
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=1e-6)


def test_no_linear_layer_of_a_decoder_is_left_to_torch(
    products: list[tuple[int, ...]],
) -> None:
    torch.manual_seed(0)
    logits = MLDecoder(IN, 5, width=16, ffn=32, heads=4)(drawn(3, 9, IN))
    assert products
    assert graph(logits).isdisjoint({"AddmmBackward0", "MmBackward0"})


def graph(result: Tensor) -> set[str]:
    """Names of all operations that a result came from, as autograd knows them."""
    names, open_nodes, seen = set(), [result.grad_fn], set()
    while open_nodes:
        node = open_nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        names.add(node.name())
        open_nodes += [following for following, _ in node.next_functions]
    return names


def test_bytes_do_not_follow_the_number_of_threads() -> None:
    def computed(threads: int) -> list[Tensor]:
        torch.set_num_threads(threads)
        inputs, weight, bias = leaves(drawn(512, 300), drawn(200, 300), drawn(200))
        found = linear(inputs, weight, bias)
        found.square().sum().backward()
        return [found, inputs.grad, weight.grad, bias.grad]

    before = torch.get_num_threads()
    try:
        one, three = computed(1), computed(3)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(one, three, strict=True))


def test_a_compiled_network_computes_the_same_but_for_rounding(
    products: list[tuple[int, ...]],
) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(IN, 16), nn.GELU(), nn.Linear(16, OUT))
    inputs = drawn(5, 9, IN)
    results = []
    for one in (torch.compile(network, backend="aot_eager"), network):  # needs no C++ compiler
        assert not products
        found = one(inputs)
        results.append([found, *torch.autograd.grad(found.sum(), network.parameters())])
    assert products
    for compiled, plain in zip(*results, strict=True):
        torch.testing.assert_close(compiled, plain, rtol=1e-5, atol=1e-5)


VALUES = tuple((2 * n + 1) / 4096 for n in range(2048))  # between 0 and 1, exact in float32


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_rounded_as_the_c_library_rounds_it(name: str) -> None:
    exact = torch.tensor([getattr(math, name)(one) for one in VALUES], dtype=torch.float64)
    values = torch.tensor(VALUES)
    found = getattr(torch, name)(values)
    if name == "sqrt":  # IEEE 754 asks for the nearest number, which MKL often misses
        assert torch.equal(found, exact.float())
        assert torch.equal(torch._foreach_sqrt([values])[0], found)
    torch.testing.assert_close(found.double(), exact, rtol=4 * UNIT, atol=0)
    torch.testing.assert_close(getattr(torch, name)(values.double()), exact, rtol=1e-15, atol=0)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_takes_what_torch_takes(name: str) -> None:
    function, values = getattr(torch, name), torch.tensor(VALUES)
    expected = function(values)
    assert torch.autograd.gradcheck(function, torch.tensor(VALUES[::99]).double().requires_grad_())
    assert torch.equal(function(values.expand(3, -1)[:, ::2]), expected[::2].expand(3, -1))
    assert torch.equal(function(values, out=torch.empty(1)[:0]), expected)
    assert torch.equal(getattr(values.clone(), f"{name}_")(), expected)
    assert torch.equal(function(values[7]), expected[7])
    assert function(values[:0]).shape == (0,)
    assert torch.equal(function(torch.tensor([1])), function(torch.tensor([1.0])))
    half = function(values.bfloat16())
    assert torch.equal(half, function(values.bfloat16().float()).bfloat16())
    assert function(values.to(torch.complex64)).dtype == torch.complex64
