"""Images per second and core, from a 3056 x 2544 grey JPEG to a square of the training's size.

Three baselines, on the same bytes and in turns:

- the release's data set: jpeg4py decodes to RGB in full, which is libjpeg-turbo (called here
  through simplejpeg), then albumentations resizes three channels with OpenCV's ``INTER_LANCZOS4``.
  That filter is not widened where it shrinks, so its result holds false detail;
- Pillow in RGB: full decode, then Lanczos (which is widened) of three channels;
- Pillow in grey: the same of one channel, the leanest plain route.

Differences in grey levels are against the baseline in the row. The floor is what all share: the
entropy decoding, taken as the time for an eighth of the scale. Run it as
``python benchmarks/image_decode.py``; with the open data beside the checkout it uses real X-rays.
"""

from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image
from record import Comparison, record, run
from turns import seconds

from camchex.contract.image_store import ImageParams
from camchex.images.decode import read_image
from camchex.images.jpeg import prepared_image
from camchex.images.resize import fit_square, sufficient_side

Grey = NDArray[np.uint8]
ODD_IMAGES = Path(__file__).parents[2] / "shared" / "data" / "odd_images"
XRAYS = ("covid_3ch.jpg", "rsna_frontal.dcm", "16747_3_1.jpg")
ROWS, COLUMNS = 3056, 2544  # MIMIC-CXR-JPG, most of it
QUALITY = 95  # MIMIC-CXR-JPG's own
FILE_BYTES = 570.3e9 / 377_110  # MIMIC-CXR-JPG's mean: PhysioNet's total over its files
SIZES = (1024, 512, 224, 64)
REPEATS = 9
OURS = "ours"


def full_size_xrays() -> Iterator[bytes]:
    """Real X-rays enlarged, or smooth hills; with noise until they are as large as published."""
    for name in XRAYS:
        path = ODD_IMAGES / name
        rng = np.random.default_rng(0)
        small = read_image(path) if path.exists() else rng.integers(0, 256, (24, 20), dtype="u1")
        large = Image.fromarray(small).resize((COLUMNS, ROWS), Image.Resampling.BICUBIC)
        noise = rng.normal(0, 1, (ROWS, COLUMNS))
        for strength in np.arange(0, 5, 0.25):
            noisy = np.clip(np.asarray(large) + strength * noise, 0, 255).astype(np.uint8)
            buffer = BytesIO()
            Image.fromarray(noisy).save(buffer, "JPEG", quality=QUALITY)
            if len(buffer.getvalue()) >= FILE_BYTES:
                break
        yield buffer.getvalue()


def ours(path: Path, size: int) -> Grey:
    """Decoded at the smallest sufficient scale."""
    return fit_square(read_image(path, sufficient_side(size)), size, "stretch")


def release(path: Path, size: int) -> Grey:
    """As the release's data set and its validation transform do, up to the normalisation."""
    image = simplejpeg.decode_jpeg(path.read_bytes(), "RGB")
    resized: Grey = cv2.resize(image, (size, size), interpolation=cv2.INTER_LANCZOS4)
    return resized[..., 0]


def pillow_rgb(path: Path, size: int) -> Grey:
    """Decoded in full, to three channels."""
    with Image.open(path) as image:
        resized = image.convert("RGB").resize((size, size), Image.Resampling.LANCZOS)
    return np.asarray(resized)[..., 0]


def pillow(path: Path, size: int) -> Grey:
    """Decoded in full, to one channel."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L").resize((size, size), Image.Resampling.LANCZOS))


def encoded_by_pillow(path: Path, size: int) -> bytes:
    """Decoded in full, to one channel, and encoded again."""
    buffer = BytesIO()
    Image.fromarray(pillow(path, size)).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


BASELINES = {
    "libjpeg-turbo RGB + cv2 Lanczos4 (release)": release,
    "Pillow RGB + Lanczos": pillow_rgb,
    "Pillow grey + Lanczos": pillow,
}


def compared(what: str, baseline: str, mine: float, theirs: float) -> Comparison:
    """A row, of seconds for one image."""
    return Comparison(what, "images/s per core", 1 / mine, baseline, 1 / theirs, theirs / mine)


def differences(paths: list[Path], size: int) -> dict[str, str]:
    """How far apart results are, in grey levels, over all X-rays."""
    pairs = {f"from {name}": (ours, baseline) for name, baseline in BASELINES.items()}
    pairs["of Pillow grey + Lanczos from the release"] = (pillow, release)
    result = {}
    for name, (one, other) in pairs.items():
        off = np.stack([np.abs(one(p, size).astype(int) - other(p, size)) for p in paths])
        result[f"{size} px, difference {name}"] = (
            f"mean {off.mean():.2f} (largest of an X-ray {off.mean(axis=(1, 2)).max():.2f}), "
            f"99.9th percentile {np.percentile(off, 99.9):.0f}, largest {off.max()}"
        )
    return result


def parts(path: Path, size: int) -> dict[str, object]:
    """Milliseconds of each step, and of what no decoder can save."""
    scaled = read_image(path, sufficient_side(size))
    square = fit_square(scaled, size, "stretch")[..., None]
    steps = {
        "decode": lambda: read_image(path, sufficient_side(size)),
        "resize": lambda: fit_square(scaled, size, "stretch"),
        "encode": lambda: simplejpeg.encode_jpeg(square, QUALITY, "GRAY", "Gray"),
        "floor (entropy decoding)": lambda: read_image(path, 1),
    }
    taken = seconds(steps, REPEATS)
    return {f"{size} px, ms to {k}": round(1000 * s, 1) for k, s in taken.items()}


def main() -> None:
    """Time all routes on the first X-ray, and compare their results on all."""
    cv2.setNumThreads(1)
    rows, notes = [], {}
    with TemporaryDirectory() as folder:
        paths = []
        for number, content in enumerate(full_size_xrays()):
            paths.append(Path(folder) / f"{number}.jpg")
            paths[-1].write_bytes(content)
        first = paths[0]
        for size in SIZES:
            taken = seconds(
                {n: partial(r, first, size) for n, r in {OURS: ours, **BASELINES}.items()}, REPEATS
            )
            what, mine = f"decode and resize to {size} px", taken.pop(OURS)
            rows += [compared(what, name, mine, theirs) for name, theirs in taken.items()]
            notes |= differences(paths, size)
        params = ImageParams(
            size=SIZES[0], fit="stretch", jpeg_quality=QUALITY, shard_mb=256, max_unreadable=0
        )
        taken = seconds(
            {
                OURS: lambda: prepared_image(first, params),
                "Pillow grey": lambda: encoded_by_pillow(first, SIZES[0]),
            },
            REPEATS,
        )
        what, mine = f"the same and encode, {SIZES[0]} px", taken.pop(OURS)
        rows += [compared(what, name, mine, theirs) for name, theirs in taken.items()]
        notes |= parts(first, SIZES[0])
        notes["MB of a file"] = [round(path.stat().st_size / 1e6, 2) for path in paths]
    record("image_decode", rows, notes)


if __name__ == "__main__":
    run(main, __doc__)
