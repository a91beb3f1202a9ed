from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from camchex.images.decode import read_image
from camchex.images.resize import LARGE, fit_square, sufficient_side
from tests.images.files import picture

SIDES = st.integers(1, 90)


def pillow(image: np.ndarray, size: int) -> np.ndarray:
    """The oracle: Pillow's Lanczos."""
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS))


def bilinear_weights(length: int, size: int) -> np.ndarray:
    """(size, length): each row has the two pixels around a sampled point, by their nearness."""
    points = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
    return np.maximum(0, 1 - np.abs(points[:, None] - np.arange(length)))


@given(rows=SIDES, columns=SIDES, size=st.integers(8, 64))
def test_a_small_square_is_pillows_lanczos(rows: int, columns: int, size: int) -> None:
    image = picture(rows + 1, columns + 1)
    if image.shape != (size, size):
        assert np.array_equal(fit_square(image, size, "stretch"), pillow(image, size))


@pytest.mark.parametrize("shape", [(520, 1040), (700, 900), (1040, 521), (1041, 900), (519, 900)])
def test_a_large_square_is_bilinear_between_half_and_full_size(shape: tuple[int, int]) -> None:
    size = LARGE + 8
    image = picture(*shape)
    stretched = fit_square(image, size, "stretch")
    if all(size <= side <= 2 * size for side in shape):
        weights = [bilinear_weights(side, size) for side in shape]
        assert np.abs(stretched - weights[0] @ image @ weights[1].T).max() <= 1
        assert np.abs(stretched.astype(int) - pillow(image, size)).mean() <= 1
    else:
        assert np.array_equal(stretched, pillow(image, size))


@pytest.fixture(scope="module")
def xrays(
    real_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[Path, np.ndarray]]:
    """A real X-ray enlarged to the published size, and as it is; each decoded in full."""
    xray = Image.open(real_data / "odd_images" / "covid_3ch.jpg").convert("L")
    enlarged = xray.resize((2544, 3056), Image.Resampling.BILINEAR)
    paths = [tmp_path_factory.mktemp("xrays") / f"{side}.jpg" for side in (3056, 2373)]
    for path, image in zip(paths, (enlarged, xray), strict=True):
        image.save(path, quality=95)
    return [(path, read_image(path)) for path in paths]


OFF = [
    # pixels of a side, largest mean difference in grey levels: enlarged, and as it is
    (1024, 0.6, 1.1),
    (512, 0.7, 1.7),
    (224, 0.3, 1.2),
    (64, 0.3, 1.0),
]


@pytest.mark.parametrize(("size", "enlarged", "as_it_is"), OFF)
def test_a_real_xray_decoded_at_a_smaller_scale_is_near_the_plain_route(
    xrays: list[tuple[Path, np.ndarray]], size: int, enlarged: float, as_it_is: float
) -> None:
    for (path, full), most in zip(xrays, (enlarged, as_it_is), strict=True):
        scaled = read_image(path, sufficient_side(size))
        assert max(scaled.shape) <= max(full.shape) / 2 + 1
        off = fit_square(scaled, size, "stretch").astype(int) - pillow(full, size)
        assert np.abs(off).mean() <= most


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
