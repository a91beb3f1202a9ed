"""VinDr-CXR: 15,000 frontal images, each read by three radiologists.

Two releases hold the same readings: Kaggle's VinBigData (one row per box, or per reader who found
nothing) and PhysioNet's (``image_labels_train.csv``: one row per reader, one column per finding).
PhysioNet's ``image_labels_test.csv`` holds 3,000 further images, and what their readers agreed on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract.labels import CXR_LT_2023
from camchex.sources.csv.lookup import positions, require_known_columns
from camchex.sources.csv.raw_table import RawTable, read_csv, read_header
from camchex.sources.external.image_table import image_table, label_table, list_files
from camchex.sources.external.label_map import Classes, label_map
from camchex.sources.params import RECOMMENDED, LabelPolicy

NODULE_MASS = "Nodule/Mass"
KAGGLE: dict[str, Classes] = {
    "No finding": ("No Finding",),
    "Atelectasis": ("Atelectasis",),
    "Cardiomegaly": ("Cardiomegaly",),
    "Consolidation": ("Consolidation",),
    "Infiltration": ("Infiltration",),
    "Lung Opacity": ("Lung Opacity",),
    NODULE_MASS: ("Nodule", "Mass"),
    "Pleural effusion": ("Pleural Effusion",),
    "Pleural thickening": ("Pleural Thickening",),
    "Pneumothorax": ("Pneumothorax",),
    "Pulmonary fibrosis": ("Fibrosis",),
    **dict.fromkeys(("Aortic enlargement", "Calcification", "ILD", "Other lesion"), ()),
}
"""Classes by published name, none where it is left out (docs/method.md, section 5)."""
PHYSIONET: dict[str, Classes] = {
    **KAGGLE,
    "Clavicle fracture": ("Fracture", "Clavicle Fracture"),
    "Edema": ("Edema",),
    "Emphysema": ("Emphysema",),
    "Pneumonia": ("Pneumonia",),
    "Rib fracture": ("Fracture", "Rib Fracture"),
    "Tuberculosis": ("Tuberculosis",),
    **dict.fromkeys(("COPD", "Enlarged PA", "Lung cavity", "Lung cyst", "Lung tumor"), ()),
    **dict.fromkeys(("Mediastinal shift", "Other disease", "Other diseases"), ()),
}
"""The same of PhysioNet's columns; the last is written in both ways."""
CONSENSUS = "consensus"  # stands for the readers of an image whose votes are not published
EXTENSIONS = (".dicom", ".dcm", ".png", ".jpg", ".jpeg")  # published as the first; first one found


@dataclass(frozen=True)
class Readings:
    """Who read which image, and what each named.

    Attributes:
        raw: The file, which an error names.
        readers: image_id and rad_id, one row per reader of an image.
        votes: image_id, rad_id and finding as published; boxes may repeat a row.
    """

    raw: RawTable
    readers: pa.Table
    votes: pa.Table


def read_images(table: Path, root: Path, folder: str, dataset: str = "vindr") -> pa.Table:
    """Read ``schemas.IMAGES``; files lie in ``train`` or ``test``, as DICOM, PNG or JPEG.

    Args:
        table: ``train.csv`` (Kaggle) or ``annotations/image_labels_{train,test}.csv`` (PhysioNet).
        root: data.root.
        folder: The set's folder below it.
        dataset: Key of the set.

    Source: docs/method.md, section 5. Patients and studies are not published.
    """
    image_id = pc.unique(read_csv(table, ["image_id"]).ids("image_id")).sort()
    part = "test" if release(table) == "test" else "train"
    files = list_files([root / folder / part])
    names = [_file_name(image, files) for image in image_id.to_pylist()]
    columns = {
        "image_id": image_id,
        "patient_id": image_id,
        "study_id": image_id,
        "view": pa.repeat("frontal", len(names)),
        "view_source": pa.repeat("data set", len(names)),
        "path": pa.array([f"{folder}/{part}/{name}" for name in names], pa.string()),
    }
    return image_table(dataset, columns)


def read_labels(
    table: Path,
    classes: Sequence[str] = CXR_LT_2023,
    dataset: str = "vindr",
    policy: LabelPolicy = RECOMMENDED,
) -> pa.Table:
    """Read ``schemas.labels``: 1 where enough readers name a finding, else 0.

    Readers are counted, not boxes.

    Args:
        table: As for :func:`read_images`.
        classes: The label space.
        dataset: Key of the set.
        policy: What is open in the published labels; how many readers must agree.

    Raises:
        DataError: At an unknown finding, or an image with fewer readers than must agree.

    Source: docs/method.md, section 5.
    """
    kind = release(table)
    mapping = label_map(KAGGLE if kind == "kaggle" else PHYSIONET, policy, classes, dataset)
    named = [finding for finding, names in mapping.items() if names]
    readings = read_readings(table, named)
    needed = 1 if kind == "test" else policy.min_readers
    per_image = readings.readers.group_by("image_id").aggregate([("rad_id", "count_distinct")])
    per_image = per_image.sort_by("image_id")
    _require_readers(readings, per_image, needed)
    image_id = per_image["image_id"].combine_chunks()
    known = {}
    for name in sorted({name for names in mapping.values() for name in names}):
        findings = [finding for finding in named if name in mapping[finding]]
        positive = _agreed(readings.votes, image_id, findings, needed)
        if NODULE_MASS in findings and policy.nodule_mass == "unknown":
            positive = pc.if_else(positive, pa.scalar(None, pa.bool_()), positive)
        known[name] = positive.cast(pa.float32())
    return label_table(dataset, image_id, known, classes)


def release(table: Path) -> Literal["kaggle", "train", "test"]:
    """Which of the published tables this is, by its header: Kaggle's, or one of PhysioNet's."""
    header = read_header(table)
    if "class_name" in header:
        return "kaggle"
    return "train" if "rad_id" in header else "test"


def read_readings(table: Path, findings: Sequence[str]) -> Readings:
    """Read either release; which one its header says.

    Args:
        table: As for :func:`read_images`.
        findings: Those of PhysioNet's columns that are wanted; Kaggle's are all read.

    Raises:
        DataError: At a finding that is not one of the release's.
    """
    return _kaggle(table) if release(table) == "kaggle" else _physionet(table, findings)


def _kaggle(table: Path) -> Readings:
    raw = read_csv(table, ["image_id", "rad_id", "class_name"])
    finding = raw.choices("class_name", KAGGLE)
    ids = {name: raw.ids(name) for name in ("image_id", "rad_id")}
    votes = pa.table({**ids, "finding": finding})
    readers = votes.group_by(["image_id", "rad_id"]).aggregate([])
    return Readings(raw, readers, votes)


def _physionet(table: Path, findings: Sequence[str]) -> Readings:
    header = read_header(table)
    require_known_columns(header, ("image_id", "rad_id", *PHYSIONET), str(table))
    ids = [name for name in ("image_id", "rad_id") if name in header]
    raw = read_csv(table, [*ids, *findings])
    if "rad_id" in ids:
        readers = pa.table({name: raw.ids(name) for name in ids})
    else:
        image_id = raw.unique_ids("image_id")
        readers = pa.table({"image_id": image_id, "rad_id": pa.repeat(CONSENSUS, len(image_id))})
    named = {f: readers.filter(pc.equal(raw.labels(f, (1, 0)), 1)) for f in findings}
    votes = pa.concat_tables(
        [rows.append_column("finding", pa.repeat(f, rows.num_rows)) for f, rows in named.items()]
    )
    return Readings(raw, readers, votes)


def _agreed(
    votes: pa.Table, image_id: pa.Array, findings: Sequence[str], min_readers: int
) -> pa.Array:
    """Whether enough readers name any of the findings, per image."""
    voted = votes.filter(pc.is_in(votes["finding"], pa.array(findings, pa.string())))
    voted = voted.group_by("image_id").aggregate([("rad_id", "count_distinct")])
    enough = voted.filter(pc.greater_equal(voted["rad_id_count_distinct"], min_readers))
    return pc.is_in(image_id, enough["image_id"].combine_chunks())


def _require_readers(readings: Readings, per_image: pa.Table, min_readers: int) -> None:
    few = per_image.filter(pc.less(per_image["rad_id_count_distinct"], min_readers))
    if few.num_rows:
        image_id = readings.raw.text("image_id")
        row = pc.index(pc.is_valid(positions(image_id, few["image_id"])), True).as_py()
        expected = (
            f"at least {min_readers} readers of every image ({few.num_rows} have fewer): lower "
            "min_readers in params.yaml or complete the table"
        )
        raise readings.raw.wrong(row, "image_id", expected)


def _file_name(image_id: str, files: Mapping[str, Path]) -> str:
    names = [f"{image_id}{extension}" for extension in EXTENSIONS]
    return next((name for name in names if name in files), names[0])
