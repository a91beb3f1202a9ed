"""Tiny published files, written as rows; what a row leaves out is blank."""

import csv
import gzip
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from camchex.contract.labels import CXR_LT_2023, MIMIC_14

Row = Mapping[str, object]
METADATA = [
    "dicom_id",
    "subject_id",
    "study_id",
    "PerformedProcedureStepDescription",
    "ViewPosition",
    "Rows",
    "Columns",
    "StudyDate",
    "StudyTime",
    "ProcedureCodeSequence_CodeMeaning",
    "ViewCodeSequence_CodeMeaning",
    "PatientOrientationCodeSequence_CodeMeaning",
]
SPLIT = ("dicom_id", "study_id", "subject_id", "split")
MIMIC14 = ("subject_id", "study_id", *MIMIC_14)
CXR_LT = (
    "dicom_id",
    "subject_id",
    "study_id",
    "ViewPosition",
    "ViewCodeSequence_CodeMeaning",
    "path",
    *CXR_LT_2023,
)
CHEXPERT = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *MIMIC_14)
NIH = [
    "Image Index",
    "Finding Labels",
    "Follow-up #",
    "Patient ID",
    "Patient Age",
    "Patient Gender",
    "View Position",
    "OriginalImage[Width",
    "Height]",
    "OriginalImagePixelSpacing[x",
    "y]",
]
PHYSIONET = [  # VinDr-CXR 1.0: 22 local findings, 6 of the whole image
    "image_id",
    "rad_id",
    "Aortic enlargement",
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Clavicle fracture",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Enlarged PA",
    "ILD",
    "Infiltration",
    "Lung Opacity",
    "Lung cavity",
    "Lung cyst",
    "Mediastinal shift",
    "Nodule/Mass",
    "Pleural effusion",
    "Pleural thickening",
    "Pneumothorax",
    "Pulmonary fibrosis",
    "Rib fracture",
    "Other lesion",
    "COPD",
    "Lung tumor",
    "Pneumonia",
    "Tuberculosis",
    "Other disease",
    "No finding",
]
VINDR = ("image_id", "class_name", "class_id", "rad_id", "x_min", "y_min", "x_max", "y_max")


def published(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> Path:
    """Write rows as CSV, compressed if the name ends in ``.gz``."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text.getvalue().encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def image(dicom: str, patient: int, study: int, **more: object) -> Row:
    """A row of MIMIC-CXR-JPG's metadata."""
    return {
        "dicom_id": dicom,
        "subject_id": patient,
        "study_id": study,
        "ViewPosition": "PA",
        "Rows": 3056,
        "Columns": 2544,
        "StudyDate": 21800506,
        "StudyTime": 213014.531,
        **more,
    }


def labelled(dicom: str, patient: int, study: int, *positive: str) -> Row:
    """A row of CXR-LT."""
    labels = {name: int(name in positive) for name in CXR_LT_2023}
    return {"dicom_id": dicom, "subject_id": patient, "study_id": study, **labels}
