"""MIMIC-CXR-JPG, its reports, MIMIC-IV-ED and CXR-LT 2023, as published, of invented patients."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from camchex.contract.labels import CXR_LT_2023, MIMIC_14, NO_FINDING
from camchex.synthetic.params import DRAWN, SyntheticParams
from camchex.synthetic.people.emergency import EDSTAYS, TRIAGE, VITALSIGN, stays_around
from camchex.synthetic.people.indication import Indication, write_indication
from camchex.synthetic.people.patients import Study, complete, dicom_id, invent_splits
from camchex.synthetic.people.report import write_report
from camchex.synthetic.phantom.rendering import StudyFiles, image_shape
from camchex.synthetic.phantom.xray import Site, View
from camchex.synthetic.published.files import write_raw_table, write_zip
from camchex.synthetic.random_streams import stream

SITE = Site()
NO_POSITION = 0.042  # share of the images without ViewPosition (docs/method.md, section 2)
CODED = 0.6  # share of these with a view code
LL = 0.3  # share of the lateral images that are called LL
OFFICIAL = {"train": 0.90, "validate": 0.04, "test": 0.06}  # by patient, whatever CXR-LT's split is
VIEW_CODES: dict[View, str] = {
    "AP": "antero-posterior", "PA": "postero-anterior", "LATERAL": "lateral",
}  # fmt: skip
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
MENTIONED = (0.85, 0.10, 0.05)  # cells of a finding that is there: 1, -1, blank
NOT_MENTIONED = (0.22, 0.03, 0.75)  # cells of a finding that is not there: 0, -1, blank
KEYS = ("dicom_id", "subject_id", "study_id")


@dataclass(frozen=True)
class Record:
    """One study as it is published."""

    study: Study
    folder: str  # the folder of its images; ``.txt`` is added for its report
    images: tuple[dict[str, object], ...]  # one row of the metadata per image
    indication: Indication  # the text of its report that a physician wrote


def write_mimic(params: SyntheticParams, root: Path) -> list[StudyFiles]:
    """Write every table and the reports, and return the images to be made.

    Args:
        params: The section ``synthetic``.
        root: The folder ``data.root``.
    """
    studies = invent_splits(params)
    studies.sort(key=lambda study: (study.patient.patient_id, study.study_id))
    told = subjects(studies, params, "indication", params.text_informativeness)
    pairs = zip(studies, told, strict=True)
    records = [_record(study, about, params) for study, about in pairs]
    reports = (
        (f"{record.folder}.txt", write_report(
            record.study, record.indication.text, params.text_dirt,
            stream(params.seed, "report", record.study.study_id),
        ))
        for record in records
    )  # fmt: skip
    write_zip(root / "mimic-cxr-reports" / "mimic-cxr-reports.zip", reports)
    _write_labels(records, params, root)
    _write_emergency(studies, params, root / "mimic-iv-ed" / "ed")
    files = []
    for record in records:
        ids = tuple(str(image["dicom_id"]) for image in record.images)
        paths = tuple(root / "mimic-cxr-jpg" / record.folder / f"{name}.jpg" for name in ids)
        files.append(StudyFiles(record.study, SITE, "mimic", ids, paths))
    return files


def subjects(
    studies: Sequence[Study], params: SyntheticParams, name: str, informativeness: float
) -> list[Study]:
    """Draw which study each one's text or vital signs are about.

    Args:
        studies: All studies.
        params: The section ``synthetic``.
        name: The modality; it decides the random numbers.
        informativeness: Share of the studies that are about themselves; the others are about any
            study at all.
    """
    rng = stream(params.seed, "subjects", name)
    others = rng.integers(len(studies), size=len(studies))
    own = rng.random(len(studies)) < informativeness
    return [studies[i if own[i] else others[i]] for i in range(len(studies))]


def label(study: Study, indication: Indication, params: SyntheticParams) -> dict[str, int]:
    """Draw labels as CXR-LT might have mined them.

    The truth loses ``label_noise`` of its positives, and so many negatives turn positive that the
    prevalence stays. Then each absent finding that the indication names turns positive with
    probability ``label_leak``.

    Returns:
        1 or 0 by class of CXR-LT 2023.
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


def mined(present: int, finding: str, rng: np.random.Generator) -> str:
    """Draw a cell as the CheXpert labeler writes it.

    Source:
        docs/method.md, sections 2 and 5: 1.0, 0.0, -1.0 or blank; No Finding is never 0.
    """
    if finding == "No Finding":
        return "1.0" if present else ""
    if present:
        return ("1.0", "-1.0", "")[rng.choice(3, p=MENTIONED)]
    return ("0.0", "-1.0", "")[rng.choice(3, p=NOT_MENTIONED)]


def mimic14_labels(study: Study, named: Set[str], params: SyntheticParams) -> dict[str, str]:
    """Draw labels as the CheXpert labeler mines them from findings and impression.

    It does not see the indication. But where the indication names a finding, the report may repeat
    the question, and may be worded so that the labeler takes the repeated finding for present
    (``named_repeated``), is not sure of it (``named_uncertain``), or overlooks one that is there
    (``named_missed``).

    Args:
        study: The study.
        named: Findings that the indication names.
        params: The section ``synthetic``.

    Returns:
        A cell by class of MIMIC-CXR-JPG, as of :func:`mined`.
    """
    rng = stream(params.seed, "chexpert", study.study_id)
    cells = {name: mined(study.truth[name], name, rng) for name in MIMIC_14}
    drawn = stream(params.seed, "chexpert", "named", study.study_id).random(len(MIMIC_14))
    repeated = set()
    for name, chance in zip(MIMIC_14, drawn, strict=True):
        if name not in named:
            continue
        if name in study.severities:
            cells[name] = "" if chance < params.named_missed else cells[name]
        elif chance < params.named_repeated:
            cells[name] = "1.0"
            repeated.add(name)
        elif chance >= 1 - params.named_uncertain:
            cells[name] = "-1.0"
    if not complete(repeated)[NO_FINDING]:
        cells[NO_FINDING] = ""
    return cells


def _record(study: Study, about: Study, params: SyntheticParams) -> Record:
    patient = study.patient.patient_id
    rng = stream(params.seed, "metadata", study.study_id)
    return Record(
        study=study,
        folder=f"files/p{patient[:2]}/p{patient}/s{study.study_id}",
        images=tuple(_image_row(study, i, params, rng) for i in range(len(study.views))),
        indication=write_indication(
            study.patient,
            about,
            stream(params.seed, "indication", study.study_id),
            params.wording,
        ),
    )


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
    clock = int(study.time.strftime("%H%M%S")) + int(rng.integers(1000)) / 1000  # 012034 is 12034
    return dict(zip(METADATA, (
        dicom_id(params.seed, study.study_id, index), study.patient.patient_id, study.study_id,
        step, position, *image_shape(study, index, params), study.time.strftime("%Y%m%d"), clock,
        step, code, "Erect" if view != "AP" else "",
    ), strict=True))  # fmt: skip


def _write_labels(records: Sequence[Record], params: SyntheticParams, root: Path) -> None:
    prefix = f"{root}/mimic-cxr-jpg/mimic-cxr-2.0.0"
    images = [(record, image) for record in records for image in record.images]
    write_raw_table(Path(f"{prefix}-metadata.csv.gz"), METADATA, (image for _, image in images))
    splits: list[dict[str, object]] = []
    chexpert: list[dict[str, object]] = []
    for record, image in images:
        rng = stream(params.seed, "official split", record.study.patient.patient_id)
        split = [*OFFICIAL][rng.choice(len(OFFICIAL), p=[*OFFICIAL.values()])]
        splits.append({**{name: image[name] for name in KEYS}, "split": split})
    write_raw_table(Path(f"{prefix}-split.csv.gz"), SPLIT, splits)
    for record in records:
        study = record.study
        cells = mimic14_labels(study, record.indication.named, params).values()
        row = (study.patient.patient_id, study.study_id, *cells)
        chexpert.append(dict(zip(CHEXPERT, row, strict=True)))
    write_raw_table(Path(f"{prefix}-chexpert.csv.gz"), CHEXPERT, chexpert)
    for name in params.studies.model_dump():
        rows: list[dict[str, object]] = []
        for record in (one for one in records if one.study.split == name):
            labels = label(record.study, record.indication, params)
            for image in record.images:
                told = {column: image[column] for column in CXR_LT if column in image}
                path = f"{record.folder}/{image['dicom_id']}.jpg"
                rows.append({**told, "path": path, **labels})
        write_raw_table(root / "cxr-lt-2023" / f"{name}.csv", CXR_LT, rows)


def _write_emergency(studies: Sequence[Study], params: SyntheticParams, folder: Path) -> None:
    told = subjects(studies, params, "vital signs", params.vitals_informativeness)
    pairs = zip(studies, told, strict=True)
    stays = [stay for study, about in pairs for stay in stays_around(study, about, params)]
    write_raw_table(folder / "edstays.csv.gz", EDSTAYS, (stay.edstay for stay in stays))
    write_raw_table(folder / "triage.csv.gz", TRIAGE, (stay.triage for stay in stays))
    charted = (row for stay in stays for row in stay.vitalsign)
    write_raw_table(folder / "vitalsign.csv.gz", VITALSIGN, charted)
