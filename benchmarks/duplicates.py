"""Search for copies among as many images as MIMIC-CXR-JPG has, against comparing every pair.

Fingerprints are invented: each bit has a probability of its own, drawn so that somewhat more pairs
agree in a word than of real X-rays (docs/method.md, section 2). Every 200th has a copy. Both are
processor time; that of every pair is extrapolated from some rows. Run it as
``python benchmarks/duplicates.py``.
"""

import time

import numpy as np
from record import Comparison, record, run

from camchex.cohort.duplicates import ALIKE, WORDS, alike

IMAGES = 377_110
EVERY = 200  # images to one copy
CHANGED = 12  # bits of a copy
ROWS = 100  # that are compared with all


def fingerprints() -> np.ndarray:
    """Words of 16 bits, (IMAGES, WORDS); of two neighbours at the end, one is a copy."""
    rng = np.random.default_rng(0)
    chance = np.clip(rng.normal(0.5, 0.17, 16 * WORDS), 0.05, 0.95)
    bits = np.packbits(rng.random((IMAGES, 16 * WORDS), np.float32) < chance, axis=1)
    for row in range(0, IMAGES - 1, EVERY):
        copy = np.unpackbits(bits[row])
        copy[rng.permutation(16 * WORDS)[:CHANGED]] ^= 1
        bits[row + 1] = np.packbits(copy)
    return bits.view(np.uint16)


def main() -> None:
    """Print both, side by side."""
    words = fingerprints()
    start = time.process_time()
    found = np.unique(np.sort(alike(words), axis=1), axis=0)
    mine = time.process_time() - start
    start = time.process_time()
    long = words.view(np.uint64)
    for row in long[:ROWS]:
        assert (np.bitwise_count(long ^ row).sum(axis=1) <= ALIKE).any()
    theirs = (time.process_time() - start) / ROWS * IMAGES / 2
    copies = len(range(0, IMAGES - 1, EVERY))
    row = Comparison(
        f"copies among {IMAGES} images", "s", mine, "every pair, numpy", theirs, theirs / mine
    )
    record("duplicates", [row], {"copies": copies, "found": len(found)})


if __name__ == "__main__":
    run(main, __doc__)
