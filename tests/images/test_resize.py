from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from camchex.images.decode import read_image
from camchex.images.resize import fit_square
from tests.images.files import picture

SIDES = st.integers(1, 90)


def pillow(image: np.ndarray, size: int) -> np.ndarray:
    """The oracle: Pillow's Lanczos."""
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS))


def bilinear_weights(length: int, size: int) -> np.ndarray:
    """(size, length): each row has the two pixels around a sampled point, by their nearness."""
    points = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
    return np.maximum(0, 1 - np.abs(points[:, None] - np.arange(length)))


@settings(deadline=None)  # a busy machine is no failure
@given(rows=SIDES, columns=SIDES, size=st.integers(8, 64))
def test_stretch_is_pillows_lanczos_or_between_half_and_full_size_bilinear(
    rows: int, columns: int, size: int
) -> None:
    image = picture(rows + 1, columns + 1)
    stretched = fit_square(image, size, "stretch")
    if all(size <= side <= 2 * size for side in image.shape):
        weights = [bilinear_weights(side, size) for side in image.shape]
        expected = weights[0] @ image @ weights[1].T
        assert np.abs(stretched - expected).max() <= 1
    else:
        assert np.array_equal(stretched, pillow(image, size))


@settings(deadline=None)  # a busy machine is no failure
@given(size=st.integers(16, 64), share=st.floats(1, 2))
def test_bilinear_is_near_lanczos_where_it_stands_for_it(size: int, share: float) -> None:
    image = picture(int(size * share), int(size * share))
    assert np.abs(fit_square(image, size, "stretch").astype(int) - pillow(image, size)).mean() <= 1


@pytest.mark.parametrize("size", [1024, 512, 224])
def test_a_real_xray_decoded_at_a_smaller_scale_is_within_a_grey_level_of_the_plain_route(
    real_data: Path, tmp_path: Path, size: int
) -> None:
    xray = Image.open(real_data / "odd_images" / "covid_3ch.jpg").convert("L")
    path = tmp_path / "a.jpg"
    xray.resize((2544, 3056), Image.Resampling.BICUBIC).save(path, quality=95)
    scaled = read_image(path, at_least=size)
    assert max(scaled.shape) <= 3056 / 2
    plain = pillow(read_image(path), size)
    assert np.abs(fit_square(scaled, size, "stretch").astype(int) - plain).mean() <= 1


@settings(deadline=None)  # a busy machine is no failure
@given(rows=SIDES, columns=SIDES, size=st.integers(8, 64))
def test_pad_keeps_the_aspect_and_centres_it_on_black(rows: int, columns: int, size: int) -> None:
    square = fit_square(np.full((rows, columns), 200, dtype=np.uint8), size, "pad")
    height, width = (square == 200).any(axis=1).sum(), (square == 200).any(axis=0).sum()
    assert square.shape == (size, size)
    assert (square == 200).sum() == height * width  # one rectangle, and nothing else
    assert (square == 0).sum() == size * size - height * width
    assert max(height, width) == size
    assert abs(height - size * rows / max(rows, columns)) <= 1
    assert abs(width - size * columns / max(rows, columns)) <= 1
    lit = np.flatnonzero((square == 200).any(axis=1))
    assert abs(lit[0] - (size - 1 - lit[-1])) <= 1


@pytest.mark.parametrize("how", ["stretch", "pad"])
def test_an_image_of_the_right_size_is_unchanged(how: str) -> None:
    image = picture(40, 40)
    assert np.array_equal(fit_square(image, 40, how), image)


def test_fine_stripes_shrink_to_grey_not_to_false_stripes() -> None:
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (512, 256))
    inside = fit_square(stripes, 100, "stretch")[:, 2:-2].astype(int)
    assert np.abs(inside - 127).max() <= 12
