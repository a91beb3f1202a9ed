"""Opening a store of 400,000 images: time and resident memory, against reading it whole.

More images than MIMIC-CXR-JPG has, of 32 x 32 pixels, so that the store is made in seconds; what
opening costs depends on how many there are, not on how large, except for the first time, when every
byte is read for its checksum. Every measurement has a process of its own and starts after the
imports. Run it as ``python benchmarks/store_open.py``.
"""

import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from record import Comparison, record, run

from camchex.contract.checksums import SETTLED_NS
from camchex.contract.image_store import ImageStore
from camchex.images.shards import ShardWriter
from camchex.images.stored_image import stored_image

IMAGES = 400_000
SIZE = 32
SHARD_MB = 64
READ = 1000  # images, at random
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6


def make_store(folder: Path) -> None:
    """Noise of a few kinds, under ids as long as MIMIC-CXR's."""
    rng = np.random.default_rng(0)
    images = [
        stored_image(rng.integers(0, 256, (SIZE, SIZE), dtype=np.uint8), 95) for _ in range(100)
    ]
    writer = ShardWriter(folder, SIZE, SHARD_MB)
    for number in range(IMAGES):
        writer.add(f"{number:044x}", images[number % len(images)])
    writer.close()


def open_store(folder: Path) -> object:
    """Ours."""
    store = ImageStore(folder)
    assert len(store) == IMAGES
    return store


def open_and_read(folder: Path) -> object:
    """Ours, with images from everywhere."""
    store = ImageStore(folder)
    positions = np.random.default_rng(0).integers(len(store), size=READ)
    return store, store.batch(positions)


def read_whole(folder: Path) -> object:
    """The baseline: every byte of the store in memory."""
    return [file.read_bytes() for file in sorted(folder.iterdir())]


def resident_mb() -> float:
    """Memory that this process has to itself: pages of a memory map are the system's cache."""
    _, resident, shared, *_ = Path("/proc/self/statm").read_text().split()
    return (int(resident) - int(shared)) * PAGE_MB


def measure(call: Callable[[Path], object], folder: Path) -> tuple[float, float]:
    """Milliseconds, and megabytes that it leaves resident."""
    before, start = resident_mb(), time.perf_counter()
    held = call(folder)
    taken = 1000 * (time.perf_counter() - start), resident_mb() - before
    del held
    return taken


def measured(call: Callable[[Path], object], folder: Path) -> tuple[float, float]:
    """The same, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (call, folder))


def main() -> None:
    """Print all, side by side."""
    with TemporaryDirectory() as name:
        folder = Path(name) / "store"
        folder.mkdir()
        os.chdir(name)  # where it is noted that the checksums were compared
        make_store(folder)
        time.sleep(2 * SETTLED_NS / 1e9)  # else the checksums would be compared every time
        total_mb = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
        whole = measured(read_whole, folder)
        first = measured(open_store, folder)
        opened = measured(open_store, folder)
        read = measured(open_and_read, folder)
    rows = [
        Comparison(what, unit, mine, "every byte read into memory", theirs, theirs / mine)
        for result, what in [
            (first, f"open a store of {IMAGES} images, first time"),
            (opened, "open it again"),
            (read, f"the same, and read {READ} at random"),
        ]
        for unit, mine, theirs in zip(("ms", "MB resident"), result, whole, strict=True)
    ]
    record("store_open", rows, {"MB of the store": round(total_mb)})


if __name__ == "__main__":
    run(main, __doc__)
