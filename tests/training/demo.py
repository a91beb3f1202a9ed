"""A whole small cohort on disk, as the stages before the trainings leave it."""

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa

from camchex.contract import schemas, tables
from camchex.contract.image_store import ImageParams
from camchex.contract.labels import CXR_LT_2023, MIMIC_14
from camchex.contract.yaml_file import read_yaml, yaml_text
from camchex.images.prepare import prepare_images

ROOT = Path(__file__).resolve().parents[2]
SIZE = 32
SETS = {"chexpert": 12, "vindr": 10}  # images
STUDIES = {"train": 24, "development": 12, "test": 6}
EPOCHS = {"epochs": 2}
ENCODER = {
    "backbone_args": {"depths": [1, 1, 1, 1], "dims": [8, 8, 16, 16], "drop_path_rate": 0.0},
    "decoder_width": 16,
    "decoder_ffn": 16,
    "decoder_heads": 4,
}
TEXT = {"vocabulary": 150, "width": 16, "layers": 1, "heads": 2, "ffn": 16}
FUSION = {"layers": 1, "heads": 4, "ffn": 16, "max_images": 2}

TEACHER = (
    *("-m", "stages.train_teacher", "--cohort", "data/cohort.parquet"),
    *("--store", "data/images/mimic"),
)
"""Command line of the teacher's stage, without where its outputs go."""

INDICATIONS = ("dyspnea and cough .", "cough , r/o pna .", "chf , eval for pleural effusion .")


def write_params(folder: Path) -> None:
    """The project's params.yaml, with networks and trainings made small."""
    params = read_yaml(ROOT / "params.yaml")
    params["images"]["size"] = SIZE
    params["external"] = {key: params["external"][key] for key in SETS}
    params["encoder"] |= ENCODER
    params["text"] |= TEXT
    params["training"] |= {"batch_size": 8, "ema_decay": 0.8}
    params["noisy_student"]["teacher"] |= EPOCHS
    params["noisy_student"]["student"] |= EPOCHS
    params["view_finetuning"]["training"] |= EPOCHS
    params["fusion"] |= FUSION
    params["fusion"]["training"] |= EPOCHS
    params["evaluation"]["bootstrap"]["resamples"] = 20
    params["runtime"] |= {"workers": 0, "accelerator": "cpu"}
    (folder / "params.yaml").write_text(yaml_text(params))


def write_store(folder: Path, dataset: str, image_ids: list[str], views: list[str]) -> None:
    """Images of noise, prepared as the pipeline prepares them."""
    images = write_images(folder, dataset, image_ids, views)
    out = folder / "data" / "images" / ("mimic" if dataset == "mimic" else f"external/{dataset}")
    out.parent.mkdir(parents=True, exist_ok=True)
    prepare_images(
        images,
        folder,
        out,
        ImageParams(size=SIZE, fit="stretch", jpeg_quality=95, shard_mb=1, max_unreadable=0.0),
        workers=0,
        scratch=folder / "scratch",
    )


def write_images(folder: Path, dataset: str, image_ids: list[str], views: list[str]) -> pa.Table:
    """Images of noise below ``folder``, and their table."""
    draw = np.random.default_rng(len(image_ids))
    raw = folder / "raw" / dataset
    raw.mkdir(parents=True)
    rows = []
    for image_id, view in zip(image_ids, views, strict=True):
        cv2.imwrite(str(raw / f"{image_id}.png"), draw.integers(0, 255, (40, 40)).astype(np.uint8))
        rows.append(
            {
                "dataset": dataset,
                "image_id": image_id,
                "patient_id": f"p{image_id}",
                "study_id": f"s{image_id}",
                "view": view,
                "view_source": "view_position",
                "path": f"raw/{dataset}/{image_id}.png",
            }
        )
    return pa.Table.from_pylist(rows, schema=schemas.IMAGES)


def cohort_rows() -> list[dict]:
    """Studies of one to four images; some without an indication, some labels unknown."""
    draw = np.random.default_rng(0)
    rows = []
    for split, count in STUDIES.items():
        for number in range(count):
            study, images = f"{split}{number:03d}", 1 + number % 4
            row: dict = {
                "study_id": study,
                "patient_id": f"p-{study}",
                "split": split,
                "image_ids": [f"{study}-{i}" for i in range(images)],
                "views": ["frontal", "lateral", "lateral", "lateral"][:images],
                "indication": None if number % 5 == 0 else INDICATIONS[number % 3],
                "vitals_text": f"Temperature: {98.0 + number % 4} | Heart rate: 80.0 | Gender: F",
            }
            labels = {n: float(draw.random() < 0.3) for n in CXR_LT_2023}
            row |= labels | {"Hernia": None}
            row |= {f"mimic14.{name}": None for name in MIMIC_14}
            rows.append(row)
    return sorted(rows, key=lambda row: row["study_id"])


def write_cohort(folder: Path) -> tuple[list[str], list[str]]:
    """The table of the studies; the ids of their images and the views."""
    rows = cohort_rows()
    schema = schemas.cohort(CXR_LT_2023)
    tables.write(
        pa.Table.from_pylist(rows, schema=schema), folder / "data" / "cohort.parquet", schema
    )
    ids = [image for row in rows for image in row["image_ids"]]
    return ids, [view for row in rows for view in row["views"]]


def write_demo(folder: Path) -> None:
    """Everything below ``folder`` that the training stages read."""
    write_params(folder)
    write_store(folder, "mimic", *write_cohort(folder))
    draw = np.random.default_rng(1)
    for key, count in SETS.items():
        ids = [f"{key}-{i:02d}" for i in range(count)]
        write_store(folder, key, ids, ["frontal"] * count)
        labels = draw.choice([0.0, 1.0, np.nan], (count, len(CXR_LT_2023)))
        columns = {"dataset": [key] * count, "image_id": ids}
        columns |= {
            name: pa.array(labels[:, i].astype(np.float32), from_pandas=True)
            for i, name in enumerate(CXR_LT_2023)
        }
        schema = schemas.labels(CXR_LT_2023)
        path = folder / "data" / "interim" / "external" / key / "labels.parquet"
        tables.write(pa.table(columns, schema=schema), path, schema)
