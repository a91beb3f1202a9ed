"""Position encoding of feature maps: two-dimensional sinusoids without parameters."""

import torch
from torch import Tensor

from camchex.errors import ModelError
from camchex.networks.params import PositionKind

BASE = 10_000.0


def position_encoding(kind: PositionKind, maps: Tensor) -> Tensor:
    """Compute the encoding (C, H, W) that is to be added to feature maps ``maps``, (B, C, H, W).

    ``correct``: the first half of the channels encodes the row, the second half the column, each
    as interleaved sine and cosine. ``released``: the published models hand their maps to a class
    that expects the channels last, so channel index and column take the places of row and column
    and the row is lost: E[c, h, w] = sin or cos (w even or odd) of c / 10000^(2 (w // 2) / half).

    Raises:
        ModelError: If a map is wider than C / 2 columns and ``kind`` is ``released``.

    Source: docs/method.md, section 7; the class is PositionalEncodingPermute2D's channels-last
        twin in tatp22/multidim-positional-encoding.
    """
    _, C, H, W = maps.shape
    half = (C + 3) // 4 * 2  # channels per axis
    if kind == "correct":
        rows = _sinusoid(H, half, maps.device)[:, None].expand(H, W, half)
        columns = _sinusoid(W, half, maps.device)[None].expand(H, W, half)
        encoding = torch.cat([rows, columns], dim=2)[:, :, :C].permute(2, 0, 1)
    elif half < W:
        raise ModelError(
            f"position_encoding: released cannot encode maps of {W} columns with {C} channels; "
            "use `correct`, or smaller images"
        )
    else:
        encoding = _sinusoid(C, half, maps.device)[:, None, :W].expand(C, H, W)
    return encoding.to(maps.dtype)


def _sinusoid(positions: int, channels: int, device: torch.device) -> Tensor:
    """Interleave sines and cosines of falling frequency: (positions, channels)."""
    exponents = torch.arange(0, channels, 2, device=device) / channels
    position = torch.arange(positions, device=device, dtype=torch.float32)
    angles = position[:, None] * BASE**-exponents
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)
