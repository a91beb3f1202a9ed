import math

import pytest
import torch

from camchex.errors import ModelError
from camchex.networks.position import position_encoding


def sinusoid(position: int, channel: int, channels: int) -> float:
    angle = position * 10_000.0 ** (-2 * (channel // 2) / channels)
    return math.sin(angle) if channel % 2 == 0 else math.cos(angle)


def test_correct_encodes_the_row_in_the_first_half_and_the_column_in_the_second() -> None:
    channels, height, width = 16, 3, 5
    found = position_encoding("correct", torch.zeros(2, channels, height, width))
    expected = [
        [
            [sinusoid(h, c, 8) if c < 8 else sinusoid(w, c - 8, 8) for w in range(width)]
            for h in range(height)
        ]
        for c in range(channels)
    ]
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-6, rtol=0)


def test_released_takes_the_channel_for_the_row_and_the_column_for_the_channel() -> None:
    found = position_encoding("released", torch.zeros(1, 768, 4, 7))
    expected = [[[sinusoid(c, w, 384) for w in range(7)] for _ in range(4)] for c in range(768)]
    torch.testing.assert_close(found, torch.tensor(expected), atol=2e-4, rtol=0)


def test_only_the_correct_encoding_tells_rows_apart() -> None:
    maps = torch.zeros(1, 32, 4, 4)
    released, correct = (position_encoding(kind, maps) for kind in ("released", "correct"))
    assert torch.equal(released, released[:, :1].expand_as(released))
    assert len(torch.unique(correct.flatten(1), dim=1).T) == 16  # every place has its own code


@pytest.mark.parametrize("channels", [18, 21])
def test_any_number_of_channels_is_encoded(channels: int) -> None:
    found = position_encoding("correct", torch.zeros(1, channels, 2, 3))
    assert found.shape == (channels, 2, 3)


def test_the_encoding_has_the_type_of_the_maps() -> None:
    assert position_encoding("correct", torch.zeros(1, 8, 2, 2).bfloat16()).dtype == torch.bfloat16


def test_released_refuses_maps_too_wide_for_their_channels() -> None:
    with pytest.raises(ModelError, match="correct"):
        position_encoding("released", torch.zeros(1, 8, 4, 5))
