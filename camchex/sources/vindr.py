"""VinDr-CXR: 15,000 frontal images, each read by three radiologists.

Two releases hold the same readings: Kaggle's VinBigData (one row per box, or per reader who found
nothing) and PhysioNet's (``image_labels_train.csv``: one row per reader, one column per finding).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from camchex.labels import CXR_LT_2023
from camchex.sources.image_table import image_table, label_table, list_files
from camchex.sources.lookup import positions
from camchex.sources.raw_table import RawTable, read_csv, read_header

KAGGLE: dict[str, tuple[str, ...]] = {
    "No finding": ("No Finding",),
    "Atelectasis": ("Atelectasis",),
    "Cardiomegaly": ("Cardiomegaly",),
    "Consolidation": ("Consolidation",),
    "Infiltration": ("Infiltration",),
    "Lung Opacity": ("Lung Opacity",),
    "Nodule/Mass": ("Nodule", "Mass"),
    "Pleural effusion": ("Pleural Effusion",),
    "Pleural thickening": ("Pleural Thickening",),
    "Pneumothorax": ("Pneumothorax",),
    "Pulmonary fibrosis": ("Fibrosis",),
}
"""Published name and the classes it stands for (method, section 5)."""
NO_CLASS = ("Aortic enlargement", "Calcification", "ILD", "Other lesion")  # of Kaggle: left out
PHYSIONET = {
    **KAGGLE,
    "Clavicle fracture": ("Fracture",),
    "Edema": ("Edema",),
    "Emphysema": ("Emphysema",),
    "Pneumonia": ("Pneumonia",),
    "Rib fracture": ("Fracture",),
}
EXTENSIONS = (".dicom", ".dcm", ".png", ".jpg", ".jpeg")  # published as the first; first one found


@dataclass(frozen=True)
class Readings:
    """Who read which image, and what each named.

    Attributes:
        raw: The file, which an error names.
        readers: image_id and rad_id, one row per reader of an image.
        votes: image_id, rad_id and finding as published; boxes may repeat a row.
        classes: Classes by finding.
    """

    raw: RawTable
    readers: pa.Table
    votes: pa.Table
    classes: Mapping[str, tuple[str, ...]]


def read_images(table: Path, root: Path, folder: str, dataset: str = "vindr") -> pa.Table:
    """Read ``schemas.IMAGES``; files lie in ``train``, as DICOM, PNG or JPEG.

    Args:
        table: ``train.csv`` (Kaggle) or ``annotations/image_labels_train.csv`` (PhysioNet).
        root: data.root.
        folder: The set's folder below it.
        dataset: Key of the set.

    Source: method, section 5. Patients and studies are not published.
    """
    image_id = pc.unique(read_csv(table, ["image_id"]).ids("image_id")).sort()
    files = list_files([root / folder / "train"])
    names = [_file_name(image, files) for image in image_id.to_pylist()]
    columns = {
        "image_id": image_id,
        "patient_id": image_id,
        "study_id": image_id,
        "view": pa.repeat("frontal", len(names)),
        "view_source": pa.repeat("data set", len(names)),
        "path": pa.array([f"{folder}/train/{name}" for name in names], pa.string()),
    }
    return image_table(dataset, columns)


def read_labels(
    table: Path,
    classes: Sequence[str] = CXR_LT_2023,
    dataset: str = "vindr",
    min_readers: int = 2,
) -> pa.Table:
    """Read ``schemas.labels``: 1 where enough readers name a finding, else 0.

    Readers are counted, not boxes. Nodule/Mass sets both classes: a teacher decides between them.

    Args:
        table: As for :func:`read_images`.
        classes: The label space.
        dataset: Key of the set.
        min_readers: Readers who must agree.

    Raises:
        DataError: At an unknown finding, or an image with fewer readers than must agree.

    Source: method, section 5.
    """
    readings = read_readings(table)
    per_image = readings.readers.group_by("image_id").aggregate([("rad_id", "count")])
    per_image = per_image.sort_by("image_id")
    _require_readers(readings, per_image, min_readers)
    image_id = per_image["image_id"].combine_chunks()
    known = {}
    for name in sorted({name for names in readings.classes.values() for name in names}):
        findings = [f for f, names in readings.classes.items() if name in names]
        voted = readings.votes.filter(pc.is_in(readings.votes["finding"], pa.array(findings)))
        voted = voted.group_by("image_id").aggregate([("rad_id", "count_distinct")])
        enough = voted.filter(pc.greater_equal(voted["rad_id_count_distinct"], min_readers))
        known[name] = pc.is_in(image_id, enough["image_id"].combine_chunks()).cast(pa.float32())
    return label_table(dataset, image_id, known, classes)


def read_readings(table: Path) -> Readings:
    """Read either release; which one its header says.

    Raises:
        DataError: At a finding that is not one of the release's.
    """
    return _kaggle(table) if "class_name" in read_header(table) else _physionet(table)


def _kaggle(table: Path) -> Readings:
    raw = read_csv(table, ["image_id", "rad_id", "class_name"])
    finding = raw.choices("class_name", (*KAGGLE, *NO_CLASS))
    ids = {name: raw.ids(name) for name in ("image_id", "rad_id")}
    votes = pa.table({**ids, "finding": finding})
    readers = votes.group_by(["image_id", "rad_id"]).aggregate([])
    return Readings(raw, readers, votes, KAGGLE)


def _physionet(table: Path) -> Readings:
    raw = read_csv(table, ["image_id", "rad_id", *PHYSIONET])
    readers = pa.table({name: raw.ids(name) for name in ("image_id", "rad_id")})
    named = {f: readers.filter(pc.equal(raw.labels(f, (1, 0)), 1)) for f in PHYSIONET}
    votes = pa.concat_tables(
        [rows.append_column("finding", pa.repeat(f, rows.num_rows)) for f, rows in named.items()]
    )
    return Readings(raw, readers, votes, PHYSIONET)


def _require_readers(readings: Readings, per_image: pa.Table, min_readers: int) -> None:
    few = per_image.filter(pc.less(per_image["rad_id_count"], min_readers))
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
