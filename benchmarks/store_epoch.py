"""Images per second and core of an epoch in random order: from the store, and from the originals.

The originals are 3056 x 2544 JPEGs, decoded and resized by Pillow at every epoch: what a data
loader over the published files does. Run it as ``python benchmarks/store_epoch.py``.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from image_decode import QUALITY, SIZES, full_size_xray, pillow

from camchex import schemas
from camchex.images.params import ImageParams
from camchex.images.prepare import prepare_images
from camchex.images.store import ImageStore

IMAGES = 24
BATCH = 8


def images_table(names: list[str]) -> pa.Table:
    """The canonical table of some files."""
    constant = {"dataset": "x", "patient_id": "x", "study_id": "x", "view": "frontal"}
    rows = [constant | {"image_id": n, "path": n, "view_source": "x"} for n in names]
    return pa.Table.from_pylist(rows, schema=schemas.IMAGES)


def main() -> None:
    """Print both, side by side."""
    print(f"{IMAGES} images in random order, in batches of {BATCH}; images/s of one core")
    print(f"{'size':>5} {'store':>8} {'originals':>10} {'ratio':>6} {'kB per image':>13}")
    order = np.random.default_rng(0).permutation(IMAGES)
    with TemporaryDirectory() as name:
        folder = Path(name)
        names = [f"{number:03}.jpg" for number in range(IMAGES)]
        full_size_xray().save(folder / names[0], quality=QUALITY)
        for copy in names[1:]:
            (folder / copy).write_bytes((folder / names[0]).read_bytes())
        for size in SIZES:
            params = ImageParams(
                size=size, fit="stretch", jpeg_quality=95, shard_mb=256, max_unreadable=0
            )
            out = folder / str(size)
            prepare_images(images_table(names), folder, out, params, workers=0)
            start = time.process_time()
            store = ImageStore(out)
            for first in range(0, IMAGES, BATCH):
                store.batch(order[first : first + BATCH])
            stored = IMAGES / (time.process_time() - start)
            start = time.process_time()
            for row in order:
                pillow(folder / names[row], size)
            original = IMAGES / (time.process_time() - start)
            kilobytes = sum(f.stat().st_size for f in out.glob("*.arrow")) / IMAGES / 1000
            print(
                f"{size:>5} {stored:>8.0f} {original:>10.1f} {stored / original:>6.0f} "
                f"{kilobytes:>13.0f}"
            )


if __name__ == "__main__":
    main()
