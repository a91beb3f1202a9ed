"""Results as structured reports of DICOM, one file a study: TID 1500 (PS3.16), by highdicom.

A report is made from a row of the results and the headers of the images that the row names, whose
patient and study it takes over. The same row and images give the same bytes.
"""

import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from highdicom import PatientSexValues, sr
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import UID
from pydicom.valuerep import DA, TM

from camchex import NOT_A_DEVICE, __version__
from camchex.errors import DataError
from camchex.images.attributes import text
from camchex.images.unreadable import DECODER_ERRORS
from camchex.many_studies.asked import AskedStudy
from camchex.many_studies.dicom_folder import read_header
from camchex.many_studies.ensemble import Ensemble
from camchex.many_studies.results import thresholds_of
from camchex.scores.calibration_file import RULES

SCHEME = "99CAMCHEX"  # private, as its first two digits say: PS3.16 section 8.2
CHEST_XRAY = Code("399208008", "SCT", "Plain X-ray of chest")
UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID")
REQUIRED = (  # of every report, even where nothing is known: PS3.3 C.7.1.1 and C.7.2.1
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
FORMATS: Mapping[str, Callable[[Any], object]] = {
    "PatientBirthDate": DA,
    "PatientSex": lambda value: value and PatientSexValues(value),
    "StudyDate": DA,
    "StudyTime": TM,
}
"""Attributes that are left empty where an image has what is none of DICOM's values."""
NO_DATE = "19000101"  # of a study without one: a report must have a date
UTF_8 = "ISO_IR 192"
SERIES_NUMBER = 1500  # beyond those of the images, and the number of the template
SERIES = "CaMChex: research software, not a medical device"  # 64 characters are the most


def require_dicom(studies: Iterable[AskedStudy]) -> None:
    """Check that reports can be written for studies, best before the work begins.

    Raises:
        DataError: If an image is no DICOM file or lacks a UID, or those of a study are of several.
    """
    for asked in studies:
        present = [image.path for image in asked.images if image.path.is_file()]
        headers = [(path, read_header(path, UIDS)) for path in present]
        known = [(path, found) for path, found in headers if isinstance(found, Dataset)]
        for path, found in headers:
            if isinstance(found, str):
                raise _no_report(asked.study_id, f"{path}: {found}")
            for name in UIDS:
                if not text(found, name):
                    raise _no_report(asked.study_id, f"{path}: no {name}")
        if len({text(found, UIDS[0]) for _, found in known}) > 1:
            raise _no_report(asked.study_id, "its images have several StudyInstanceUID")


def write_reports(rows: Iterable[Mapping[str, Any]], ensemble: Ensemble, folder: Path) -> None:
    """Write a report for each row of the results that was predicted, by its SOPInstanceUID.

    Raises:
        DataError: If a header holds what cannot be taken over.
    """
    for row in rows:
        write_report(row, ensemble, folder)


def write_report(row: Mapping[str, Any], ensemble: Ensemble, folder: Path) -> Path:
    """Write the report of one row that was predicted; the file, by its SOPInstanceUID.

    Raises:
        DataError: If a header holds what cannot be taken over.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd values of headers are taken over as they are
            report = structured_report(row, ensemble)
            path = folder / f"{report.SOPInstanceUID}.dcm"
            report.save_as(path, enforce_file_format=True)
    except DECODER_ERRORS as error:
        raise _no_report(row["study_id"], str(error)) from error
    return path


def structured_report(row: Mapping[str, Any], ensemble: Ensemble) -> sr.EnhancedSR:
    """Make the report of one study.

    Args:
        row: A row of ``results.schema`` that was predicted from DICOM files.
        ensemble: The models that predicted it.
    """
    images = [_evidence(Path(path)) for path in row["images"]]
    first, models = images[0], row["models"] + row["calibrations"] + [row["versions"]]
    series = _uid(first.StudyInstanceUID, *models)
    said = {name: value for name, value in row.items() if name not in ("row", "images", "notes")}
    instance = _uid(series, json.dumps(said))
    date, time = first.StudyDate or NO_DATE, first.StudyTime or "000000"
    report = sr.EnhancedSR(
        evidence=images,
        content=_content(row, ensemble, images, series),
        series_instance_uid=series,
        series_number=SERIES_NUMBER,
        sop_instance_uid=instance,
        instance_number=1,
        manufacturer="camchex",
        manufacturer_model_name="CaMChex",
        device_serial_number=row["models"][0].rpartition(":")[2],
        software_versions=__version__,
        series_description=SERIES,
        specific_character_set=UTF_8,
        content_date=date,
        content_time=time,
        is_complete=True,
    )
    del report.InstanceCreationDate, report.InstanceCreationTime  # would differ between runs
    for equipment in report.ContributingEquipmentSequence:
        del equipment.ContributionDateTime  # likewise
    return report


def _content(
    row: Mapping[str, Any], ensemble: Ensemble, images: Sequence[Dataset], series: UID
) -> sr.MeasurementReport:
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=_uid("device", *row["models"]),
        name="camchex",
        manufacturer_name="camchex",
        model_name=", ".join(row["models"]),
    )
    observer = sr.ObserverContext(codes.DCM.Device, device)
    return sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=CHEST_XRAY,
        imaging_measurements=[
            _finding(name, row, ensemble, images, _uid(series, name)) for name in ensemble.classes
        ],
        title=codes.DCM.ImagingMeasurementReport,
    )


def _finding(
    name: str, row: Mapping[str, Any], ensemble: Ensemble, images: Sequence[Dataset], uid: UID
) -> sr.MeasurementsAndQualitativeEvaluations:
    """One finding: its probability, and yes or no at each threshold that there is."""
    answers = {True: codes.SCT.Yes, False: codes.SCT.No}
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid, name),
        finding_type=Code(name, SCHEME, name),
        algorithm_id=sr.AlgorithmIdentification(
            "CaMChex", row["versions"], [*_parameters(name, row, ensemble)]
        ),
        measurements=[sr.Measurement(codes.DCM.Probability, row[name], codes.UCUM.NoUnits)],
        qualitative_evaluations=[
            sr.QualitativeEvaluation(
                Code(rule, SCHEME, f"Present at threshold {rule}"), answers[row[f"{name}.{rule}"]]
            )
            for rule in RULES
            if row[f"{name}.{rule}"] is not None
        ],
        source_images=[
            sr.SourceImageForMeasurementGroup(image.SOPClassUID, image.SOPInstanceUID)
            for image in images
        ],
    )


def _parameters(name: str, row: Mapping[str, Any], ensemble: Ensemble) -> Iterator[str]:
    yield NOT_A_DEVICE
    for model, calibration in zip(row["models"], row["calibrations"], strict=True):
        yield f"model {model}, calibration {calibration}"
    yield from thresholds_of(name, ensemble)


def _evidence(path: Path) -> Dataset:
    header = read_header(path, None)
    if isinstance(header, str):
        raise DataError(f"{path}: {header}.")
    header.decode()  # as text, since the report has another character set
    header.SpecificCharacterSet = UTF_8
    for name in REQUIRED:
        header.setdefault(name, "")
    for name, kind in FORMATS.items():
        try:
            kind(header.get(name) or None)
        except ValueError:
            setattr(header, name, "")
    return header


def _uid(*parts: str) -> UID:
    """A UID that follows from texts, by PS3.5 B.2."""
    return UID(f"2.25.{uuid5(NAMESPACE_OID, json.dumps(parts)).int}")


def _no_report(study_id: str, why: str) -> DataError:
    return DataError(
        f"study {study_id}: no structured report can be made: {why}. Leave out `--format sr`, or "
        "write `--format fhir`, which needs no DICOM."
    )
