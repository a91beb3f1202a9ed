"""The stages, from published files to canonical tables on disk."""

import json
import re
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from camchex.contract import schemas, tables
from camchex.contract.image_store import ImageParams
from camchex.contract.labels import CXR_LT_2023, CXR_LT_2024_TASK2, MIMIC_14
from camchex.contract.yaml_file import read_yaml, yaml_text
from camchex.errors import DataError
from camchex.images.prepare import prepare_images
from camchex.images.shards import ShardWriter
from camchex.images.stored_image import stored_image
from camchex.texts.vitals_text import vitals_text
from stages import build_cohort, find_duplicates, ingest_external, ingest_mimic
from tests.images.test_stored_image import noise


@pytest.fixture
def project(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder whose raw data are the open cohort."""
    content = read_yaml(Path("params.yaml"))
    content["data"]["root"] = str(real_data / "open_cohort")
    content["external"]["nih"]["hold_out_test"] = False  # its test_list.txt is empty
    (tmp_path / "params.yaml").write_text(yaml_text(content))
    monkeypatch.chdir(tmp_path)
    return real_data / "open_cohort"


def ingest(root: Path, out: Path, cxr_lt: Path | None = None) -> None:
    jpg = root / "mimic-cxr-jpg"
    ingest_mimic.main(
        metadata=jpg / "mimic-cxr-2.0.0-metadata.csv.gz",
        split=jpg / "mimic-cxr-2.0.0-split.csv.gz",
        chexpert=jpg / "mimic-cxr-2.0.0-chexpert.csv.gz",
        cxr_lt=cxr_lt or root / "cxr-lt-2023",
        images=out / "images.parquet",
        labels=out / "labels.parquet",
        studies=out / "studies.parquet",
        mimic14=out / "mimic14.parquet",
        metrics=out / "mimic.json",
    )


def test_mimic_becomes_canonical_tables_with_the_same_bytes_twice(project: Path) -> None:
    for out in (Path("a"), Path("b")):
        ingest(project, out)
    names = ("images", "labels", "studies", "mimic14")
    for name in names:
        assert Path(f"a/{name}.parquet").read_bytes() == Path(f"b/{name}.parquet").read_bytes()
    images = tables.read(Path("a/images.parquet"), schemas.IMAGES)
    assert images.num_rows == 168
    assert all((project / path).is_file() for path in images["path"].to_pylist())


def test_tracked_counts_hide_small_cells(project: Path) -> None:
    ingest(project, Path("a"))
    positive = json.loads(Path("a/mimic.json").read_text())["positive_images"]
    assert (positive["train"]["Cardiomegaly"], positive["train"]["Pneumonia"]) == ("<5", 78)


def test_the_release_of_2024_is_read_by_its_parameters_alone(project: Path) -> None:
    folder = Path("raw") / "cxr-lt-2024"
    folder.mkdir(parents=True)
    for split, name in (
        ("train", "train_labeled"),
        ("development", "development_labeled_task2"),
        ("test", "test_labeled_task2"),
    ):
        text = (project / "cxr-lt-2023" / f"{split}.csv").read_text()
        lines = text.replace("No Finding", "Normal").replace(",path,", ",fpath,").splitlines()
        rows = [re.sub(r"^(([^,]+,){2})", r"\1s", line) for line in lines[1:]]
        (folder / f"{name}.csv").write_text("\n".join([lines[0], *rows]) + "\n")
    content = read_yaml(Path("params.yaml"))
    content["labels"]["space"] = "cxr-lt-2024-task2"
    content["data"]["cxr_lt_files"] = {
        "train": "train_labeled.csv",
        "development": "development_labeled_task2.csv",
        "test": "test_labeled_task2.csv",
    }
    content["data"]["cxr_lt_other_tests"] = ["test_labeled_task2.csv", "train_labeled.csv"]
    Path("params.yaml").write_text(yaml_text(content))
    ingest(project, Path("b"), folder)
    labels = tables.read(Path("b/labels.parquet"), schemas.labels(CXR_LT_2024_TASK2))
    assert labels.num_rows == 168
    counts = json.loads(Path("b/mimic.json").read_text())
    assert counts["positive_images"]["test"]["Normal"] == 5
    shared = counts["other_tests_in_training"]
    assert shared["test_labeled_task2.csv"]["images"] == {"in_all": 68, "in_training": 0}
    assert shared["train_labeled.csv"]["images"] == {"in_all": 81, "in_training": 81}


def test_no_cxr_lt_is_needed_for_mimics_own_labels_and_splits(project: Path) -> None:
    content = read_yaml(Path("params.yaml"))
    content["labels"] |= {"space": "mimic-14", "splits": "official"}
    Path("params.yaml").write_text(yaml_text(content))
    ingest(project, Path("a"), Path("an empty folder"))
    assert tables.read(Path("a/labels.parquet"), schemas.labels(MIMIC_14)).num_rows == 168


@pytest.mark.parametrize("key", ["chexpert", "nih", "vindr"])
def test_images_of_an_external_set_exist_and_are_those_labelled(project: Path, key: str) -> None:
    external = read_yaml(Path("params.yaml"))["external"][key]
    folder = project / external["folder"]
    ingest_external.main(
        key=key,
        table=folder / external["table"],
        test_list=folder / external["test_list"],
        images=Path("images.parquet"),
        labels=Path("labels.parquet"),
        metrics=Path("counts.json"),
    )
    images = tables.read(Path("images.parquet"), schemas.IMAGES)
    labels = tables.read(Path("labels.parquet"), schemas.labels(CXR_LT_2023))
    assert images["image_id"].equals(labels["image_id"])
    assert set(images["dataset"].to_pylist()) == {key}
    assert all((project / path).is_file() for path in images["path"].to_pylist())
    sick = [r for r in labels.to_pylist() if r["Pneumonia"] == 1]
    assert all(row["No Finding"] == 0 for row in sick)
    counts = json.loads(Path("counts.json").read_text())
    assert counts["kept"]["images"] == images.num_rows
    tested = (
        (project / "ChestX-ray14" / "test_list.txt").read_text().split() if key == "nih" else []
    )
    assert not set(tested) & set(images["image_id"].to_pylist())
    assert counts["listed"]["images"] - images.num_rows == len(tested)


def store_of(table: Path, folder: Path) -> None:
    """A store of pictures, one for each image but the first."""
    folder.mkdir(parents=True)
    writer = ShardWriter(folder, 32, shard_mb=1)
    for seed, image_id in enumerate(sorted(pq.read_table(table)["image_id"].to_pylist())[1:]):
        writer.add(image_id, stored_image(noise(seed, 32), 95))
    writer.close()


def test_the_cohort_is_built_from_what_the_other_stages_wrote(project: Path) -> None:
    ingest(project, Path())
    studies = pq.read_table("studies.parquet")["study_id"].to_pylist()
    indications = [
        {"study_id": s, "indication": "cough", "findings_suspected": False} for s in studies
    ]
    vitals = [{"study_id": s, "vitals_text": vitals_text({}, None)} for s in studies]
    for name, rows, schema in (
        ("indications", indications, schemas.INDICATIONS),
        ("vitals", vitals, schemas.VITALS),
        ("views", [], schemas.VIEWS),
    ):
        tables.write(pa.Table.from_pylist(rows, schema=schema), Path(f"{name}.parquet"), schema)
    store_of(Path("images.parquet"), Path("store"))
    build_cohort.main(
        **{
            name: Path(f"{name}.parquet")
            for name in (
                *("images", "labels", "studies", "mimic14", "indications", "vitals", "views"),
            )
        },
        store=Path("store"),
        out=Path("cohort.parquet"),
        duplicates=Path("duplicates.parquet"),
        metrics=Path("cohort.json"),
    )
    cohort = tables.read(Path("cohort.parquet"), schemas.cohort(CXR_LT_2023))
    assert sum(map(len, cohort["image_ids"].to_pylist())) == 167
    counts = json.loads(Path("cohort.json").read_text())
    assert counts["images_not_prepared"] == "<5"
    assert sum(counts["splits"][s]["studies"] for s in counts["splits"]) == cohort.num_rows
    assert counts["duplicates"]["alike"]["mimic"] == {
        "images": 167,
        **dict.fromkeys(("repeated", "across_patients", "across_splits"), 0),
        **dict.fromkeys(("in_development", "in_test"), 0),
    }
    assert not len(tables.read(Path("duplicates.parquet"), schemas.DUPLICATES))


def test_pictures_of_the_cohort_are_found_in_the_external_sets(project: Path) -> None:
    """Four images of the open cohort are in two of its data sets, under two names."""
    ingest(project, Path("mimic"))
    sets = read_yaml(Path("params.yaml"))["external"]
    preparation = ImageParams(
        size=128, fit="stretch", jpeg_quality=95, shard_mb=64, max_unreadable=0.1
    )
    for key, external in sets.items():
        images = Path("external") / key / "images.parquet"
        ingest_external.main(
            key=key,
            table=project / external["folder"] / external["table"],
            test_list=project / external["folder"] / external["test_list"],
            images=images,
            labels=images.with_name("labels.parquet"),
            metrics=Path("counts.json"),
        )
    for name in ("mimic", *sets):
        table = Path("mimic" if name == "mimic" else f"external/{name}") / "images.parquet"
        images = tables.read(table, schemas.IMAGES)
        prepare_images(images, project, Path("stores") / name, preparation, 0)
    find = partial(
        find_duplicates.main,
        images=Path("mimic/images.parquet"),
        external=Path("external"),
        studies=Path("mimic/studies.parquet"),
        store=Path("stores/mimic"),
        stores=Path("stores"),
        out=Path("duplicates.parquet"),
        metrics=Path("duplicates.json"),
    )
    find()
    found = tables.read(Path("duplicates.parquet"), schemas.DUPLICATES)
    groups = found.group_by("group").aggregate([("dataset", "list")])["dataset_list"].to_pylist()
    assert sorted(map(sorted, groups)) == [
        ["chexpert", "mimic"],
        ["chexpert", "mimic"],
        ["mimic", "nih"],
        ["mimic", "vindr"],
    ]
    assert json.loads(Path("duplicates.json").read_text())["alike"]["chexpert"]["repeated"] == "<5"
    images = Path("external/nih/images.parquet")
    listed = tables.read(images, schemas.IMAGES)
    tables.write(listed.slice(1), images, schemas.IMAGES)
    lost = rf"external/nih/labels\.parquet: .*image {listed['image_id'][0]} is not in the table of"
    with pytest.raises(DataError, match=lost):
        find()
