"""PNG files that hold less than they say: fewer rows, fewer bits, nothing."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from camchex.images.decode import read_image
from camchex.images.png import ADAM7
from camchex.images.unreadable import Note, Notes, Reason, UnreadableImage
from tests.images.files import encoded, picture, saved

GREY = picture(45, 38)


def chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return len(content).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")


def png(rows: bytes, shape: tuple[int, int], depth: int, colour: int, interlaced: int = 0) -> bytes:
    """A PNG by the standard, of rows with their filter bytes."""
    header = struct.pack(">IIBBBBB", shape[1], shape[0], depth, colour, 0, 0, interlaced)
    image = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + image


def rows(samples: NDArray[np.unsignedinteger]) -> list[bytes]:
    return [b"\0" + row.astype(samples.dtype.newbyteorder(">")).tobytes() for row in samples]


def passes(samples: NDArray[np.unsignedinteger]) -> list[bytes]:
    """Rows in the order of an interlaced PNG."""
    parts = (samples[top::down, left::right] for top, left, down, right in ADAM7)
    return [row for part in parts if part.size for row in rows(part)]


def look(content: bytes, folder: Path) -> tuple[NDArray[np.uint8], Notes]:
    notes: Notes = []
    return read_image(saved(folder / "a.png", content), notes=notes), notes


def reason(content: bytes, folder: Path) -> Reason:
    with pytest.raises(UnreadableImage) as caught:
        look(content, folder)
    return caught.value.reason


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("dark", [0, 1, 30])
def test_a_png_without_its_last_rows_is_refused_and_one_that_ends_black_is_not(
    *, tmp_path: Path, dark: int, interlaced: bool
) -> None:
    grey = GREY.copy()
    grey[len(grey) - dark :] = 0
    every = passes(grey) if interlaced else rows(grey)
    whole, notes = look(png(b"".join(every), grey.shape, 8, 0, int(interlaced)), tmp_path)
    assert np.array_equal(whole, grey)
    assert notes == [Note.FLAT_BAND] * (dark > 0.3 * len(grey))
    for kept in (1, len(every) // 2, len(every) - 1):
        short = png(b"".join(every[:kept]), grey.shape, 8, 0, int(interlaced))
        assert reason(short, tmp_path) is Reason.DAMAGED


@pytest.mark.parametrize(("mode", "colour", "depth"), [("RGB", 2, 8), ("L", 0, 4)])
def test_half_the_rows_are_missed_in_any_format(
    tmp_path: Path, mode: str, colour: int, depth: int
) -> None:
    samples = np.asarray(Image.fromarray(GREY).convert(mode))
    if depth < 8:
        per_byte = 8 // depth
        values = samples[:, : 38 // per_byte * per_byte] >> (8 - depth)
        parts = values.reshape(len(values), -1, per_byte).astype(np.uint32)
        steps = depth * np.arange(per_byte)[::-1]
        samples = (parts << steps).sum(axis=2).astype(np.uint8)
    shape = (45, 38 if depth == 8 else samples.shape[1] * 8 // depth)
    every = rows(samples)
    assert look(png(b"".join(every), shape, depth, colour), tmp_path)[0].shape == shape
    half = png(b"".join(every[:22]), shape, depth, colour)
    assert reason(half, tmp_path) is Reason.DAMAGED


@pytest.mark.parametrize("bits", [9, 10, 12, 14, 15])
def test_fewer_bits_in_a_16_bit_png_are_stretched_with_a_note(tmp_path: Path, bits: int) -> None:
    deep = GREY.astype(np.uint16) * (2 ** (bits - 9)) + 3
    grey, notes = look(encoded(Image.fromarray(deep), "PNG"), tmp_path)
    assert np.array_equal(grey, GREY)
    assert notes == [Note.DEEP_PNG]


@pytest.mark.parametrize("kind", ["grey and alpha", "RGB", "RGBA"])
@pytest.mark.parametrize("bits", [12, 16])
def test_16_bit_colour_and_transparency_keep_their_low_byte(
    tmp_path: Path, kind: str, bits: int
) -> None:
    deep = GREY.astype(np.uint16) * (257 if bits == 16 else 16)
    clear = np.full(GREY.shape, 65535, dtype=np.uint16)
    clear[:10] = 0
    if kind == "grey and alpha":
        content = png(b"".join(rows(np.stack([deep, clear], axis=-1))), GREY.shape, 16, 4)
    else:
        planes = [deep] * 3 + [clear] * (kind == "RGBA")
        content = cv2.imencode(".png", np.stack(planes, axis=-1))[1].tobytes()
    grey, notes = look(content, tmp_path)
    expected = GREY.copy() if bits == 16 else np.rint(GREY * (255 / GREY.max())).astype(int)
    if kind != "RGB":
        expected[:10] = 0
    if bits == 12:
        seen = expected[10:] if kind != "RGB" else expected
        expected = np.rint(expected * (255 / seen.max())).astype(int)
    assert np.abs(grey.astype(int) - expected).max() <= 1
    assert notes == ([Note.DEEP_PNG] if bits == 12 else [])


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_an_image_that_is_transparent_everywhere_is_refused(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(GREY).convert(mode)
    image.putalpha(0)
    assert reason(encoded(image, "PNG"), tmp_path) is Reason.NO_CONTRAST


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_blank_image_is_refused(tmp_path: Path, kind: str, level: int) -> None:
    rng = np.random.default_rng(0)
    noise = np.clip(level + rng.integers(-1, 2, (64, 64)), 0, 255).astype(np.uint8)
    noise[0, :3] = 90  # a speck
    assert reason(encoded(Image.fromarray(noise), kind, **quality(kind)), tmp_path) is (
        Reason.NO_CONTRAST
    )


def quality(kind: str) -> dict[str, object]:
    return {"quality": 100} if kind == "JPEG" else {}


def test_a_faint_image_is_no_blank_one(tmp_path: Path) -> None:
    faint = (GREY // 20 + 100).astype(np.uint8)
    assert np.array_equal(look(encoded(Image.fromarray(faint), "PNG"), tmp_path)[0], faint)


def content_of(pixels: NDArray[np.generic], **options: object) -> bytes:
    return encoded(Image.fromarray(pixels), "PNG", **options)


@pytest.mark.parametrize("kind", ["dead pixel", "offset", "inverted"])
def test_12_bits_anywhere_in_16_keep_their_grey_levels(tmp_path: Path, kind: str) -> None:
    large = picture(60, 60)
    deep, expected = large.astype(np.uint16) * 16, large.astype(int)
    if kind == "dead pixel":
        deep[7, 7], expected[7, 7] = 65535, 255
    elif kind == "offset":
        deep += 32768
    else:
        deep, expected = 65535 - deep, 255 - expected
    grey, notes = look(content_of(deep), tmp_path)
    assert np.abs(grey.astype(int) - expected).max() <= 2
    assert notes == [Note.DEEP_PNG]


def test_a_transparent_level_of_16_bits_is_black(tmp_path: Path) -> None:
    deep = GREY.astype(np.uint16) * 257
    level = int(deep[20, 20])
    content = png(b"".join(rows(deep)), GREY.shape, 16, 0)
    clear = content[:33] + chunk(b"tRNS", struct.pack(">H", level)) + content[33:]
    grey, notes = look(clear, tmp_path)
    assert np.array_equal(grey, np.where(deep == level, 0, GREY))
    assert not notes


@pytest.mark.parametrize("kind", [b"iCCP", b"gAMA", b"pHYs", b"cHRM", b"zTXt", b"eXIf", b"sRGB"])
@pytest.mark.parametrize("body", [b"", b"abc", b"a\0\0" + zlib.compress(bytes(10**8), 1)])
def test_damage_beside_the_pixels_does_not_matter(tmp_path: Path, kind: bytes, body: bytes) -> None:
    content = content_of(GREY)
    grey, notes = look(content[:33] + chunk(kind, body) + content[33:], tmp_path)
    assert np.array_equal(grey, GREY)
    assert not notes


BLANK = np.zeros((300, 300), np.uint8)
ROW, COLUMN = np.indices(BLANK.shape)
SHOWS_NOTHING = {
    "a marker": np.where((ROW < 30) & (COLUMN < 30), 255, 0),
    "two halves": np.where(COLUMN < 150, 0, 255),
    "few levels of noise": np.random.default_rng(0).integers(248, 256, BLANK.shape),
    "much noise": np.random.default_rng(0).integers(0, 256, BLANK.shape),
    "small": picture(48, 40)[:7, :40],
}


@pytest.mark.parametrize("name", SHOWS_NOTHING)
def test_what_shows_nothing_is_refused(tmp_path: Path, name: str) -> None:
    pixels = SHOWS_NOTHING[name].astype(np.uint8)
    assert reason(content_of(pixels), tmp_path) is Reason.NO_CONTRAST


def test_what_is_almost_transparent_is_refused(tmp_path: Path) -> None:
    image = Image.fromarray(GREY // 2 + 128).convert("LA")
    image.putalpha(10)
    assert reason(encoded(image, "PNG"), tmp_path) is Reason.NO_CONTRAST


@pytest.mark.parametrize("level", [0, 128])
def test_a_flat_band_at_the_lower_edge_is_noted(tmp_path: Path, level: int) -> None:
    half = GREY.copy()
    half[22:] = level
    assert look(content_of(half), tmp_path)[1] == [Note.FLAT_BAND]
    half[-1] = GREY[-1]
    assert look(content_of(half), tmp_path)[1] == []
