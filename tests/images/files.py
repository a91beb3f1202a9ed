"""Small files of every kind, and the picture they all show."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from camchex.contract import schemas
from camchex.contract.image_store import ImageParams

PARAMS = ImageParams(size=32, fit="stretch", jpeg_quality=95, shard_mb=1, max_unreadable=0)


def picture(rows: int = 48, columns: int = 40, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth grey levels from 0 to 255, (rows, columns); unlike its mirror images."""
    y, x = np.mgrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j]
    phase = np.random.default_rng(seed).uniform(0, 3)
    waves = np.sin(3 * x + phase) + np.cos(5 * y + phase) * x + y
    levels = (waves - waves.min()) / np.ptp(waves)
    return np.rint(255 * levels).astype(np.uint8)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """The content of an image file."""
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def saved(path: Path, content: bytes) -> Path:
    """The path, once its content is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def dicom(pixels: NDArray[np.generic], bits: int, photometric: str = "MONOCHROME2") -> Dataset:
    """A DX image of one frame; colour where pixels are (rows, columns, 3)."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    signed = bool(np.issubdtype(pixels.dtype, np.signedinteger))
    dataset.set_pixel_data(
        np.abs(pixels) if signed else pixels, photometric, bits, generate_instance_uid=False
    )
    if signed:
        dataset.PixelRepresentation = 1
        dataset.PixelData = pixels.tobytes()
    return dataset


def encapsulated(dataset: Dataset, stream: bytes, syntax: str) -> Dataset:
    """The data set, once its pixels are a compressed stream."""
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([stream])
    dataset["PixelData"].VR = "OB"
    return dataset


def dicom_bytes(dataset: Dataset) -> bytes:
    """The content of a DICOM file."""
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def images_table(paths: list[str], ids: list[str] | None = None) -> pa.Table:
    """``schemas.IMAGES`` of files below a root; ids are their paths unless given."""
    rows = [
        {
            "dataset": "hospital",
            "image_id": image_id,
            "patient_id": "p",
            "study_id": "s",
            "view": "frontal",
            "view_source": "test",
            "path": path,
        }
        for path, image_id in zip(paths, ids or paths, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=schemas.IMAGES)
