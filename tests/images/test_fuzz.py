"""Files damaged at random: an image or a named reason, and nothing else."""

import resource
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, JPEGLosslessSV1, RLELossless

from camchex.images.decode import read_image
from camchex.images.unreadable import UnreadableImage
from tests.images.files import dicom, dicom_bytes, encapsulated, encoded, picture, saved
from tests.images.lossless_jpeg import lossless_jpeg

GREY = picture(90, 80)
DEEP = GREY.astype(np.uint16) * 16
COLOURED = Image.fromarray(np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=-1))
FILES_PER_FORMAT = 300
HEADER = 700  # bytes that half of the flips are confined to: there they do most
MOST_MB = 200  # more than the process held; the images are of 7,200 pixels
MOST_SECONDS = 5


def deep_dicom() -> Dataset:
    dataset = dicom(DEEP, 12)
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
    dataset.WindowCenter, dataset.WindowWidth = 2000, 3000
    return dataset


def compressed(syntax: str) -> bytes:
    dataset = deep_dicom()
    dataset.compress(syntax, generate_instance_uid=False)
    return dicom_bytes(dataset)


def rotated() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


FORMATS = {
    "grey JPEG": encoded(Image.fromarray(GREY), "JPEG", quality=95, exif=rotated()),
    "progressive JPEG": encoded(COLOURED, "JPEG", progressive=True),
    "CMYK JPEG": encoded(COLOURED.convert("CMYK"), "JPEG"),
    "grey PNG": encoded(Image.fromarray(GREY), "PNG", exif=rotated()),
    "16-bit PNG": encoded(Image.fromarray(DEEP), "PNG"),
    "RGBA PNG": encoded(COLOURED.convert("RGBA"), "PNG"),
    "palette PNG": encoded(COLOURED.quantize(16), "PNG", transparency=1),
    "plain DICOM": dicom_bytes(deep_dicom()),
    "JPEG 2000 DICOM": compressed(JPEG2000Lossless),
    "RLE DICOM": compressed(RLELossless),
    "lossless JPEG DICOM": dicom_bytes(
        encapsulated(deep_dicom(), lossless_jpeg(DEEP, 12, 1), JPEGLosslessSV1)
    ),
    "baseline JPEG DICOM": dicom_bytes(
        encapsulated(dicom(GREY, 8), encoded(Image.fromarray(GREY), "JPEG"), JPEGBaseline8Bit)
    ),
}


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut short, with bits flipped, or with bytes replaced, lost or repeated."""
    broken = bytearray(content)
    start, length = int(rng.integers(len(broken))), int(rng.integers(1, 200))
    kind = rng.choice(["cut", "flip", "flip header", "replace", "lose", "repeat"])
    if kind == "cut":
        del broken[start:]
    elif kind.startswith("flip"):
        end = len(broken) if kind == "flip" else min(HEADER, len(broken))
        for at in rng.integers(end, size=rng.integers(1, 12)):
            broken[at] ^= 1 << rng.integers(8)
    elif kind == "replace":
        broken[start : start + length] = rng.bytes(length)
    elif kind == "lose":
        del broken[start : start + length]
    else:
        broken[start:start] = broken[start : start + length]
    return bytes(broken)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_an_image_or_unreadable_and_quick_small_and_silent(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert read_image(saved(tmp_path / "whole", FORMATS[name])).size == GREY.size
    rng = np.random.default_rng(list(name.encode()))
    refused, held = 0, peak_mb()
    for number in range(FILES_PER_FORMAT):
        path = saved(tmp_path / "damaged", damaged(FORMATS[name], rng))
        started = time.process_time()
        try:
            grey = read_image(path, at_least=(None, 20)[number % 2])
        except UnreadableImage:
            refused += 1
        else:
            assert (grey.ndim, grey.dtype) == (2, np.uint8)
        assert time.process_time() - started < MOST_SECONDS
    assert refused > FILES_PER_FORMAT / 10
    assert peak_mb() - held < MOST_MB
    assert capfd.readouterr() == ("", "")
