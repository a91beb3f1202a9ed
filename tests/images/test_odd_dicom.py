"""DICOM files that contradict themselves or the standard: how they are read, and what is said."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from openjpeg.utils import encode_array
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from camchex.images.decode import read_image
from camchex.images.unreadable import Note, Notes, Reason, UnreadableImage
from tests.images.files import dicom, dicom_bytes, encapsulated, encoded, picture, saved
from tests.images.lossless_jpeg import lossless_jpeg

GREY = picture()
DEEP = GREY.astype(np.uint16) * 15  # 0 to 3825: 12 bits
PREFIX = 132  # bytes of preamble and DICM


def look(content: Dataset | bytes, folder: Path) -> tuple[NDArray[np.int64], set[Note]]:
    """Grey levels and notes."""
    notes: Notes = []
    data = content if isinstance(content, bytes) else dicom_bytes(content)
    grey = read_image(saved(folder / "a.dcm", data), notes=notes)
    return grey.astype(int), set(notes)


def refused(content: Dataset | bytes, folder: Path) -> str:
    with pytest.raises(UnreadableImage) as caught:
        look(content, folder)
    return caught.value.explanation


def stretched(values: NDArray[np.generic]) -> NDArray[np.int64]:
    """The oracle: black at the lowest value, white at the highest."""
    low, high = float(values.min()), float(values.max())
    return np.rint((values - low) / (high - low) * 255).astype(int)


def windowed(x: float, centre: float, width: float, function: str) -> float:
    """The oracle: PS3.3 C.11.2.1.2.1, C.11.2.1.3.2 and C.11.2.1.3.1, with ymin 0 and ymax 1."""
    if function == "SIGMOID":
        return 1 / (1 + np.exp(-4 * (x - centre) / width))
    if function == "LINEAR_EXACT":
        if x <= centre - width / 2:
            return 0.0
        return 1.0 if x > centre + width / 2 else (x - centre) / width + 0.5
    if x <= centre - 0.5 - (width - 1) / 2:
        return 0.0
    if x > centre - 0.5 + (width - 1) / 2:
        return 1.0
    return (x - (centre - 0.5)) / (width - 1) + 0.5


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID", None])
@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (-1, 4095), (2.5, -100), (-0.5, 0)])
@pytest.mark.parametrize("signed", [False, True])
def test_a_rescale_and_a_window_are_those_of_the_standard(
    *,
    tmp_path: Path,
    signed: bool,
    slope: float,
    intercept: float,
    function: str | None,
    photometric: str,
) -> None:
    stored = DEEP.astype(np.int16) - 2000 if signed else DEEP
    values = stored.astype(float) * slope + intercept
    centre, width = float(np.quantile(values, 0.4)), float(np.ptp(values) / 2)
    dataset = dicom(stored, 12, photometric)
    dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept
    dataset.WindowCenter, dataset.WindowWidth = round(centre, 3), round(width, 3)
    if function:
        dataset.VOILUTFunction = function
    plain = np.vectorize(windowed)(values, round(centre, 3), round(width, 3), function or "LINEAR")
    expected = stretched(plain)
    grey, notes = look(dataset, tmp_path)
    assert not notes
    assert np.abs(grey - (255 - expected if photometric == "MONOCHROME1" else expected)).max() <= 1


IGNORED = [
    # centre, width, function, note; the pixels run from 0 to 3825
    (30000, 10, None, Note.WINDOW_NOTHING),
    (-500, 100, "LINEAR_EXACT", Note.WINDOW_NOTHING),
    (90000, 10, "SIGMOID", Note.WINDOW_NOTHING),
    (1000.25, 1, None, Note.WINDOW_NOTHING),  # a step
    (2000, 1e300, "LINEAR_EXACT", Note.WINDOW_NOTHING),
    (2000, 0, None, Note.WINDOW_WIDTH),
    (2000, 0.5, "LINEAR", Note.WINDOW_WIDTH),
    (2000, -4000, "LINEAR_EXACT", Note.WINDOW_WIDTH),
    (2000, 0, "SIGMOID", Note.WINDOW_WIDTH),
    (2000, 500, "LOGARITHM", Note.WINDOW_FUNCTION),
    (None, 500, None, Note.WINDOW_NUMBER),
    (2000, None, None, Note.WINDOW_NUMBER),
    (2000, "nan", None, Note.WINDOW_NUMBER),
    ("1e999", 500, None, Note.WINDOW_NUMBER),
]


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom, on writing such values
@pytest.mark.parametrize(("centre", "width", "function", "note"), IGNORED)
def test_a_window_that_cannot_be_meant_is_ignored_with_a_note(
    tmp_path: Path, centre: object, width: object, function: str | None, note: Note
) -> None:
    dataset = dicom(DEEP, 12)
    dataset.WindowCenter, dataset.WindowWidth = centre, width
    if function:
        dataset.VOILUTFunction = function
    grey, notes = look(dataset, tmp_path)
    assert np.array_equal(grey, GREY)
    assert notes == {note}


@pytest.mark.parametrize("centre", [0, 0.5, 300])
def test_a_window_of_width_1_leaves_8_bit_pixels_as_they_are(tmp_path: Path, centre: float) -> None:
    faint = GREY // 2 + 20
    dataset = dicom(faint, 8)
    dataset.WindowCenter, dataset.WindowWidth = centre, 1
    grey, notes = look(dataset, tmp_path)
    assert np.array_equal(grey, faint)
    assert notes == {Note.WINDOW_NOTHING}


def test_a_narrow_window_that_leaves_the_lungs_is_not_ignored(tmp_path: Path) -> None:
    dataset = dicom(DEEP, 12)
    dataset.WindowCenter, dataset.WindowWidth = 2000, 300
    grey, notes = look(dataset, tmp_path)
    assert not notes
    share = ((grey > 0) & (grey < 255)).mean()
    assert share == pytest.approx(((DEEP > 1850) & (DEEP < 2150)).mean(), abs=0.01)


def voi_table(entries: int, first: int, bits: int, data: list[int] | bytes) -> Dataset:
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [entries % 65536, first, bits])
    table.add_new("LUTData", "OW" if isinstance(data, bytes) else "US", data)
    return table


def test_a_voi_table_of_8_bits_does_not_wrap(tmp_path: Path) -> None:
    curve = np.rint(255 * (np.arange(2000) / 1999) ** 2).astype(int)
    dataset = dicom(DEEP, 12)
    dataset.VOILUTSequence = [voi_table(2000, 500, 8, curve.tolist())]
    expected = stretched(curve[np.clip(DEEP.astype(int) - 500, 0, 1999)])
    grey, notes = look(dataset, tmp_path)
    assert not notes
    assert np.array_equal(grey, expected)


BROKEN_TABLES: dict[str, Dataset] = {
    "constant": voi_table(4096, 0, 16, [700] * 4096),
    "a step": voi_table(4096, 0, 16, [0] * 2000 + [65535] * 2096),
    "too short": voi_table(4096, 0, 16, list(range(100))),
    "empty": Dataset(),
}


@pytest.mark.parametrize("name", BROKEN_TABLES)
@pytest.mark.parametrize("window", [False, True])
def test_a_voi_table_that_cannot_be_meant_is_ignored_for_the_window(
    *, tmp_path: Path, name: str, window: bool
) -> None:
    dataset = dicom(DEEP, 12)
    dataset.VOILUTSequence = [BROKEN_TABLES[name]]
    expected = GREY.astype(int)
    if window:
        dataset.WindowCenter, dataset.WindowWidth = 1000, 2000
        expected = stretched(np.clip(DEEP, 0, 1999))
    grey, notes = look(dataset, tmp_path)
    assert np.abs(grey - expected).max() <= 1
    assert notes - {Note.FLAT_BAND} == {Note.VOI_TABLE}  # the lowest rows are white


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted", "contradicts"),
    [
        ("MONOCHROME1", "INVERSE", True, False),
        ("MONOCHROME2", "IDENTITY", False, False),
        ("MONOCHROME1", None, True, False),
        ("MONOCHROME2", "", False, False),
        ("MONOCHROME2", "INVERSE", False, True),
        ("MONOCHROME1", "IDENTITY", True, True),
    ],
)
def test_photometric_interpretation_decides_and_a_contradiction_is_noted(
    *, tmp_path: Path, photometric: str, shape: str | None, inverted: bool, contradicts: bool
) -> None:
    dataset = dicom(DEEP, 12, photometric)
    if shape is not None:
        dataset.PresentationLUTShape = shape
    grey, notes = look(dataset, tmp_path)
    assert np.array_equal(grey, 255 - GREY if inverted else GREY)
    assert notes == ({Note.PRESENTATION} if contradicts else set())


@pytest.mark.parametrize("photometric", ["MONOCHROME3", ""])
def test_an_unknown_photometric_interpretation_is_refused(tmp_path: Path, photometric: str) -> None:
    dataset = dicom(DEEP, 12)
    dataset.PhotometricInterpretation = photometric
    assert "Photometric" in refused(dataset, tmp_path)


@pytest.mark.parametrize(("slope", "intercept"), [("", 0), (1, ""), ("", ""), (0, 0)])
def test_an_incomplete_rescale_changes_nothing_and_is_noted(
    tmp_path: Path, slope: object, intercept: object
) -> None:
    dataset = dicom(DEEP, 12)
    dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept
    dataset.WindowCenter, dataset.WindowWidth = 2048, 4096
    grey, notes = look(dataset, tmp_path)
    assert np.abs(grey - GREY).max() <= 1
    assert notes == {Note.RESCALE}


def headless(syntax: str, drop: Callable[[bytes], bytes]) -> bytes:
    dataset = dicom(DEEP, 12)
    dataset.file_meta.TransferSyntaxUID = syntax
    return drop(dicom_bytes(dataset))


def without_meta(content: bytes) -> bytes:
    """What follows the file meta information, of which group length says how long it is."""
    length = int.from_bytes(content[140:144], "little")
    return content[144 + length :]


HEADLESS: dict[str, tuple[Callable[[bytes], bytes], set[Note]]] = {
    "no preamble": (lambda c: c[PREFIX:], {Note.NO_PREAMBLE}),
    "prefix alone": (lambda c: c[128:], {Note.NO_PREAMBLE}),
    "preamble alone": (lambda c: c[:128] + c[PREFIX:], {Note.NO_PREAMBLE}),
    "no meta": (without_meta, {Note.NO_PREAMBLE, Note.NO_SYNTAX}),
    "preamble, no meta": (lambda c: c[:PREFIX] + without_meta(c), {Note.NO_SYNTAX}),
}


@pytest.mark.parametrize("name", HEADLESS)
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_file_without_its_head_is_read_as_little_endian(
    tmp_path: Path, syntax: str, name: str
) -> None:
    drop, expected = HEADLESS[name]
    grey, notes = look(headless(syntax, drop), tmp_path)
    assert np.array_equal(grey, GREY)
    assert notes == expected


def test_a_file_without_its_transfer_syntax_is_read(tmp_path: Path) -> None:
    dataset = dicom(DEEP, 12)
    content = dicom_bytes(dataset)
    at = content.index(b"\x02\x00\x10\x00UI")
    size = 8 + int.from_bytes(content[at + 6 : at + 8], "little")
    length = int.from_bytes(content[140:144], "little") - size
    content = content[:140] + length.to_bytes(4, "little") + content[144:at] + content[at + size :]
    grey, notes = look(content, tmp_path)
    assert np.array_equal(grey, GREY)
    assert notes == {Note.NO_SYNTAX}


def test_compressed_pixels_without_a_transfer_syntax_are_refused_in_words_for_users(
    tmp_path: Path,
) -> None:
    dataset = dicom(DEEP, 12)
    dataset.compress(RLELossless, generate_instance_uid=False)
    message = refused(without_meta(dicom_bytes(dataset)), tmp_path)
    assert message == "not supported: no transfer syntax, and compressed pixels"
    assert "force" not in refused(b"\x08\x00\x05\x00" + bytes(300), tmp_path)


@pytest.mark.parametrize("signed", [False, True])
def test_highbit_says_where_the_values_are(*, tmp_path: Path, signed: bool) -> None:
    values = DEEP.astype(np.int16) - 2000 if signed else DEEP
    dataset = dicom(values, 12)
    dataset.PixelData = (values << 4).tobytes()
    dataset.HighBit = 15
    grey, notes = look(dataset, tmp_path)
    assert np.array_equal(grey, GREY)
    assert notes == {Note.HIGH_BIT}


def test_highbit_is_wrong_where_no_bit_is_as_high(tmp_path: Path) -> None:
    dataset = dicom(DEEP, 12)
    dataset.HighBit = 15
    grey, notes = look(dataset, tmp_path)
    assert np.array_equal(grey, GREY)
    assert notes == {Note.HIGH_BIT}


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless])
def test_values_of_more_bits_than_bitsstored_do_not_wrap(
    *, tmp_path: Path, syntax: str, signed: bool
) -> None:
    values = DEEP.astype(np.int16) * 4 - 7000 if signed else DEEP * 4
    dataset = dicom(values, 16)
    dataset.BitsStored, dataset.HighBit = 12, 11
    if syntax == RLELossless:
        dataset.compress(syntax, generate_instance_uid=False)
    grey, notes = look(dataset, tmp_path)
    assert np.array_equal(grey, GREY)
    assert notes == {Note.BITS_STORED}


@pytest.mark.parametrize("extended", [False, True])
def test_signed_values_are_read_with_and_without_their_sign_in_the_unused_bits(
    *, tmp_path: Path, extended: bool
) -> None:
    values = DEEP.astype(np.int16) - 2000
    dataset = dicom(values, 12)
    dataset.PixelData = (values if extended else values & 0xFFF).tobytes()
    grey, notes = look(dataset, tmp_path)
    assert np.array_equal(grey, GREY)
    assert not notes


def test_an_overlay_in_the_unused_bits_is_no_value(tmp_path: Path) -> None:
    dataset = dicom(DEEP, 12)
    overlay = (GREY > 128).astype(np.uint16) << 15
    dataset.PixelData = (DEEP | overlay).tobytes()
    dataset.add_new((0x6000, 0x0102), "US", 15)
    grey, notes = look(dataset, tmp_path)
    assert np.array_equal(grey, GREY)
    assert not notes


def test_a_stream_of_more_bits_than_the_header_is_read_in_full(tmp_path: Path) -> None:
    deeper = DEEP * 16  # 16 bits
    wavelets = dicom(deeper, 16)
    wavelets.compress(JPEG2000Lossless, generate_instance_uid=False)
    lossless = encapsulated(dicom(deeper, 16), lossless_jpeg(deeper, 16, 1), JPEGLosslessSV1)
    for dataset in (wavelets, lossless):
        dataset.BitsStored, dataset.HighBit = 12, 11
        grey, notes = look(dataset, tmp_path)
        assert np.array_equal(grey, GREY)
        assert notes == {Note.STREAM, Note.BITS_STORED}


def test_a_stream_of_fewer_bits_than_the_header_is_read(tmp_path: Path) -> None:
    dataset = dicom(DEEP, 12)
    dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
    dataset.BitsStored, dataset.HighBit = 16, 15
    grey, notes = look(dataset, tmp_path)
    assert np.array_equal(grey, GREY)
    assert notes == {Note.STREAM}


def test_the_header_decides_the_sign_of_a_stream_of_jpeg_2000(tmp_path: Path) -> None:
    turned = (DEEP << 4).astype(np.int16) >> 4  # 12 bits, of which the highest is taken for a sign
    stream = encode_array(turned, bits_stored=12, photometric_interpretation=2)
    dataset = encapsulated(dicom(DEEP, 12), stream, JPEG2000Lossless)
    grey, notes = look(dataset, tmp_path)
    assert np.array_equal(grey, GREY)
    assert notes == {Note.STREAM}


def sample(name: str) -> bytes:
    """A real file that pydicom comes with."""
    path = pydicom.data.get_testdata_file(name, download=False)
    assert path
    return Path(path).read_bytes()


def test_the_real_file_whose_jpeg_2000_contradicts_its_sign_is_read_as_pydicom_reads_it(
    tmp_path: Path,
) -> None:
    content = sample("J2K_pixelrep_mismatch.dcm")
    dataset = pydicom.dcmread(pydicom.data.get_testdata_file("J2K_pixelrep_mismatch.dcm"))
    values = dataset.pixel_array * dataset.RescaleSlope + dataset.RescaleIntercept
    assert dataset.pixel_array.min() == -2000
    plain = np.vectorize(windowed)(values, 40, 100, "LINEAR")
    plain[dataset.pixel_array == dataset.get("PixelPaddingValue")] = 0
    grey, notes = look(content, tmp_path)
    assert np.abs(grey - stretched(plain)).max() <= 1
    assert notes == {Note.STREAM}


@pytest.mark.parametrize(
    "kind", ["RLE", "implicit", "bigendian", "expb", "jp2klossless", "jpeg_ls_lossless"]
)
def test_the_same_real_picture_is_the_same_in_every_encoding(tmp_path: Path, kind: str) -> None:
    plain, _ = look(sample("MR_small.dcm"), tmp_path)
    grey, notes = look(sample(f"MR_small_{kind}.dcm"), tmp_path)
    assert np.array_equal(grey, plain)
    assert not notes


def a_stream(kind: str) -> tuple[Dataset, bytes, str]:
    """A header, a whole stream without padding, and its transfer syntax."""
    if kind == "JPEG-LS":
        dataset = pydicom.dcmread(BytesIO(sample("MR_small_jpeg_ls_lossless.dcm")))
        return dataset, frame(dataset).rstrip(b"\0"), JPEGLSLossless
    noisy = DEEP + np.random.default_rng(0).integers(0, 200, DEEP.shape).astype(np.uint16)
    if kind == "lossless JPEG":
        return dicom(noisy, 12), lossless_jpeg(noisy, 12, 1), JPEGLosslessSV1
    stream = encoded(Image.fromarray(GREY), "JPEG")
    return encapsulated(dicom(GREY, 8), stream, JPEGBaseline8Bit), stream, JPEGBaseline8Bit


def frame(dataset: Dataset) -> bytes:
    return next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1))


@pytest.mark.parametrize("kind", ["JPEG-LS", "lossless JPEG", "baseline JPEG"])
@pytest.mark.parametrize("padding", [b"", b"\0", b"\xff", b" ", b"\xff\xff\xff", b"\0\0", b"\r\n"])
def test_a_whole_stream_is_read_whatever_it_is_padded_with(
    tmp_path: Path, kind: str, padding: bytes
) -> None:
    dataset, stream, syntax = a_stream(kind)
    plain, _ = look(dataset, tmp_path)
    padded, notes = look(encapsulated(dataset, stream + padding, syntax), tmp_path)
    assert np.array_equal(padded, plain)
    assert not notes


@pytest.mark.parametrize("kind", ["JPEG-LS", "lossless JPEG"])
@pytest.mark.parametrize("damage", ["zeros", "cut"])
def test_a_stream_damaged_inside_with_its_end_intact_is_refused(
    tmp_path: Path, kind: str, damage: str
) -> None:
    rng = np.random.default_rng(0)
    dataset, stream, syntax = a_stream(kind)
    lost = len(stream) // 20
    for start in rng.integers(200, len(stream) - lost - 20, size=25):
        rest = bytes(lost) + stream[start + lost :] if damage == "zeros" else b"\xff\xd9"
        broken = encapsulated(dataset, stream[:start].rstrip(b"\xff") + rest, syntax)
        assert refused(broken, tmp_path).startswith(Reason.DAMAGED)


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_jpeg_2000_that_is_cut_with_its_end_intact_is_refused(tmp_path: Path, kept: float) -> None:
    dataset = dicom(DEEP, 12)
    dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
    stream = frame(dataset)
    cut = stream[: int(kept * len(stream))] + b"\xff\xd9"
    assert refused(encapsulated(dataset, cut, JPEG2000Lossless), tmp_path)


@pytest.mark.parametrize("level", [0, 700, 4095])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_blank_image_is_refused(tmp_path: Path, level: int, photometric: str) -> None:
    blank = np.full((64, 64), level, dtype=np.uint16)
    blank[0, 0] += level < 4095  # one dead pixel
    assert refused(dicom(blank, 12, photometric), tmp_path).startswith(Reason.NO_CONTRAST)
    blank[:] = level
    assert refused(dicom(blank, 12, photometric), tmp_path).startswith(Reason.NO_CONTRAST)


def test_an_image_of_padding_alone_is_refused(tmp_path: Path) -> None:
    dataset = dicom(np.full((8, 8), 7, dtype=np.uint16), 12)
    dataset.add_new("PixelPaddingValue", "US", 7)
    assert refused(dataset, tmp_path).startswith(Reason.NO_CONTRAST)


def test_padding_of_signed_pixels_may_be_written_as_unsigned(tmp_path: Path) -> None:
    values = DEEP.astype(np.int16) - 1000
    values[:10] = -2000
    dataset = dicom(values, 16)
    dataset.add_new("PixelPaddingValue", "US", 65536 - 2000)
    grey, notes = look(dataset, tmp_path)
    assert not grey[:10].any()
    assert np.array_equal(grey[10:], stretched(DEEP[10:]))
    assert not notes


MALFORMED = [
    ("Rows", "DS", "3056.5"),
    ("Rows", "DS", ["48", "40"]),
    ("Rows", "LO", "many"),
    ("Columns", "IS", "-40"),
    ("BitsAllocated", "DS", "1e3"),
    ("BitsStored", "US", 0),
    ("BitsStored", "US", 17),
    ("HighBit", "DS", "nan"),
    ("PixelRepresentation", "US", 7),
    ("NumberOfFrames", "LO", "one"),
    ("RescaleSlope", "LO", "steep"),
    ("RescaleSlope", "DS", "1e308"),
    ("RescaleIntercept", "DS", "inf"),
]


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom, on writing such values
@pytest.mark.parametrize(("keyword", "representation", "value"), MALFORMED)
def test_a_malformed_attribute_is_named(
    tmp_path: Path, keyword: str, representation: str, value: object
) -> None:
    dataset = dicom(DEEP, 12)
    if keyword in dataset:
        del dataset[keyword]
    element = pydicom.DataElement(keyword, representation, "" if representation == "DS" else value)
    if representation == "DS":
        element._value = value if isinstance(value, str) else list(value)
    dataset.add(element)
    assert keyword in refused(dataset, tmp_path)


@pytest.mark.parametrize(
    "keyword", ["Rows", "Columns", "BitsAllocated", "BitsStored", "PixelRepresentation"]
)
def test_a_missing_or_empty_attribute_is_named(tmp_path: Path, keyword: str) -> None:
    dataset = dicom(DEEP, 12)
    dataset[keyword].value = None
    assert keyword in refused(dataset, tmp_path)
    del dataset[keyword]
    assert f"{keyword} is missing" in refused(dataset, tmp_path)


@pytest.mark.parametrize("rows", [24, 25, 40, 47])
def test_pixels_beyond_those_of_the_header_are_refused(tmp_path: Path, rows: int) -> None:
    dataset = dicom(DEEP, 12)
    dataset.Rows = rows
    assert "bytes of pixels, expected" in refused(dataset, tmp_path)


@pytest.mark.parametrize("padding", [b"\0", b"\xff", bytes(500)])
def test_padding_after_the_pixels_is_none_of_them(tmp_path: Path, padding: bytes) -> None:
    dataset = dicom(GREY[:47, :39], 8)  # an odd number of bytes
    dataset.PixelData = GREY[:47, :39].tobytes() + padding
    grey, notes = look(dataset, tmp_path)
    assert np.array_equal(grey, GREY[:47, :39])
    assert not notes


@pytest.mark.parametrize(
    ("first", "last"), [(0, 4095), (0, 3700), ("none", None), (0, "none"), (65535, 0)]
)
def test_padding_that_leaves_almost_nothing_is_ignored_with_a_note(
    tmp_path: Path, first: object, last: object
) -> None:
    dataset = dicom(DEEP, 12)
    for keyword, value in (("PixelPaddingValue", first), ("PixelPaddingRangeLimit", last)):
        if value is not None:
            dataset.add_new(keyword, "LO" if isinstance(value, str) else "US", value)
    assert (DEEP > 3700).mean() < 0.05
    grey, notes = look(dataset, tmp_path)
    assert np.array_equal(grey, GREY)
    assert notes == {Note.PADDING}


@pytest.mark.parametrize("share", [0.013, 0.021, 0.04])
def test_a_window_that_leaves_almost_nothing_is_ignored(tmp_path: Path, share: float) -> None:
    dataset = dicom(DEEP, 12)
    low, high = np.quantile(DEEP, [0.5, 0.5 + share])
    dataset.WindowCenter, dataset.WindowWidth = round((low + high) / 2), round(high - low)
    grey, notes = look(dataset, tmp_path)
    assert np.array_equal(grey, GREY)
    assert notes == {Note.WINDOW_NOTHING}


def test_of_several_windows_and_tables_the_first_that_can_be_meant_is_applied(
    tmp_path: Path,
) -> None:
    dataset = dicom(DEEP, 12)
    dataset.WindowCenter, dataset.WindowWidth = [30000, 2000, 1000, 9], [10, 0, 2000, 4000]
    grey, notes = look(dataset, tmp_path)
    assert np.abs(grey - stretched(np.clip(DEEP, 0, 1999))).max() <= 1
    assert notes - {Note.FLAT_BAND} == {Note.WINDOW_NOTHING, Note.WINDOW_WIDTH}
    dataset.VOILUTSequence = [Dataset(), voi_table(4096, 0, 12, list(range(4095, -1, -1)))]
    grey, notes = look(dataset, tmp_path)
    assert np.array_equal(grey, 255 - GREY)
    assert not notes


@pytest.mark.parametrize("name", BROKEN_TABLES)
def test_a_modality_table_that_cannot_be_meant_is_ignored(tmp_path: Path, name: str) -> None:
    dataset = dicom(DEEP, 12)
    dataset.ModalityLUTSequence = [BROKEN_TABLES[name]]
    grey, notes = look(dataset, tmp_path)
    assert np.array_equal(grey, GREY)
    assert notes == {Note.MODALITY_TABLE}


def test_a_slope_of_any_size_changes_no_grey_level(tmp_path: Path) -> None:
    for slope in ("1e-320", "1e-290", "1e300"):
        dataset = dicom(DEEP, 12)
        dataset.add_new("RescaleSlope", "LO", slope)
        assert np.abs(look(dataset, tmp_path)[0] - GREY).max() <= 1


@pytest.mark.parametrize("dead", [4, 65535])
def test_a_dead_pixel_takes_no_grey_level_from_the_others(tmp_path: Path, dead: int) -> None:
    values = picture(64, 64).astype(np.uint16) * 4 + 30000
    expected = stretched(values)
    values[5, 5] = dead
    grey, notes = look(dicom(values, 16), tmp_path)
    expected[5, 5] = 255 * (dead > 30000)
    assert np.abs(grey - expected).max() <= 1 + 255 * 4 / 1020
    assert notes == {Note.OUTLIERS}


@pytest.mark.parametrize(
    ("photometric", "shape", "noted"),
    [("RGB", "INVERSE", True), ("MONOCHROME1", None, True), ("RGB", "IDENTITY", False)],
)
def test_an_inverted_colour_image_is_noted(
    *, tmp_path: Path, photometric: str, shape: str | None, noted: bool
) -> None:
    dataset = dicom(np.stack([GREY] * 3, axis=-1), 8, "RGB")
    dataset.PhotometricInterpretation = photometric
    dataset.PresentationLUTShape = shape
    grey, notes = look(dataset, tmp_path)
    assert np.array_equal(grey, GREY)
    assert notes == ({Note.PRESENTATION} if noted else set())


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("allocated", "stored"), [(8, 8), (16, 8), (16, 12)])
def test_a_baseline_jpeg_has_8_bits_without_a_sign_whatever_the_header_says(
    *, tmp_path: Path, allocated: int, stored: int, signed: bool
) -> None:
    stream = encoded(Image.fromarray(GREY), "JPEG", quality=95)
    dataset = dicom(GREY.astype(np.uint16 if allocated == 16 else np.uint8), stored)
    dataset.PixelRepresentation = int(signed)
    grey, notes = look(encapsulated(dataset, stream, JPEGBaseline8Bit), tmp_path)
    assert np.array_equal(grey, np.asarray(Image.open(BytesIO(stream))))
    assert notes == ({Note.STREAM} if signed or stored != 8 else set())


def test_a_sign_that_tears_neighbours_apart_is_ignored(tmp_path: Path) -> None:
    dataset = dicom(DEEP, 12)
    dataset.PixelRepresentation = 1
    grey, notes = look(dataset, tmp_path)
    assert np.array_equal(grey, GREY)
    assert notes == {Note.SIGN}


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom, on writing such values
@pytest.mark.parametrize("photometric", ["monochrome2", " MonoChrome2 ", ["MONOCHROME2"] * 2])
def test_photometric_interpretation_may_be_in_any_case_or_twice(
    tmp_path: Path, photometric: str | list[str]
) -> None:
    dataset = dicom(DEEP, 12)
    dataset.PhotometricInterpretation = photometric
    assert np.array_equal(look(dataset, tmp_path)[0], GREY)


def with_syntax(uid: str) -> bytes:
    """A file of uncompressed pixels that names another transfer syntax."""
    content = dicom_bytes(dicom(DEEP, 12))
    at = content.index(b"\x02\x00\x10\x00UI")
    end = at + 8 + int.from_bytes(content[at + 6 : at + 8], "little")
    name = uid.encode() + b"\0" * (len(uid) % 2)
    element = content[at : at + 6] + len(name).to_bytes(2, "little") + name
    length = int.from_bytes(content[140:144], "little") - (end - at) + len(element)
    return content[:140] + length.to_bytes(4, "little") + content[144:at] + element + content[end:]


def test_an_empty_transfer_syntax_is_a_missing_one(tmp_path: Path) -> None:
    grey, notes = look(with_syntax(""), tmp_path)
    assert np.array_equal(grey, GREY)
    assert notes == {Note.NO_SYNTAX}


@pytest.mark.parametrize(
    ("uid", "said"),
    [
        ("1.2.3.4", "not supported: the transfer syntax 1.2.3.4"),
        ("1.2.840.113619.5.2", "not supported: the transfer syntax 1.2.840.113619.5.2"),
        (JPEGBaseline8Bit, "JPEG Baseline (Process 1), but the pixels are not compressed"),
        (RLELossless, "RLE Lossless, but the pixels are not compressed"),
    ],
)
def test_a_transfer_syntax_that_is_none_or_another_is_named(
    tmp_path: Path, uid: str, said: str
) -> None:
    assert refused(with_syntax(uid), tmp_path).endswith(said)


def test_decoders_are_not_named_in_a_reason(tmp_path: Path) -> None:
    dataset = dicom(DEEP, 12)
    dataset.compress(RLELossless, generate_instance_uid=False)
    stream = frame(dataset)
    message = refused(encapsulated(dataset, stream[: len(stream) // 2], RLELossless), tmp_path)
    assert "plugins" not in message
    assert "RLE segment data" in message


def test_noise_of_a_blank_exposure_shows_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for wide in (3, 100):
        noise = rng.integers(1000, 1000 + wide, (300, 280)).astype(np.uint16)
        assert refused(dicom(noise, 12), tmp_path).startswith(Reason.NO_CONTRAST)
