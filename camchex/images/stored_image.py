"""What a store keeps of an image: its JPEG, a digest of it, and a fingerprint of what it shows."""

import hashlib
from typing import NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from camchex.contract.schemas import DIGEST_BYTES

SIDE = 64  # pixels of either side of the picture that a fingerprint is made of
LOWEST = 16  # frequencies of either direction whose signs are kept: 256 bits
COSINES = np.rint(4096 * np.cos(np.pi / SIDE * np.outer(np.arange(LOWEST), np.arange(SIDE) + 0.5)))
"""Waves of the discrete cosine transform (DCT-II) as whole numbers: sums below 2**53 are exact, so
every processor gives the same bits."""
ROW = np.arange(LOWEST)
DIAGONAL = (ROW + ROW[:, None]) % LOWEST
"""Column of each bit by its row: every 16 bits hold one frequency of each row and column."""


class StoredImage(NamedTuple):
    """One row of a shard, but for its id."""

    jpeg: bytes
    digest: bytes  # BLAKE2b of the JPEG: equal for equal pixels only
    fingerprint: bytes


def stored_image(square: NDArray[np.uint8], quality: int) -> StoredImage:
    """Encode an image for a store.

    Args:
        square: Grey levels, (size, size).
        quality: Quality of the JPEG, 1 to 100.
    """
    square = np.ascontiguousarray(square)
    jpeg = simplejpeg.encode_jpeg(
        square[..., None], quality=quality, colorspace="GRAY", colorsubsampling="Gray"
    )
    digest = hashlib.blake2b(jpeg, digest_size=DIGEST_BYTES).digest()
    return StoredImage(jpeg, digest, fingerprint(square))


def fingerprint(square: NDArray[np.uint8]) -> bytes:
    """Perceptual hash of an image, 256 bits of which another version of the picture changes few.

    The image is shrunk, each grey level is replaced by its rank, and the signs of the lowest
    frequencies are kept. Ranks are the same whatever brightness, contrast or curve of grey levels
    the picture was saved with, as long as nothing is cut off.

    Args:
        square: Grey levels, (size, size).

    Source:
        The DCT hash of Zauner (*Implementation and Benchmarking of Perceptual Image Hash
        Functions*, 2010), with ranks and four times the bits: docs/method.md, section 2.
    """
    box = Image.Resampling.BOX
    small = np.asarray(Image.fromarray(square).resize((SIDE, SIDE), box, reducing_gap=1.0))
    pixels = np.bincount(small.ravel(), minlength=256)
    rank = 2 * np.cumsum(pixels) - pixels - small.size  # twice the mean rank, the middle at 0
    waves = COSINES @ rank[small].astype(np.float64) @ COSINES.T
    return np.packbits(waves[ROW, DIAGONAL] > 0).tobytes()
