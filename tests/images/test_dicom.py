from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from camchex.images.decode import read_image
from camchex.images.dicom import decode_dicom
from camchex.images.unreadable import Notes, Reason, UnreadableImage
from tests.images.files import dicom, dicom_bytes, encapsulated, encoded, picture, saved
from tests.images.lossless_jpeg import lossless_jpeg

GREY = picture()


def read(dataset: Dataset, folder: Path) -> np.ndarray:
    return read_image(saved(folder / "a.dcm", dicom_bytes(dataset))).astype(int)


def levels(dataset: Dataset) -> np.ndarray:
    """Grey levels of an image that is too small to show anything."""
    return decode_dicom(dicom_bytes(dataset), Path("a.dcm"), []).astype(int)


def reason(path: Path) -> Reason:
    with pytest.raises(UnreadableImage) as caught:
        read_image(path)
    return caught.value.reason


def test_8_bit_pixels_are_kept(tmp_path: Path) -> None:
    faint = GREY // 2 + 20
    assert np.array_equal(read(dicom(faint, 8), tmp_path), faint)


def test_a_rescale_and_a_window_that_change_nothing_keep_8_bit_pixels(tmp_path: Path) -> None:
    faint = GREY // 2 + 20
    dataset = dicom(faint, 8)
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
    dataset.WindowCenter, dataset.WindowWidth = 128, 256
    assert np.array_equal(read(dataset, tmp_path), faint)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_deep_pixels_are_stretched_from_black_to_white(tmp_path: Path, bits: int) -> None:
    deep = GREY.astype(np.uint16) * (2 ** (bits - 9)) + 7  # half of what the bits can hold
    assert np.array_equal(read(dicom(deep, bits), tmp_path), GREY)


def test_signed_pixels_are_stretched_from_black_to_white(tmp_path: Path) -> None:
    assert np.array_equal(read(dicom(GREY.astype(np.int16) * 4 - 500, 12), tmp_path), GREY)


@pytest.mark.parametrize("bits", [8, 12])
def test_monochrome1_is_the_inverse_of_monochrome2(tmp_path: Path, bits: int) -> None:
    pixels = GREY if bits == 8 else GREY.astype(np.uint16) * 16
    white_high = read(dicom(pixels, bits, "MONOCHROME2"), tmp_path)
    white_low = read(dicom(pixels, bits, "MONOCHROME1"), tmp_path)
    assert np.array_equal(white_high + white_low, np.full(GREY.shape, 255))


def test_a_window_clips_what_lies_outside(tmp_path: Path) -> None:
    dataset = dicom(GREY.astype(np.uint16) * 16, 12)
    dataset.WindowCenter, dataset.WindowWidth = [2048, 100], [1024, 50]  # the first one counts
    shown = read(dataset, tmp_path)
    values = GREY.astype(float) * 16
    expected = np.clip((values - 2047.5) / 1023 + 0.5, 0, 1) * 255  # PS3.3 C.11.2.1.2
    assert np.abs(shown - expected).max() <= 0.5


def test_a_rescale_comes_before_the_window(tmp_path: Path) -> None:
    dataset = dicom(GREY.astype(np.uint16) * 16, 12)
    dataset.RescaleSlope, dataset.RescaleIntercept = 2, -1000
    dataset.WindowCenter, dataset.WindowWidth = 2048 * 2 - 1000, 2048
    values = GREY.astype(float) * 32 - 1000
    expected = np.clip((values - 3095.5) / 2047 + 0.5, 0, 1) * 255
    assert np.abs(read(dataset, tmp_path) - expected).max() <= 0.5


@pytest.mark.parametrize("rescale", [None, (1, 0)])
def test_a_voi_table_is_applied(tmp_path: Path, rescale: tuple[int, int] | None) -> None:
    dataset = dicom(GREY.astype(np.uint16) * 16, 12)
    curve = np.rint(65535 * (np.arange(4096) / 4095) ** 2).astype(np.uint16)
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [4096, 0, 16])
    table.add_new("LUTData", "US", curve.tolist())
    dataset.VOILUTSequence = [table]
    if rescale:  # 1, 0 is in almost every DX file; it turns the table's indices into floats
        dataset.RescaleSlope, dataset.RescaleIntercept = rescale
    expected = curve[GREY.astype(int) * 16].astype(float)
    expected *= 255 / expected.max()
    assert np.abs(read(dataset, tmp_path) - expected).max() <= 0.5


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_lossless_compression_changes_nothing(tmp_path: Path, syntax: str) -> None:
    dataset = dicom(GREY.astype(np.uint16) * 16, 12)
    plain = read(dataset, tmp_path)
    dataset.compress(syntax, generate_instance_uid=False)
    assert np.array_equal(read(dataset, tmp_path), plain)


def test_a_jpeg_inside_a_dicom_reads_as_the_jpeg(real_data: Path, tmp_path: Path) -> None:
    path = real_data / "odd_images" / "rsna_frontal.dcm"
    jpeg = next(pydicom.encaps.generate_frames(pydicom.dcmread(path).PixelData))
    alone = read_image(saved(tmp_path / "a.jpg", jpeg)).astype(int)
    assert np.abs(read_image(path) - alone).max() <= 1


def test_colour_becomes_luma(tmp_path: Path) -> None:
    coloured = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=-1)
    luma = np.asarray(Image.fromarray(coloured).convert("L"))
    assert np.array_equal(read(dicom(coloured, 8, "RGB"), tmp_path), luma)


def test_real_dicoms_show_lungs_dark_and_bone_light(real_data: Path) -> None:
    for path in sorted((real_data / "open_cohort" / "vinbigdata" / "train").iterdir()):
        grey = read_image(path)
        rows, columns = grey.shape
        middle = grey[rows // 3 : 2 * rows // 3]
        spine = middle[:, 9 * columns // 20 : 11 * columns // 20].mean()
        lungs = np.minimum(
            middle[:, columns // 5 : 2 * columns // 5].mean(),
            middle[:, 3 * columns // 5 : 4 * columns // 5].mean(),
        )
        assert spine > lungs, path.name


def test_a_dicom_cut_anywhere_is_refused(tmp_path: Path) -> None:
    plain = dicom(GREY.astype(np.uint16) * 16, 12)
    packed = dicom(GREY.astype(np.uint16) * 16, 12)
    packed.compress(RLELossless, generate_instance_uid=False)
    for dataset in (plain, packed):
        content = dicom_bytes(dataset)
        for kept in range(140, len(content) - 8, 211):
            path = saved(tmp_path / "a.dcm", content[:kept])
            assert reason(path) in {Reason.DAMAGED, Reason.NO_PIXELS}


@pytest.mark.filterwarnings("ignore:The number of bytes of pixel data:UserWarning")
def test_what_has_no_single_frame_of_pixels_is_told_apart(tmp_path: Path) -> None:
    several = dicom(GREY, 8)
    several.NumberOfFrames = 2
    several.PixelData = GREY.tobytes() * 2
    report = dicom(GREY, 8)
    del report.PixelData
    small = dicom(GREY, 8)
    small.Rows //= 4  # pydicom takes the pixels beyond for further frames
    huge = dicom(GREY, 8)
    huge.Rows = huge.Columns = 65_000
    nothing = dicom(GREY, 8)
    del nothing.BitsAllocated
    for dataset, expected in [
        (several, Reason.SEVERAL_FRAMES),
        (report, Reason.NO_PIXELS),
        (small, Reason.DAMAGED),
        (huge, Reason.NOT_SUPPORTED),
        (nothing, Reason.DAMAGED),
    ]:
        assert reason(saved(tmp_path / "a.dcm", dicom_bytes(dataset))) is expected


def test_a_damaged_codestream_is_refused(tmp_path: Path) -> None:
    dataset = dicom(GREY, 8)
    jpeg = encoded(Image.fromarray(GREY), "JPEG")
    dataset.file_meta.TransferSyntaxUID = JPEGLSLossless
    dataset.PixelData = pydicom.encaps.encapsulate([jpeg[:200]])
    assert reason(saved(tmp_path / "a.dcm", dicom_bytes(dataset))) is Reason.DAMAGED


def test_signed_8_bit_pixels_are_stretched_too(tmp_path: Path) -> None:
    signed = (GREY.astype(int) - 128).astype(np.int8)
    assert np.array_equal(read(dicom(signed, 8), tmp_path), GREY)


PADDED = [
    # stored, padding value and range limit, photometric, expected (by hand)
    ([[100, 200, 350, 4095]], (4095, None), "MONOCHROME2", [[0, 102, 255, 0]]),
    ([[100, 200, 350, 4095]], (4095, None), "MONOCHROME1", [[255, 153, 0, 0]]),
    ([[0, 50, 51, 151]], (0, 50), "MONOCHROME2", [[0, 0, 0, 255]]),
    ([[0, 50, 51, 151]], (50, 0), "MONOCHROME2", [[0, 0, 0, 255]]),
    ([[100, 200, 300, 400]], (4095, None), "MONOCHROME2", [[0, 85, 170, 255]]),
]


@pytest.mark.parametrize(("stored", "padding", "photometric", "expected"), PADDED)
def test_padding_is_black_and_stretches_nothing(
    stored: list[list[int]],
    padding: tuple[int, int | None],
    photometric: str,
    expected: list[list[int]],
) -> None:
    dataset = dicom(np.array(stored, dtype=np.uint16), 12, photometric)
    dataset.add_new("PixelPaddingValue", "US", padding[0])
    if padding[1] is not None:
        dataset.add_new("PixelPaddingRangeLimit", "US", padding[1])
    assert levels(dataset).tolist() == expected


def test_padding_may_be_signed() -> None:
    dataset = dicom(np.array([[-2000, -100, 0, 150]], dtype=np.int16), 12)
    dataset.add_new("PixelPaddingValue", "SS", -2000)
    assert levels(dataset).tolist() == [[0, 0, 102, 255]]


def test_padding_does_not_move_a_window() -> None:
    dataset = dicom(np.array([[4095, 500, 900, 1500]], dtype=np.uint16), 12)
    dataset.WindowCenter, dataset.WindowWidth = 1000.5, 1001  # 500 to 1500
    dataset.add_new("PixelPaddingValue", "US", 4095)
    assert levels(dataset).tolist() == [[0, 0, 102, 255]]


def test_padding_of_8_bit_pixels_is_black_and_the_rest_is_kept() -> None:
    dataset = dicom(np.array([[255, 10, 20, 30]], dtype=np.uint8), 8)
    dataset.add_new("PixelPaddingValue", "US", 255)
    assert levels(dataset).tolist() == [[0, 10, 20, 30]]


def test_a_palette_is_applied(tmp_path: Path) -> None:
    dataset = dicom(GREY, 8)
    dataset.PhotometricInterpretation = "PALETTE COLOR"
    for colour in ("Red", "Green", "Blue"):
        dataset.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
        table = (np.arange(255, -1, -1, dtype=np.uint16) * 257).tobytes()
        dataset.add_new(f"{colour}PaletteColorLookupTableData", "OW", table)
    assert np.array_equal(read(dataset, tmp_path), 255 - GREY)


@pytest.mark.parametrize("predictor", range(1, 8))
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_lossless_jpeg_changes_nothing(tmp_path: Path, bits: int, predictor: int) -> None:
    rng = np.random.default_rng(bits)
    deep = rng.integers(0, 2**bits, GREY.shape).astype(np.uint8 if bits == 8 else np.uint16)
    dataset = dicom(deep, bits)
    plain = read(dataset, tmp_path)
    syntax = JPEGLosslessSV1 if predictor == 1 else JPEGLossless
    stream = lossless_jpeg(deep, bits, predictor)
    assert np.array_equal(read(encapsulated(dataset, stream, syntax), tmp_path), plain)


def test_a_lossless_jpeg_that_gdcm_wrote_is_read() -> None:
    path = pydicom.data.get_testdata_file("SC_rgb_jpeg_gdcm.dcm", download=False)
    bars = read_image(Path(path))[[5, 25, 45], 50]  # red, green, blue
    assert bars.tolist() == [76, 150, 29]  # 255 times ITU-R 601's 0.299, 0.587, 0.114


def test_lossy_jpeg_2000_is_nearly_what_was_stored(tmp_path: Path) -> None:
    dataset = dicom(GREY.astype(np.uint16) * 16, 12)
    dataset.compress(JPEG2000, j2k_psnr=[60], generate_instance_uid=False)
    assert np.abs(read(dataset, tmp_path) - GREY).max() <= 4


def frame(dataset: Dataset) -> bytes:
    return next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1))


def cut(stream: bytes) -> bytes:
    return stream[: len(stream) * 9 // 10]


def test_a_compressed_frame_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    baseline = encoded(Image.fromarray(GREY), "JPEG")
    holed = baseline[:-200] + bytes(100) + baseline[-100:]
    lossless = lossless_jpeg(GREY, 8, 1)
    dataset = dicom(GREY, 8)
    dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
    wavelets = frame(dataset)
    for stream, syntax in [
        (cut(baseline), JPEGBaseline8Bit),
        (holed, JPEGBaseline8Bit),
        (cut(lossless), JPEGLosslessSV1),
        (cut(wavelets), JPEG2000Lossless),
    ]:
        broken = dicom_bytes(encapsulated(dicom(GREY, 8), stream, syntax))
        assert reason(saved(tmp_path / "a.dcm", broken)) is Reason.DAMAGED


def test_a_compressed_frame_that_claims_to_be_huge_is_refused(tmp_path: Path) -> None:
    dataset = dicom(GREY, 8)
    dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
    wavelets = bytearray(
        next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1))
    )
    wavelets[8:16] = (60_000).to_bytes(4, "big") * 2  # ISO 15444-1 A.5.1: Xsiz, Ysiz
    lossless = bytearray(lossless_jpeg(GREY, 8, 1))
    lossless[7:11] = (60_000).to_bytes(2, "big") * 2  # T.81 B.2.2: Y, X
    for stream, syntax in [(wavelets, JPEG2000Lossless), (lossless, JPEGLosslessSV1)]:
        huge = dicom_bytes(encapsulated(dicom(GREY, 8), bytes(stream), syntax))
        assert reason(saved(tmp_path / "a.dcm", huge)) is Reason.DAMAGED


def test_a_deflated_file_is_read_up_to_the_size_of_any_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = dicom(GREY, 8)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    content = dicom_bytes(dataset)
    path, notes = saved(tmp_path / "a.dcm", content), Notes()
    assert np.array_equal(read_image(path, notes=notes), GREY)
    assert not notes
    assert reason(saved(tmp_path / "b.dcm", content[:-50])) is Reason.DAMAGED
    monkeypatch.setattr("camchex.images.dicom.MOST_BYTES", 1000)
    assert reason(path) is Reason.NOT_SUPPORTED
