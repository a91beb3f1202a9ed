"""Images per second and core of an epoch in random order: from the store, and from the originals.

The originals are 3056 x 2544 JPEGs, decoded and resized at every epoch: what a data loader over the
published files does, by the routes of ``image_decode.py``. The store is open, as in any epoch but
the first. Run it as ``python benchmarks/store_epoch.py``.
"""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pyarrow as pa
from image_decode import BASELINES, QUALITY, SIZES, full_size_xrays
from record import Comparison, record, run

from camchex.contract import schemas
from camchex.contract.image_store import ImageParams, ImageStore
from camchex.images.prepare import prepare_images

IMAGES = 24
BATCH = 8
ORDER = np.random.default_rng(0).permutation(IMAGES)


def images_table(names: list[str]) -> pa.Table:
    """The canonical table of some files."""
    constant = {"dataset": "x", "patient_id": "x", "study_id": "x", "view": "frontal"}
    rows = [constant | {"image_id": n, "path": n, "view_source": "x"} for n in names]
    return pa.Table.from_pylist(rows, schema=schemas.IMAGES)


def images_per_second(epoch: Callable[[], object]) -> float:
    """Of processor time."""
    start = time.process_time()
    epoch()
    return IMAGES / (time.process_time() - start)


def from_store(store: ImageStore) -> None:
    """One epoch."""
    for first in range(0, IMAGES, BATCH):
        store.batch(ORDER[first : first + BATCH])


def main() -> None:
    """Print both, side by side."""
    cv2.setNumThreads(1)
    rows, notes = [], {}
    with TemporaryDirectory() as name:
        folder = Path(name)
        names = [f"{number:03}.jpg" for number in range(IMAGES)]
        xrays = list(full_size_xrays())
        for number, copy in enumerate(names):
            (folder / copy).write_bytes(xrays[number % len(xrays)])
        for size in SIZES:
            params = ImageParams(
                size=size, fit="stretch", jpeg_quality=QUALITY, shard_mb=256, max_unreadable=0
            )
            out = folder / str(size)
            prepare_images(images_table(names), folder, out, params, 0, folder / "scratch")
            store = ImageStore(out)
            stored = images_per_second(lambda store=store: from_store(store))
            for baseline, route in BASELINES.items():
                original = images_per_second(
                    lambda r=route, s=size: [r(folder / names[row], s) for row in ORDER]
                )
                what = f"an epoch at {size} px"
                ratio = stored / original
                rows.append(
                    Comparison(what, "images/s per core", stored, baseline, original, ratio)
                )
            kilobytes = sum(file.stat().st_size for file in out.glob("shard*")) / IMAGES / 1000
            notes[f"kB per image at {size} px"] = round(kilobytes)
    record("store_epoch", rows, notes)


if __name__ == "__main__":
    run(main, __doc__)
