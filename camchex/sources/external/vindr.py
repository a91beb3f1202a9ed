"""VinDr-CXR: 15,000 frontal images, each read by three radiologists.

Two releases hold the same readings: Kaggle's VinBigData (one row per box, or per reader who found
nothing) and PhysioNet's (``image_labels_train.csv``: one row per reader, one column per finding).
PhysioNet's ``image_labels_test.csv`` holds 3,000 further images, and what their readers agreed on.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from camchex.sources.csv.lookup import positions, repeated, require_known_columns
from camchex.sources.csv.no_finding import contradicted, count
from camchex.sources.csv.raw_table import RawTable, read_csv, read_header
from camchex.sources.external.image_files import image_paths
from camchex.sources.external.label_map import Classes, KnownLabels, OfficialTest, alike
from camchex.sources.params import LabelPolicy

NO_FINDING = "No finding"
NODULE_MASS = "Nodule/Mass"
KAGGLE: dict[str, Classes] = {
    NO_FINDING: ("No Finding",),
    **alike("Atelectasis", "Cardiomegaly", "Consolidation", "Infiltration", "Lung Opacity"),
    **alike("Pneumothorax"),
    NODULE_MASS: ("Nodule", "Mass"),
    "Pleural effusion": ("Pleural Effusion",),
    "Pleural thickening": ("Pleural Thickening",),
    "Pulmonary fibrosis": ("Fibrosis",),
    **dict.fromkeys(("Aortic enlargement", "Calcification", "ILD", "Other lesion"), ()),
}
"""Classes by published name; none: the finding is left out (docs/method.md, section 5)."""
CLASS_IDS = (
    *("Aortic enlargement", "Atelectasis", "Calcification", "Cardiomegaly", "Consolidation", "ILD"),
    *("Infiltration", "Lung Opacity", NODULE_MASS, "Other lesion", "Pleural effusion"),
    *("Pleural thickening", "Pneumothorax", "Pulmonary fibrosis", NO_FINDING),
)
"""Findings of Kaggle's table by class_id, from 0."""
PHYSIONET: dict[str, Classes] = {
    **KAGGLE,
    "Clavicle fracture": ("Fracture", "Clavicle Fracture"),
    "Rib fracture": ("Fracture", "Rib Fracture"),
    **alike("Edema", "Emphysema", "Pneumonia", "Tuberculosis"),
    **dict.fromkeys(("COPD", "Enlarged PA", "Lung cavity", "Lung cyst", "Lung tumor"), ()),
    **dict.fromkeys(("Mediastinal shift", "Other disease", "Other diseases"), ()),
}
"""Classes by column of PhysioNet's tables; Other disease is written in two ways."""
CONSENSUS = "consensus"  # stands for the readers of an image whose votes are not published
EXTENSIONS = (".dicom", ".dcm", ".png", ".jpg", ".jpeg")  # .dicom as published; the first found


class Readings(NamedTuple):
    """Readers of each image, and the findings that each reader named."""

    raw: RawTable  # the file, for messages
    readers: pa.Table  # image_id and rad_id, one row per reader of an image
    votes: pa.Table  # image_id, rad_id and finding as published; several boxes repeat a row


def image_columns(table: Path, folder: Path) -> dict[str, pa.Array | str]:
    """Read columns of ``schemas.IMAGES``; files lie in ``train`` or ``test``, as DICOM, PNG, JPEG.

    Patients and studies are not published.

    Args:
        table: ``train.csv`` (Kaggle) or ``annotations/image_labels_{train,test}.csv`` (PhysioNet).
        folder: The set's folder.
    """
    image_id = pc.unique(read_csv(table, ["image_id"]).ids("image_id")).sort()
    part = "test" if release(table) == "test" else "train"
    return {
        **dict.fromkeys(("image_id", "patient_id", "study_id"), image_id),
        "view": "frontal",
        "view_source": "data set",
        "path": image_paths(folder, image_id, [part], EXTENSIONS),
    }


def published_classes(table: Path) -> Mapping[str, Classes]:
    """Return ``KAGGLE`` or ``PHYSIONET``, whichever holds for the table."""
    return KAGGLE if release(table) == "kaggle" else PHYSIONET


def known_labels(table: Path, mapping: Mapping[str, Classes], policy: LabelPolicy) -> KnownLabels:
    """Read ids, and 1 where enough readers name a finding, else 0. Readers are counted, not boxes.

    Readers may disagree so much that No finding and a finding have enough readers each, as where
    one reader is enough: then No finding is 0, also where no class has the finding.

    Raises:
        DataError: At an unknown finding, an image with fewer readers than must agree, or a second
            row of a reader where a row holds all that the reader found.
    """
    raw, readers, votes = read_readings(table, [name for name, to in mapping.items() if to])
    needed = 1 if release(table) == "test" else policy.min_readers
    per_image = readers.group_by("image_id").aggregate([("rad_id", "count_distinct")])
    few = per_image.filter(pc.less(per_image["rad_id_count_distinct"], needed))["image_id"]
    raw.refuse(
        pc.is_valid(positions(raw.text("image_id"), few)),
        "image_id",
        f"at least {needed} readers of every image ({len(few)} have fewer): lower min_readers in "
        "params.yaml or complete the table",
    )
    image_id = per_image["image_id"].combine_chunks()

    def agreed(findings: Iterable[str]) -> pa.Array:
        """Whether enough readers name any of some findings, bool, (N,)."""
        voted = votes.filter(pc.is_in(votes["finding"], pa.array(findings, pa.string())))
        voted = voted.group_by("image_id").aggregate([("rad_id", "count_distinct")])
        enough = voted.filter(pc.greater_equal(voted["rad_id_count_distinct"], needed))
        return pc.is_in(image_id, enough["image_id"].combine_chunks())

    said = {finding: agreed([finding]) for finding in votes["finding"].unique().to_pylist()}
    wrong = contradicted(said, NO_FINDING) if NO_FINDING in said else pa.array([], pa.bool_())
    known = {}
    for name in sorted({name for names in mapping.values() for name in names}):
        findings = [finding for finding, names in mapping.items() if name in names]
        positive = agreed(findings)
        if NO_FINDING in findings and len(wrong):
            positive = pc.and_not(positive, wrong)
        if NODULE_MASS in findings and policy.nodule_mass == "unknown":
            positive = pc.if_else(positive, pa.scalar(None, pa.bool_()), positive)
        known[name] = positive.cast(pa.float32())
    return KnownLabels(image_id, known, count(wrong))


def official_test(images: pa.Table, table: Path, _test_list: Path) -> OfficialTest:
    """Return every patient of PhysioNet's table of test images, none of the other tables."""
    every = images["patient_id"].unique()
    return OfficialTest(every if release(table) == "test" else every.slice(0, 0), 0)


def release(table: Path) -> Literal["kaggle", "train", "test"]:
    """Tell from its header which published table this is: Kaggle's, or one of PhysioNet's two."""
    header = read_header(table)
    if "class_name" in header:
        return "kaggle"
    return "train" if "rad_id" in header else "test"


def read_readings(table: Path, findings: Sequence[str]) -> Readings:
    """Read all findings of Kaggle's table or of PhysioNet's, which the header tells apart.

    Args:
        table: The table.
        findings: Columns that PhysioNet's table must have.

    Raises:
        DataError: At a finding that is not one of the release's, a class_id of another finding, or
            two rows of PhysioNet's for one reader of an image.
    """
    header = read_header(table)
    if release(table) == "kaggle":
        numbered = ["class_id"] if "class_id" in header else []
        raw = read_csv(table, ["image_id", "rad_id", "class_name", *numbered])
        ids = {name: raw.ids(name) for name in ("image_id", "rad_id")}
        finding = raw.choices("class_name", KAGGLE)
        for name in numbered:
            published = pc.index_in(finding, value_set=pa.array(CLASS_IDS)).cast(pa.float64())
            other = pc.fill_null(pc.not_equal(raw.numbers(name), published), fill_value=False)
            raw.refuse(other, name, "the number of the finding in class_name, as Kaggle has it")
        votes = pa.table({**ids, "finding": finding})
        return Readings(raw, votes.group_by(["image_id", "rad_id"]).aggregate([]), votes)
    require_known_columns(header, ("image_id", "rad_id", *PHYSIONET), str(table))
    columns = [name for name in ("image_id", "rad_id") if name in header]
    findings = list(dict.fromkeys([*findings, *(name for name in header if name in PHYSIONET)]))
    raw = read_csv(table, [*columns, *findings])
    if "rad_id" in columns:
        readers = pa.table({name: raw.ids(name) for name in columns})
        reading = pc.binary_join_element_wise(*(c.combine_chunks() for c in readers.columns), " ")
        raw.refuse(repeated(reading), "rad_id", "one row for each reader of an image")
    else:
        image_id = raw.unique_ids("image_id")
        readers = pa.table({"image_id": image_id, "rad_id": pa.repeat(CONSENSUS, len(image_id))})
    named = {f: readers.filter(pc.equal(raw.labels(f, (1, 0)), 1)) for f in findings}
    votes = [t.append_column("finding", pa.repeat(f, t.num_rows)) for f, t in named.items()]
    return Readings(raw, readers, pa.concat_tables(votes))
