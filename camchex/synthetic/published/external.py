"""CheXpert, ChestX-ray14 and VinBigData, as published, of invented patients of other hospitals."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from camchex.contract.params import Section
from camchex.contract.yaml_file import read_data
from camchex.synthetic.params import SyntheticParams
from camchex.synthetic.people.patients import Study, hexadecimal, invent_studies
from camchex.synthetic.phantom.rendering import StudyFiles
from camchex.synthetic.phantom.xray import Site, View
from camchex.synthetic.published.files import write_raw_table
from camchex.synthetic.published.mimic import mined
from camchex.synthetic.random_streams import stream


class ExternalSet(Section):
    """How one external set is published; ``external.yaml`` describes the keys."""

    commoner: float
    site: Site
    columns: tuple[str, ...]
    names: Mapping[str, str] = {}
    classes: tuple[str, ...] = ()


SETS = read_data(__package__, "external.yaml", dict[str, ExternalSet])
CHEXPERT_14 = SETS["chexpert"].columns[5:]
CHEXPERT_VIEWS: Mapping[tuple[View, ...], float] = {
    ("AP",): 0.70, ("PA",): 0.12, ("PA", "LATERAL"): 0.18,
}  # fmt: skip
NIH_PIXEL_MM = 0.143
READERS, RADIOLOGISTS = 3, 17
SEEN = 0.92  # chance that a reader names a finding that is there
TRAIN = 0.77  # share of ChestX-ray14's patients in train_val_list.txt


def write_chexpert(params: SyntheticParams, root: Path) -> list[StudyFiles]:
    """Write ``train.csv``, and return the images to be made.

    Args:
        params: The section ``synthetic``.
        root: The folder ``data.root``.
    """
    files: list[StudyFiles] = []
    rows: list[dict[str, object]] = []
    left = params.external.chexpert  # images
    for study, patient, visit in _numbered(params, "chexpert"):
        if not left:
            break
        rng = stream(params.seed, "chexpert views", study.study_id)
        kind = rng.choice(len(CHEXPERT_VIEWS), p=[*CHEXPERT_VIEWS.values()])
        views = [*CHEXPERT_VIEWS][kind][:left]
        left -= len(views)
        rng = stream(params.seed, "chexpert", study.study_id)
        cells = {name: mined(study.truth[name], name, rng) for name in CHEXPERT_14}
        ids = []
        for i, view in enumerate(views):
            side = "Lateral" if view == "LATERAL" else "Frontal"
            image_id = f"train/patient{patient:05d}/study{visit + 1}/view{i + 1}_{side.lower()}.jpg"
            sex = "Female" if study.patient.gender == "F" else "Male"
            position = "" if side == "Lateral" else view
            path = f"CheXpert-v1.0/{image_id}"
            row: dict[str, object] = dict(
                zip(
                    SETS["chexpert"].columns,
                    (path, sex, study.patient.age, side, position),
                    strict=False,
                )
            )
            rows.append({**row, **cells})
            ids.append(image_id)
        paths = tuple(root / "CheXpert-v1.0" / image_id for image_id in ids)
        seen = replace(study, views=views)
        files.append(StudyFiles(seen, SETS["chexpert"].site, "chexpert", tuple(ids), paths))
    write_raw_table(root / "CheXpert-v1.0" / "train.csv", SETS["chexpert"].columns, rows)
    return files


def write_nih(params: SyntheticParams, root: Path) -> list[StudyFiles]:
    """Write ``Data_Entry_2017_v2020.csv`` and its lists, and return one image per study.

    Args:
        params: The section ``synthetic``.
        root: The folder ``data.root``.
    """
    folder = root / "ChestX-ray14"
    files: list[StudyFiles] = []
    rows: list[dict[str, object]] = []
    lists: dict[str, list[str]] = {"train_val_list.txt": [], "test_list.txt": []}
    for drawn, patient, visit in _numbered(params, "nih"):
        study = _frontal(drawn)
        image_id = f"{patient:08d}_{visit:03d}.png"
        named = [
            published for name, published in SETS["nih"].names.items() if name in study.severities
        ]
        rows.append(dict(zip(SETS["nih"].columns, (
            image_id, "|".join(sorted(named)) or "No Finding", visit, patient, study.patient.age,
            study.patient.gender, study.views[0], params.image_px, params.image_px, NIH_PIXEL_MM,
            NIH_PIXEL_MM,
        ), strict=True)))  # fmt: skip
        train = stream(params.seed, "nih list", str(patient)).random() < TRAIN
        lists["train_val_list.txt" if train else "test_list.txt"].append(image_id)
        path = folder / "images" / image_id
        files.append(StudyFiles(study, SETS["nih"].site, "nih", (image_id,), (path,)))
    write_raw_table(folder / "Data_Entry_2017_v2020.csv", SETS["nih"].columns, rows)
    for name, images in lists.items():
        (folder / name).write_text("".join(f"{image}\n" for image in images))
    return files


def write_vindr(params: SyntheticParams, root: Path) -> list[StudyFiles]:
    """Write ``train.csv`` as VinBigData has it: a row per box, or per reader who found nothing.

    Args:
        params: The section ``synthetic``.
        root: The folder ``data.root``.
    """
    folder = root / "vinbigdata"
    files: list[StudyFiles] = []
    rows: list[dict[str, object]] = []
    for drawn, _, _ in _numbered(params, "vindr"):
        study = _frontal(drawn)
        image_id = hexadecimal(32, params.seed, "vindr", study.study_id)
        rows += _readings(study, image_id, params)
        path = folder / "train" / f"{image_id}.dicom"
        files.append(StudyFiles(study, SETS["vindr"].site, "vindr", (image_id,), (path,)))
    write_raw_table(folder / "train.csv", SETS["vindr"].columns, rows)
    return files


def _frontal(study: Study) -> Study:
    """Keep one image of a study; a lateral one becomes a PA."""
    return replace(study, views=("AP",) if study.views[0] == "AP" else ("PA",))


def _numbered(params: SyntheticParams, key: str) -> Iterator[tuple[Study, int, int]]:
    """Invent the studies of a set, with the patient's number, from 1, and the visit's, from 0."""
    prevalence = {name: share * SETS[key].commoner for name, share in params.prevalence.items()}
    visits: Counter[str] = Counter()
    numbers: dict[str, int] = {}
    for study in invent_studies(params, key, params.external.model_dump()[key], prevalence):
        patient = study.patient.patient_id
        yield study, numbers.setdefault(patient, len(numbers) + 1), visits[patient]
        visits[patient] += 1


def _readings(study: Study, image_id: str, params: SyntheticParams) -> list[dict[str, object]]:
    rng = stream(params.seed, "readers", study.study_id)
    readers = [f"R{i + 1}" for i in sorted(rng.choice(RADIOLOGISTS, READERS, replace=False))]
    vindr = SETS["vindr"]
    there = sorted({vindr.names[name] for name in study.severities if name in vindr.names})
    rows: list[dict[str, object]] = []
    for reader in readers:
        # Nobody finds nothing where the others find something: as in the published table.
        named = [name for name in there if rng.random() < SEEN] or there[:1] or ["No finding"]
        for name in named:
            # A box somewhere on the image: no more than a place holder, as the pipeline reads none.
            left, top = rng.uniform(0.1, 0.5, size=2) * params.image_px
            width, height = rng.uniform(0.1, 0.4, size=2) * params.image_px
            box = [round(float(v), 1) for v in (left, top, left + width, top + height)]
            box_or_blank = box if there else [""] * 4
            cells = (image_id, name, vindr.classes.index(name), reader, *box_or_blank)
            rows.append(dict(zip(vindr.columns, cells, strict=True)))
    return rows
