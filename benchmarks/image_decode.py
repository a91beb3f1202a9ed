"""Images per second and core, from a 3056 x 2544 grey JPEG to a square of the training's size.

The baseline is Pillow: full decode, then Lanczos. Both run on the same bytes, in turns. Run it as
``python benchmarks/image_decode.py``; with the open data beside the checkout it uses a real X-ray.
"""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from camchex.images.decode import read_image
from camchex.images.resize import fit

Grey = NDArray[np.uint8]
XRAY = Path(__file__).parents[2] / "shared" / "data" / "odd_images" / "covid_3ch.jpg"
ROWS, COLUMNS = 3056, 2544  # MIMIC-CXR-JPG, most of it
QUALITY = 95  # MIMIC-CXR-JPG's own
SIZES = (1024, 512, 224, 64)
REPEATS = 12


def full_size_xray() -> Image.Image:
    """A real X-ray enlarged, or smooth hills; with a detector's noise either way."""
    if XRAY.exists():
        image = Image.open(XRAY).convert("L")
    else:
        rng = np.random.default_rng(0)
        image = Image.fromarray(rng.integers(0, 256, (24, 20), dtype=np.uint8))
    image = image.resize((COLUMNS, ROWS), Image.Resampling.BICUBIC)
    noise = np.random.default_rng(1).normal(0, 3, (ROWS, COLUMNS))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def ours(path: Path, size: int) -> Grey:
    """Decoded at the smallest sufficient scale."""
    return fit(read_image(path, at_least=size), size, "stretch")


def pillow(path: Path, size: int) -> Grey:
    """Decoded in full."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L").resize((size, size), Image.Resampling.LANCZOS))


def rates(first: Callable[[], Grey], second: Callable[[], Grey]) -> tuple[float, float]:
    """Calls per second of processor time, the median of several turns."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(REPEATS):
        for call, taken in zip((first, second), seconds, strict=True):
            start = time.process_time()
            call()
            taken.append(time.process_time() - start)
    return 1 / float(np.median(seconds[0])), 1 / float(np.median(seconds[1]))


def main() -> None:
    """Print both, side by side."""
    print(f"{ROWS} x {COLUMNS} grey JPEG, quality {QUALITY}; images/s of one core")
    print(
        f"{'size':>5} {'camchex':>8} {'Pillow':>8} {'ratio':>6} {'mean |difference|, of 255':>26}"
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "xray.jpg"
        full_size_xray().save(path, quality=QUALITY)
        for size in SIZES:
            fast, slow = rates(lambda s=size: ours(path, s), lambda s=size: pillow(path, s))
            off = np.abs(ours(path, size).astype(float) - pillow(path, size)).mean()
            print(f"{size:>5} {fast:>8.1f} {slow:>8.1f} {fast / slow:>6.2f} {off:>26.2f}")


if __name__ == "__main__":
    main()
