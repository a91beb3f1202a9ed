"""A fingerprint is the same for the same picture, whatever was done to its grey levels."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.fft import dctn
from scipy.stats import rankdata

from camchex.cohort.duplicates import ALIKE, alike
from camchex.images.decode import read_image
from camchex.images.resize import fit_square
from camchex.images.stored_image import DIAGONAL, LOWEST, ROW, SIDE, fingerprint, stored_image
from camchex.images.unreadable import UnreadableImage
from tests.images.files import picture

Grey = NDArray[np.uint8]
SIZE = 256
WITHOUT_A_PICTURE = 0.002
"""Share of pairs of different X-rays that may agree in a word of 16 bits, and be compared."""


def bits(prints: list[bytes]) -> NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(b"".join(prints), np.uint8).reshape(-1, 32), axis=1)


def noise(seed: int, size: int = SIDE) -> Grey:
    """Unlike any other picture, in every frequency."""
    coarse = np.random.default_rng(seed).integers(0, 256, (16, 16), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC))


def test_the_bits_are_signs_of_the_cosine_transform_of_the_ranks() -> None:
    """By scipy, in floating point; a sign may differ where a wave is next to nothing."""
    for seed in range(20):
        image = noise(seed)
        waves = dctn(rankdata(image).reshape(SIDE, SIDE))[:LOWEST, :LOWEST]
        waves[0, 0] = 0  # the mean rank
        found = bits([fingerprint(image)])[0].reshape(LOWEST, LOWEST)
        differs = found != (waves[ROW, DIAGONAL] > 0)
        assert np.abs(waves[ROW, DIAGONAL][differs]).max(initial=0) < 1e-3 * np.abs(waves).max()


def test_every_16_bits_hold_each_row_and_column_of_frequencies_once() -> None:
    for columns in DIAGONAL.T, DIAGONAL:
        assert (np.sort(columns, axis=1) == np.arange(LOWEST)).all()


@settings(max_examples=50)
@given(
    st.integers(0, 1000), st.lists(st.integers(1, 3), min_size=86, max_size=86), st.integers(0, 3)
)
def test_no_increasing_curve_of_grey_levels_changes_a_bit(
    seed: int, steps: list[int], start: int
) -> None:
    image = noise(seed) // 3  # 0 to 85
    curve = np.minimum(start + np.cumsum(steps), 255).astype(np.uint8)
    if len(np.unique(curve)) == len(curve):
        assert fingerprint(curve[image]) == fingerprint(image)


def test_an_image_without_contrast_has_no_bits() -> None:
    for size, level in ((8, 0), (SIDE, 255), (300, 7)):
        assert fingerprint(np.full((size, size), level, np.uint8)) == bytes(32)


@pytest.mark.parametrize("size", [32, 64, 100, 224, 512, 1024])
def test_the_size_of_an_image_hardly_matters(size: int) -> None:
    small, large = bits([fingerprint(noise(4, size)), fingerprint(noise(4, 2048))])
    assert (small != large).sum() <= ALIKE


def test_equal_digests_are_equal_jpegs() -> None:
    one, again, other = (stored_image(picture(64, 64, seed), 95) for seed in (1, 1, 2))
    assert one == again
    assert one.digest != other.digest
    assert stored_image(picture(64, 64, 1), 90).digest != one.digest


def jpeg(image: Grey, quality: int) -> Grey:
    encoded = simplejpeg.encode_jpeg(np.ascontiguousarray(image)[..., None], quality, "GRAY")
    return np.asarray(simplejpeg.decode_jpeg(encoded, "GRAY")[..., 0])


def levels(change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Callable[[Grey], Grey]:
    return lambda image: np.clip(np.rint(change(image.astype(float))), 0, 255).astype(np.uint8)


VERSIONS: dict[str, tuple[float, Callable[[Grey], Grey]]] = {
    "quality 50": (1.0, lambda image: jpeg(image, 50)),
    "quality 20": (1.0, lambda image: jpeg(image, 20)),
    "a third of the size": (1.0, lambda i: fit_square(fit_square(i, 85, "stretch"), SIZE, "pad")),
    "less contrast": (1.0, levels(lambda level: 0.6 * (level - 128) + 128)),
    "gamma 0.6": (1.0, levels(lambda level: 255 * (level / 255) ** 0.6)),
    "gamma 1.6": (0.98, levels(lambda level: 255 * (level / 255) ** 1.6)),
    "equalised": (1.0, lambda image: np.asarray(cv2.equalizeHist(image))),
    "noise": (0.98, levels(lambda i: i + np.random.default_rng(0).normal(0, 8, i.shape))),
    "brighter, cut at white": (0.98, levels(lambda level: level + 40)),
    "darker, cut at black": (0.94, levels(lambda level: level - 40)),
    "more contrast, cut": (0.94, levels(lambda level: 1.4 * (level - 128) + 128)),
}
"""Share of real X-rays whose version is to be found, and how the version is made."""


@pytest.fixture(scope="module")
def xrays(real_data: Path) -> list[Grey]:
    files = sorted(p for p in (real_data / "open_cohort").rglob("*.*") if p.suffix != ".txt")
    images = []
    for file in files:
        try:
            image = read_image(file, at_least=SIZE)
        except UnreadableImage:
            continue  # a table
        images.append(fit_square(image, SIZE, "stretch"))
    assert len(images) == 226
    return images


@pytest.fixture(scope="module")
def prints(xrays: list[Grey]) -> list[bytes]:
    return [fingerprint(image) for image in xrays]


def found(first: list[bytes], second: list[bytes]) -> set[tuple[int, int]]:
    """Pairs that the search finds among images, the second numbered after the first."""
    pairs = alike(np.frombuffer(b"".join([*first, *second]), np.uint16).reshape(-1, 16))
    return {(min(a, b), max(a, b)) for a, b in pairs.tolist()}


@pytest.mark.parametrize("version", VERSIONS)
def test_another_version_of_a_real_x_ray_is_found(
    version: str, xrays: list[Grey], prints: list[bytes]
) -> None:
    recall, make = VERSIONS[version]
    n = len(xrays)
    pairs = found(prints, [fingerprint(make(image)) for image in xrays])
    assert sum((i, n + i) in pairs for i in range(n)) >= recall * n


def test_only_the_same_real_x_ray_is_alike_and_few_others_are_compared(
    xrays: list[Grey], prints: list[bytes]
) -> None:
    """By the correlation of all pixels; the cohort shows four pictures under two ids."""
    ranks = np.stack([rankdata(fit_square(image, 64, "stretch")) for image in xrays])
    correlation = np.corrcoef(ranks)
    first, second = np.triu_indices(len(xrays), 1)
    same = correlation[first, second] > 0.99
    assert found(prints, []) == set(zip(first[same].tolist(), second[same].tolist(), strict=True))
    assert same.sum() == 4
    differing = (bits(prints)[first] != bits(prints)[second]).sum(axis=1)
    assert differing[same].max() < ALIKE / 4
    assert differing[~same].min() > 2 * ALIKE
    words = np.frombuffer(b"".join(prints), np.uint16).reshape(-1, 16)
    compared = (words[first] == words[second])[~same].sum()
    assert compared < WITHOUT_A_PICTURE * len(first)
