import contextlib
import os
import resource
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from camchex.images.decode import read_image
from camchex.images.limits import MOST_BYTES, MOST_PIXELS
from camchex.images.unreadable import Note, Notes, Reason, UnreadableImage
from tests.images.files import encoded, picture, saved

GREY = picture()
COLOURED = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=-1)


def pillow(content: bytes) -> NDArray[np.int16]:
    """The oracle: Pillow's own grey levels."""
    return np.asarray(Image.open(BytesIO(content)).convert("L")).astype(np.int16)


def reason(path: Path) -> Reason:
    with pytest.raises(UnreadableImage) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
def test_a_jpeg_reads_as_pillow_reads_it(
    tmp_path: Path, mode: str, options: dict[str, bool]
) -> None:
    image = Image.fromarray(COLOURED).convert(mode)
    content = encoded(image, "JPEG", quality=90, **options)
    grey = read_image(saved(tmp_path / "a.jpg", content))
    assert grey.dtype == np.uint8
    assert np.abs(grey - pillow(content)).max() <= 2  # rounding of YCbCr -> RGB -> luma


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "LA", "RGBA"])
def test_an_opaque_png_reads_as_pillow_reads_it(tmp_path: Path, mode: str) -> None:
    content = encoded(Image.fromarray(COLOURED).convert(mode), "PNG")
    grey = read_image(saved(tmp_path / "a.png", content))
    assert np.abs(grey - pillow(content)).max() <= 1


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_what_is_transparent_is_black(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(GREY).convert(mode)
    alpha = np.full(GREY.shape, 255, dtype=np.uint8)
    alpha[:10], alpha[10:20] = 0, 128
    image.putalpha(Image.fromarray(alpha))
    grey = read_image(saved(tmp_path / "a.png", encoded(image, "PNG"))).astype(int)
    assert not grey[:10].any()
    assert np.abs(grey[10:20] - GREY[10:20] * (128 / 255)).max() <= 1
    assert np.array_equal(grey[20:], GREY[20:])


def test_a_transparent_palette_entry_is_black(tmp_path: Path) -> None:
    image = Image.fromarray(GREY // 2, "L").convert("P")
    image.putpalette([200, 200, 200, *np.repeat(np.arange(1, 256), 3).tolist()])
    grey = read_image(saved(tmp_path / "a.png", encoded(image, "PNG", transparency=0)))
    assert (GREY < 2).any()
    assert np.array_equal(grey, GREY // 2)


def test_a_16_bit_png_loses_only_its_low_byte(tmp_path: Path) -> None:
    deep = GREY.astype(np.uint16) * 257  # 255 -> 65535
    path = saved(tmp_path / "a.png", encoded(Image.fromarray(deep), "PNG"))
    assert np.array_equal(read_image(path), GREY)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.fromarray(GREY), kind, exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(BytesIO(content))))
    assert np.array_equal(read_image(saved(tmp_path / "a", content)), upright)


@pytest.mark.parametrize(("kind", "wrong"), [("JPEG", "a.dcm"), ("PNG", "a.jpg")])
def test_content_counts_not_the_extension(tmp_path: Path, kind: str, wrong: str) -> None:
    content = encoded(Image.fromarray(GREY), kind)
    assert np.array_equal(read_image(saved(tmp_path / wrong, content)), pillow(content))


@pytest.mark.parametrize("at_least", [1, 30, 64, 100, 150, 300])
def test_a_scaled_jpeg_is_large_enough_and_shows_the_same(tmp_path: Path, at_least: int) -> None:
    content = encoded(Image.fromarray(picture(300, 260)), "JPEG", quality=95)
    path = saved(tmp_path / "a.jpg", content)
    full, scaled = read_image(path), read_image(path, at_least=at_least)
    assert min(scaled.shape) >= min(at_least, *full.shape)
    assert scaled.shape[0] <= max(300 // 8 + 1, 2 * at_least * 300 // 260)
    again = Image.fromarray(full).resize(scaled.shape[::-1], Image.Resampling.BOX)
    assert np.abs(np.asarray(again).astype(int) - scaled).mean() < 1


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "L")])
def test_a_file_cut_anywhere_is_refused_never_half_decoded(
    tmp_path: Path, kind: str, mode: str
) -> None:
    content = encoded(Image.fromarray(picture(90, 80)).convert(mode), kind)
    # Past the pixels, a PNG has an end-of-block code, two checksums and the empty IEND chunk.
    # A JPEG may lack its end marker, of two bytes.
    first_whole = len(content) - (30 if kind == "PNG" else 3)
    for kept in [1, 3, 20, *range(100, first_whole, 37), first_whole - 1]:
        path = saved(tmp_path / "a", content[:kept])
        assert reason(path) in {Reason.DAMAGED, Reason.UNKNOWN_FORMAT}


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_with_a_hole_is_refused(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(picture(300, 260)).convert(mode)
    content = bytearray(encoded(image, "JPEG", quality=95))
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    assert reason(saved(tmp_path / "a.jpg", bytes(content))) is Reason.DAMAGED


@pytest.mark.parametrize("before", [b" ", b"\r\n", b"\xef\xbb\xbf", b"\xff"])
def test_bytes_before_a_jpeg_are_skipped_with_a_note(tmp_path: Path, before: bytes) -> None:
    content, notes = encoded(Image.fromarray(GREY), "JPEG"), Notes()
    grey = read_image(saved(tmp_path / "a", before + content), notes=notes)
    assert np.array_equal(grey, pillow(content))
    assert notes == [Note.JPEG_START]


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("rest", [b"", b"\xff"])
def test_a_jpeg_without_its_end_marker_is_read_with_a_note(
    tmp_path: Path, mode: str, rest: bytes
) -> None:
    content = encoded(Image.fromarray(GREY).convert(mode), "JPEG")
    notes = Notes()
    grey = read_image(saved(tmp_path / "a", content[:-2] + rest), notes=notes)
    assert np.abs(grey - pillow(content)).max() <= 2
    assert notes == [Note.JPEG_END]


def test_what_is_no_image_is_told_apart(tmp_path: Path) -> None:
    frames = [Image.fromarray(GREY), Image.fromarray(GREY[::-1])]
    movie = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
    tiff = encoded(frames[0], "TIFF")
    assert reason(tmp_path / "none.jpg") is Reason.NO_FILE
    assert reason(tmp_path) is Reason.NOT_OPENED
    assert reason(tmp_path / "a\0b.jpg") is Reason.NOT_OPENED
    assert reason(saved(tmp_path / "empty.jpg", b"")) is Reason.EMPTY
    assert reason(saved(tmp_path / "page.jpg", b"<html>403</html>")) is Reason.UNKNOWN_FORMAT
    assert reason(saved(tmp_path / "a.tiff", tiff)) is Reason.UNKNOWN_FORMAT
    assert reason(saved(tmp_path / "a.png", movie)) is Reason.SEVERAL_FRAMES


def chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return len(content).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP", b"IDAT"])
def test_a_png_that_inflates_without_end_stays_small(tmp_path: Path, kind: bytes) -> None:
    prefix = {b"zTXt": b"a\0\0", b"iTXt": b"a\0\1\0\0\0", b"iCCP": b"a\0\0", b"IDAT": b""}[kind]
    bomb = chunk(kind, prefix + zlib.compress(bytes(300_000_000), 1))
    content = encoded(Image.fromarray(GREY), "PNG")
    path = saved(tmp_path / "a.png", content[:33] + bomb + content[33:])  # after IHDR
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with contextlib.suppress(UnreadableImage):
        assert read_image(path).shape == GREY.shape
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held < 100_000  # kB


def test_a_png_that_claims_to_be_huge_is_refused(tmp_path: Path) -> None:
    content = bytearray(encoded(Image.fromarray(GREY), "PNG"))
    content[16:24] = (60_000).to_bytes(4, "big") * 2  # IHDR: width, height
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    assert reason(saved(tmp_path / "a.png", bytes(content))) is Reason.NOT_SUPPORTED


def test_a_jpeg_of_more_scans_than_any_encoder_writes_is_refused(tmp_path: Path) -> None:
    content = encoded(Image.fromarray(COLOURED), "JPEG", progressive=True)
    last_scan = content[content.rindex(b"\xff\xda") : -2]
    bomb = content[:-2] + last_scan * 200 + content[-2:]
    assert read_image(saved(tmp_path / "a.jpg", content)).shape == GREY.shape
    assert reason(saved(tmp_path / "a.jpg", bomb)) is Reason.NOT_SUPPORTED


def test_a_file_larger_than_any_image_is_not_even_read(tmp_path: Path) -> None:
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(MOST_BYTES + 1)  # sparse: takes no room
    assert reason(tmp_path / "a.jpg") is Reason.NOT_SUPPORTED


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    assert reason(tmp_path / "a.jpg") is Reason.NOT_OPENED


@pytest.mark.parametrize("most_of_pillow", [Image.MAX_IMAGE_PIXELS, 1_000])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_jpeg_or_png_of_more_pixels_than_any_detector_has_is_refused(
    tmp_path: Path, kind: str, most_of_pillow: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most_of_pillow)  # twice as many are an error
    blank = Image.new("L", (MOST_PIXELS // 5000 + 1, 5000))
    path = saved(tmp_path / "a", encoded(blank, kind))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(UnreadableImage, match=rf"not supported: .*more than {MOST_PIXELS:,}"):
        read_image(path)


REAL = {  # (rows, columns)
    "16747_3_1.jpg": (885, 1036),
    "covid_3ch.jpg": (2373, 2373),
    "jpeg_RGB.jpg": (328, 325),
    "nih_00000001_000.png": (512, 512),
    "nih_00027426_000.png": (512, 512),
    "png_RGB.png": (277, 375),
    "png_RGBA.jpg": (361, 373),
    "rsna_frontal.dcm": (1024, 1024),
}


@pytest.mark.parametrize("name", REAL)
def test_real_files_of_every_kind_are_read(real_data: Path, name: str) -> None:
    path = real_data / "odd_images" / name
    grey = read_image(path)
    assert grey.shape == REAL[name]
    assert np.ptp(grey) > 150  # neither blank nor faint
    if path.suffix != ".dcm":
        assert np.abs(grey - pillow(path.read_bytes())).max() <= 2
