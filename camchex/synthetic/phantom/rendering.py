"""Image files of studies, written by several processes; their number changes no byte."""

import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from camchex.runs.processes import in_processes
from camchex.runs.progress import progress
from camchex.synthetic.params import SyntheticParams
from camchex.synthetic.people.patients import Study
from camchex.synthetic.phantom.anatomy import grow_chest
from camchex.synthetic.phantom.geometry import Array
from camchex.synthetic.phantom.radiological_signs import with_findings
from camchex.synthetic.phantom.shared_shadows import with_shared_shadows
from camchex.synthetic.phantom.xray import Site, View, aim, attenuation, expose
from camchex.synthetic.random_streams import stream

JPEG_QUALITY = 90
DICOM_BITS = 12
PORTRAIT: Mapping[View, float] = {"PA": 0.35, "AP": 0.2, "LATERAL": 0.7}  # share of the images
NARROW = 0.84  # width of a portrait image, as a share of its height
DIGITAL_XRAY = "1.2.840.10008.5.1.4.1.1.1.1"  # SOP class: Digital X-Ray Image, for presentation
ROOT_UID = "1.2.826.0.1.3680043.8.498."  # pydicom's own


@dataclass(frozen=True)
class StudyFiles:
    """One study, and where its images go."""

    study: Study  # the study that is X-rayed
    site: Site  # the scanner
    dataset: str  # key of the data set
    image_ids: tuple[str, ...]  # one per view, as the data set writes them
    files: tuple[Path, ...]  # one per view; the suffix is the format: .jpg, .png or .dicom


def write_images(studies: Sequence[StudyFiles], params: SyntheticParams, workers: int) -> None:
    """X-ray every study and write its files.

    Args:
        studies: The studies and their files.
        params: The section ``synthetic``.
        workers: Number of processes; 0: this process does the work.
    """
    for folder in sorted({path.parent for study in studies for path in study.files}):
        folder.mkdir(parents=True, exist_ok=True)
    written = in_processes(partial(_write_study, params=params), studies, workers, "draws X-rays")
    deque(progress(written, "X-raying invented patients", len(studies)), maxlen=0)


def draw_images(study: Study, params: SyntheticParams, site: Site) -> list[NDArray[np.uint8]]:
    """X-ray one study.

    Returns:
        One (H, W) image per view; the longer side has ``params.image_px`` pixels.
    """
    shown = (expose(rays, site, params.noise, rng) for rays, rng in pass_rays(study, params))
    return [np.asarray(np.round(image * 255), np.uint8) for image in shown]


def pass_rays(study: Study, params: SyntheticParams) -> Iterator[tuple[Array, np.random.Generator]]:
    """Yield the line integrals of each view, (H, W), and the generator of its exposure."""
    patient = study.patient
    chest = grow_chest(stream(params.seed, "anatomy", patient.patient_id), patient.gender)
    strengths = {name: params.signal * value for name, value in study.severities.items()}
    own = {name: value for name, value in strengths.items() if name not in study.shadows}
    chest = with_findings(chest, own, stream(params.seed, "signs", study.study_id))
    rng = stream(params.seed, "shadows", study.study_id)
    chest = with_shared_shadows(chest, study.shadows, strengths, rng)
    for i, view in enumerate(study.views):
        rng = stream(params.seed, "exposure", study.study_id, str(i))
        yield attenuation(chest, aim(view, image_shape(study, i, params), rng)), rng


def image_shape(study: Study, index: int, params: SyntheticParams) -> tuple[int, int]:
    """Draw the size of one of a study's images, square or portrait: (H, W) pixels."""
    rng = stream(params.seed, "shape", study.study_id, str(index))
    portrait = rng.random() < PORTRAIT[study.views[index]]
    return params.image_px, round(params.image_px * (NARROW if portrait else 1.0))


def _write_study(files: StudyFiles, params: SyntheticParams) -> None:
    cv2.setNumThreads(1)  # the processes are the parallelism
    images = draw_images(files.study, params, files.site)
    for path, image in zip(files.files, images, strict=True):
        if path.suffix == ".dicom":
            _write_dicom(path, image)
        elif path.suffix == ".jpg":
            pixels = np.ascontiguousarray(image[..., None])
            path.write_bytes(simplejpeg.encode_jpeg(pixels, JPEG_QUALITY, colorspace="GRAY"))
        else:
            path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())


def _write_dicom(path: Path, image: NDArray[np.uint8]) -> None:
    """Write twelve bits in sixteen; about half of the images are MONOCHROME1 (4095 is black)."""
    top = 2**DICOM_BITS - 1
    pixels = np.round(image.astype(np.float64) * (top / 255)).astype(np.uint16)
    inverted = zlib.crc32(path.stem.encode()) % 2 == 1
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(DIGITAL_XRAY)
    meta.MediaStorageSOPInstanceUID = UID(f"{ROOT_UID}{int(path.stem, 16) % 10**30}")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(path, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID = meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.Modality = "DX"
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, DICOM_BITS, DICOM_BITS - 1
    data.PixelRepresentation = 0
    data.WindowCenter, data.WindowWidth = 2 ** (DICOM_BITS - 1), 2**DICOM_BITS
    data.PixelData = (top - pixels if inverted else pixels).astype("<u2").tobytes()
    data.save_as(path, enforce_file_format=True)
