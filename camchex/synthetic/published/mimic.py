"""MIMIC-CXR-JPG, its reports, MIMIC-IV-ED and CXR-LT 2023, as published, of invented patients."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from camchex.contract.labels import CXR_LT_2023, MIMIC_14
from camchex.synthetic.params import DRAWN, SyntheticParams
from camchex.synthetic.people.emergency import EDSTAYS, TRIAGE, VITALSIGN, stays_around
from camchex.synthetic.people.indication import Indication, write_indication
from camchex.synthetic.people.patients import Study, complete, dicom_id, invent_studies
from camchex.synthetic.people.report import write_report
from camchex.synthetic.phantom.rendering import StudyFiles, image_shape
from camchex.synthetic.phantom.xray import Site, View
from camchex.synthetic.published.archive import write_zip
from camchex.synthetic.published.csv_files import write_csv
from camchex.synthetic.random_streams import stream

SITE = Site()
NO_POSITION = 0.042  # images without ViewPosition (docs/method.md, section 2)
CODED = 0.6  # of these, with a view code
LL = 0.3  # share of the lateral images that are called LL
OFFICIAL = {"train": 0.90, "validate": 0.04, "test": 0.06}  # by patient, whatever CXR-LT's split is
VIEW_CODES: dict[View, str] = {
    "AP": "antero-posterior",
    "PA": "postero-anterior",
    "LATERAL": "lateral",
}
METADATA = (
    "dicom_id", "subject_id", "study_id", "PerformedProcedureStepDescription", "ViewPosition",
    "Rows", "Columns", "StudyDate", "StudyTime", "ProcedureCodeSequence_CodeMeaning",
    "ViewCodeSequence_CodeMeaning", "PatientOrientationCodeSequence_CodeMeaning",
)  # fmt: skip
SPLIT = ("dicom_id", "study_id", "subject_id", "split")
CHEXPERT = ("subject_id", "study_id", *MIMIC_14)
CXR_LT = (
    "dicom_id", "subject_id", "study_id", "ViewPosition", "ViewCodeSequence_CodeMeaning", "path",
    *CXR_LT_2023,
)  # fmt: skip
MENTIONED = (0.85, 0.10, 0.05)  # of a finding that is there: 1, -1, blank
NOT_MENTIONED = (0.22, 0.03, 0.75)  # of one that is not: 0, -1, blank


@dataclass(frozen=True)
class Record:
    """One study as it is published: an image per row of the metadata."""

    study: Study
    folder: str
    images: tuple[dict[str, object], ...]


def write_mimic(params: SyntheticParams, root: Path) -> list[StudyFiles]:
    """Write every table and the reports, and say which images are to be made.

    Args:
        params: The section ``synthetic``.
        root: Becomes ``data.root``.
    """
    splits = {
        split: invent_studies(params, split, count, params.prevalence)
        for split, count in params.studies.model_dump().items()
    }
    everybody = [study for studies in splits.values() for study in studies]
    everybody.sort(key=lambda study: (study.patient.patient_id, study.study_id))
    records = [_record(study, params) for study in everybody]
    told = _subjects(everybody, params, "indication", params.text_informativeness)
    indications = [
        write_indication(study.patient, about, stream(params.seed, "indication", study.study_id))
        for study, about in zip(everybody, told, strict=True)
    ]
    reports = _reports(records, indications, params)
    write_zip(root / "mimic-cxr-reports" / "mimic-cxr-reports.zip", reports)
    _write_labels(records, indications, params, root)
    _write_emergency(everybody, params, root / "mimic-iv-ed" / "ed")
    return [_files(record, root / "mimic-cxr-jpg") for record in records]


def _subjects(
    studies: Sequence[Study], params: SyntheticParams, name: str, informativeness: float
) -> list[Study]:
    """Which study each one's text or signs are about: itself, or any study at all."""
    rng = stream(params.seed, "subjects", name)
    others = rng.integers(len(studies), size=len(studies))
    own = rng.random(len(studies)) < informativeness
    return [studies[i if own[i] else others[i]] for i in range(len(studies))]


def _record(study: Study, params: SyntheticParams) -> Record:
    patient = study.patient.patient_id
    folder = f"files/p{patient[:2]}/p{patient}/s{study.study_id}"
    rng = stream(params.seed, "metadata", study.study_id)
    images = (_image_row(study, i, params, rng) for i in range(len(study.views)))
    return Record(study, folder, tuple(images))


def _image_row(
    study: Study, index: int, params: SyntheticParams, rng: np.random.Generator
) -> dict[str, object]:
    view = study.views[index]
    left = view == "LATERAL" and rng.random() < LL
    position: str = "LL" if left else view
    code = "left lateral" if left else VIEW_CODES[view]
    if rng.random() < NO_POSITION:
        position, code = "", code if rng.random() < CODED else ""
    step = "CHEST (PORTABLE AP)" if study.views == ("AP",) else "CHEST (PA AND LAT)"
    rows, columns = image_shape(study, index, params)
    clock = study.time.strftime("%H%M%S")
    return {
        "dicom_id": dicom_id(params.seed, study.study_id, index),
        "subject_id": study.patient.patient_id,
        "study_id": study.study_id,
        "PerformedProcedureStepDescription": step,
        "ViewPosition": position,
        "Rows": rows,
        "Columns": columns,
        "StudyDate": study.time.strftime("%Y%m%d"),
        "StudyTime": int(clock) + int(rng.integers(1000)) / 1000,  # leading zeros get lost
        "ProcedureCodeSequence_CodeMeaning": step,
        "ViewCodeSequence_CodeMeaning": code,
        "PatientOrientationCodeSequence_CodeMeaning": "Erect" if view != "AP" else "",
    }


def _files(record: Record, root: Path) -> StudyFiles:
    ids = tuple(str(image["dicom_id"]) for image in record.images)
    files = tuple(root / record.folder / f"{image_id}.jpg" for image_id in ids)
    return StudyFiles(record.study, SITE, "mimic", ids, files)


def _reports(
    records: Sequence[Record], indications: Sequence[Indication], params: SyntheticParams
) -> Iterator[tuple[str, str]]:
    for record, indication in zip(records, indications, strict=True):
        rng = stream(params.seed, "report", record.study.study_id)
        text = write_report(record.study, indication.text, params.text_dirt, rng)
        yield f"{record.folder}.txt", text


def _write_labels(
    records: Sequence[Record],
    indications: Sequence[Indication],
    params: SyntheticParams,
    root: Path,
) -> None:
    mimic = root / "mimic-cxr-jpg"
    prefix = "mimic-cxr-2.0.0"
    images = [image for record in records for image in record.images]
    write_csv(mimic / f"{prefix}-metadata.csv.gz", METADATA, images)
    split = [
        {**_keys(image), "split": _official_split(params.seed, record)}
        for record in records
        for image in record.images
    ]
    write_csv(mimic / f"{prefix}-split.csv.gz", SPLIT, split)
    chexpert = [_chexpert_row(record.study, params.seed) for record in records]
    write_csv(mimic / f"{prefix}-chexpert.csv.gz", CHEXPERT, chexpert)
    labelled = [
        (record, label(record.study, indication, params))
        for record, indication in zip(records, indications, strict=True)
    ]
    for name in params.studies.model_dump():
        rows = [
            {**_challenge_row(record, image), **labels}
            for record, labels in labelled
            if record.study.split == name
            for image in record.images
        ]
        write_csv(root / "cxr-lt-2023" / f"{name}.csv", CXR_LT, rows)


def label(study: Study, indication: Indication, params: SyntheticParams) -> dict[str, int]:
    """Labels as CXR-LT might have mined them.

    From the truth, less ``label_noise`` of the positives, and with so many negatives turned that
    the prevalence stays; then each absent finding that the indication names turns positive with
    probability ``label_leak``.
    """
    rng = stream(params.seed, "labels", study.study_id)
    noise, leak = rng.random(len(DRAWN)), rng.random(len(DRAWN))
    found = set()
    for i, finding in enumerate(DRAWN):
        odds = params.prevalence[finding] / (1 - params.prevalence[finding])
        if finding in study.severities:
            positive = noise[i] >= params.label_noise
        else:
            positive = noise[i] < params.label_noise * odds
        if positive or (finding in indication.named and leak[i] < params.label_leak):
            found.add(finding)
    return complete(found)


def _keys(image: dict[str, object]) -> dict[str, object]:
    return {name: image[name] for name in ("dicom_id", "subject_id", "study_id")}


def _challenge_row(record: Record, image: dict[str, object]) -> dict[str, object]:
    codes = ("ViewPosition", "ViewCodeSequence_CodeMeaning")
    return {
        **_keys(image),
        **{name: image[name] for name in codes},
        "path": f"{record.folder}/{image['dicom_id']}.jpg",
    }


def _official_split(seed: int, record: Record) -> str:
    rng = stream(seed, "official split", record.study.patient.patient_id)
    return [*OFFICIAL][rng.choice(len(OFFICIAL), p=[*OFFICIAL.values()])]


def _chexpert_row(study: Study, seed: int) -> dict[str, object]:
    rng = stream(seed, "chexpert", study.study_id)
    cells = {name: mined(study.truth[name], name, rng) for name in MIMIC_14}
    return {"subject_id": study.patient.patient_id, "study_id": study.study_id, **cells}


def mined(present: int, finding: str, rng: np.random.Generator) -> str:
    """A cell as the CheXpert labeler writes it; No Finding is 1 or blank.

    Source: docs/method.md, sections 2 and 5 (1.0, 0.0, -1.0 or blank, and no 0 of No Finding).
    """
    if finding == "No Finding":
        return "1.0" if present else ""
    if present:
        return ("1.0", "-1.0", "")[rng.choice(3, p=MENTIONED)]
    return ("0.0", "-1.0", "")[rng.choice(3, p=NOT_MENTIONED)]


def _write_emergency(studies: Sequence[Study], params: SyntheticParams, root: Path) -> None:
    about = _subjects(studies, params, "vital signs", params.vitals_informativeness)
    stays = [
        stay
        for study, other in zip(studies, about, strict=True)
        for stay in stays_around(study, other, params)
    ]
    write_csv(root / "edstays.csv.gz", EDSTAYS, (stay.edstay for stay in stays))
    write_csv(root / "triage.csv.gz", TRIAGE, (stay.triage for stay in stays))
    charted = (row for stay in stays for row in stay.vitalsign)
    write_csv(root / "vitalsign.csv.gz", VITALSIGN, charted)
