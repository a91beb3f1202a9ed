"""camchex check: what is there, what is missing, and how to get it."""

import csv
import gzip
import io
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pyarrow as pa
import pytest
from rich.console import Console

from camchex.check import check_data, data_sets, render_data
from camchex.check.checked import SAMPLE, CheckedData, look_for
from camchex.cohort.published import COUNTS, CXR_LT_COUNTS, CXR_LT_POSITIVES
from camchex.comparisons.paper import paper_numbers
from camchex.contract import params
from camchex.contract.labels import CXR_LT_2023, CXR_LT_2024_TASK2, LabelParams
from camchex.sources.mimic.mimic_cxr import read_metadata
from camchex.sources.params import DataParams, ExternalSets
from camchex.texts.params import IndicationParams
from camchex.vitals.params import VitalsParams
from tests.sources.raw import published

# The open cohort ships no checksum lists.
# Nor does it pack its reports.
TREES = {
    "watch_images": "mimic-cxr-jpg/files",
    "reports": "mimic-cxr-reports",
    "watch_reports": "mimic-cxr-reports/files",
}

RACE = {"race": "race.csv"}


load = cache(params.load)


def look(root: Path, external: ExternalSets | None = None, **data_params: object) -> CheckedData:
    update = {"root": root, **TREES, **data_params}
    data = load("data", DataParams).model_copy(update=update)
    if external is None:
        external = dict(load("external", ExternalSets))
        # The open cohort has no image of the official test, and an empty list.
        external["nih"] = external["nih"].model_copy(update={"hold_out_test": False})
    rules, ranges = load("indications", IndicationParams), load("vitals", VitalsParams).ranges
    return check_data(data, external, load("labels", LabelParams), rules, ranges)


def look_at_mimic(root: Path, **data_params: object) -> CheckedData:
    """Check MIMIC alone, which is half of the work."""
    return look(root, {}, **data_params)


def text(checked: CheckedData, width: int = 400) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(render_data(checked))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def copy(real_data: Path, tmp_path: Path) -> Path:
    """The open cohort as links, so that files can be taken away and replaced."""
    return linked(real_data, tmp_path, *(real_data / "open_cohort").iterdir())


@pytest.fixture
def hospital(real_data: Path, tmp_path: Path) -> Path:
    """The tables of MIMIC alone, without reports and other sets, which are looked at for long."""
    return linked(real_data, tmp_path, "mimic-cxr-jpg", "mimic-iv-ed")


def linked(real_data: Path, folder: Path, *names: str | Path) -> Path:
    """Some folders of the open cohort as links, below a new folder."""
    root = folder / "raw"
    root.mkdir()
    sources = [real_data / "open_cohort" / name for name in names]
    subprocess.run(["cp", "-rs", *sources, root], check=True)
    return root


@pytest.fixture(scope="module")
def whole(real_data: Path) -> CheckedData:
    return look(real_data / "open_cohort")


def test_the_open_cohort_is_complete(whole: CheckedData) -> None:
    assert whole.complete
    counts = {
        file.path.name: file.table.counts for data_set in whole.data_sets for file in data_set.files
    }
    metadata = counts["mimic-cxr-2.0.0-metadata.csv.gz"]
    assert (metadata["images"], metadata["studies"]) == (168, 147)
    shown = text(whole)
    assert "7 of 7 data sets complete" in shown
    assert "168 images (published: 377,110)" in shown
    assert "another unit" not in shown


def test_a_missing_root_is_said_and_every_file_expected_is_named(tmp_path: Path) -> None:
    checked = look(tmp_path / "nowhere")
    shown = text(checked)
    assert not checked.complete
    assert "set data.root in params.yaml" in shown
    assert "0 of 7 data sets complete" in shown
    for data_set in checked.data_sets:
        assert data_set.page in shown
        assert all(f"{file.path}: missing" in shown for file in data_set.files)


def test_a_missing_image_is_found_by_its_path(copy: Path) -> None:
    image = next((copy / "CheXpert-v1.0" / "train").rglob("*.jpg"))
    image.unlink()
    checked = look(copy)
    assert [d.name for d in checked.data_sets if not d.complete] == ["CheXpert (external.chexpert)"]
    assert f"26 of 27 files are there; missing for example {image}" in text(checked)


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_reports_are_looked_for_in_their_archive(real_data: Path, copy: Path, kind: str) -> None:
    published = real_data / "open_cohort" / "mimic-cxr-reports"
    reports = shutil.copytree(published, copy.with_name("unpacked"))
    complete = Path(shutil.make_archive(str(copy / "all"), kind, reports))
    report = next(reports.rglob("*.txt"))
    report.unlink()
    partial = Path(shutil.make_archive(str(copy / "some"), kind, reports))
    found = look_at_mimic(copy, reports=complete.name, watch_reports=complete.name)
    assert found.complete
    assert "147 of 147 files are there" in text(found)
    missing = partial / report.relative_to(reports)
    shown = text(look_at_mimic(copy, reports=partial.name, watch_reports=partial.name))
    assert f"146 of 147 files are there; missing for example {missing}" in shown


def test_the_metadata_are_read_once(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = []

    def counted(path: Path, *others: object) -> tuple[pa.Table, pa.Table]:
        paths.append(path)
        return read_metadata(path, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(data_sets.mimic_cxr, "read_metadata", counted)
    look_at_mimic(real_data / "open_cohort")
    assert len(paths) == 1


def test_without_metadata_no_report_is_said_to_be_there(copy: Path) -> None:
    (copy / "mimic-cxr-jpg" / data_sets.METADATA).unlink()
    checked = look_at_mimic(copy)
    _, reports, *_ = checked.data_sets
    assert "does not tell the studies" in str(reports.files[0].problem)
    assert not reports.complete


def test_images_of_one_study_that_are_years_apart_are_said(hospital: Path) -> None:
    path = hospital / "mimic-cxr-jpg" / data_sets.METADATA
    rows = list(csv.DictReader(gzip.decompress(path.read_bytes()).decode().splitlines()))
    studies = [row["study_id"] for row in rows]
    second = next(row for n, row in enumerate(rows) if row["study_id"] in studies[:n])
    second["StudyDate"] = str(int(second["StudyDate"]) + 30000)
    path.unlink()
    published(path, list(rows[0]), rows)
    assert "1 studies with images over a day apart" in text(look_at_mimic(hospital))


def test_a_damaged_archive_of_reports_is_reported(copy: Path) -> None:
    (copy / "reports.zip").write_bytes(b"PK")
    shown = text(look(copy, reports="reports.zip"))
    assert f"{copy / 'reports.zip'}: present, but cannot be used" in shown
    assert "6 of 7 data sets complete" in shown


def test_a_vital_sign_of_another_unit_is_said(hospital: Path) -> None:
    path = hospital / "mimic-iv-ed" / "ed" / "triage.csv.gz"
    rows = list(csv.DictReader(gzip.decompress(path.read_bytes()).decode().splitlines()))
    for row in rows:
        row["o2sat"] = "0.98"
    path.unlink()
    published(path, list(rows[0]), rows)
    said = f"{len(rows):,} values of o2_saturation_pct, almost all out of vitals.ranges"
    assert said in text(look_at_mimic(hospital))


def test_a_damaged_table_is_reported(copy: Path) -> None:
    table = copy / "mimic-iv-ed" / "ed" / "triage.csv.gz"
    table.unlink()
    table.write_bytes(gzip.compress(b"subject_id,stay_id\n1,2\n"))
    shown = text(look(copy))
    assert f"{table}: present, but cannot be used" in shown
    assert "no column temperature" in shown
    assert "6 of 7 data sets complete" in shown


OTHER_IDS = {  # table: the column whose ids become others, and what is said
    "mimic-iv-ed/ed/edstays.csv.gz": (
        "subject_id",
        "mimic-cxr-2.0.0-metadata.csv.gz",
    ),
    "mimic-iv-ed/ed/triage.csv.gz": ("stay_id", "edstays.csv.gz"),
    "mimic-iv-ed/ed/vitalsign.csv.gz": ("subject_id", "edstays.csv.gz"),
    "mimic-cxr-jpg/mimic-cxr-2.0.0-chexpert.csv.gz": ("study_id", "mimic-cxr"),
    "mimic-cxr-jpg/mimic-cxr-2.0.0-split.csv.gz": ("dicom_id", "mimic-cxr"),
}


@pytest.mark.parametrize("name", OTHER_IDS)
def test_a_table_of_other_patients_is_reported(hospital: Path, name: str) -> None:
    column, expected = OTHER_IDS[name]
    rows = list(
        csv.DictReader(io.StringIO(gzip.decompress((hospital / name).read_bytes()).decode()))
    )
    (hospital / name).unlink()
    published(hospital / name, list(rows[0]), [{**row, column: f"9{row[column]}"} for row in rows])
    assert f"of {len(rows)} rows, none belong to {expected}" in " ".join(
        text(look_at_mimic(hospital)).split()
    )


def test_reports_in_which_nothing_is_found_are_reported(copy: Path) -> None:
    for path in (copy / "mimic-cxr-reports").rglob("*.txt"):
        path.unlink()
        path.write_text("The lungs are clear.\n")
    assert "not one of 147 reports has a section indication or history" in text(look_at_mimic(copy))


def test_a_table_that_matches_the_published_counts_is_said_to(
    real_data: Path, tmp_path: Path
) -> None:
    root = linked(real_data, tmp_path, "vinbigdata")
    table = root / "vinbigdata" / "train.csv"
    table.unlink()
    packed = real_data / "label_tables" / "vinbigdata-train.csv.gz"
    table.write_bytes(gzip.decompress(packed.read_bytes()))
    shown = text(look(root))
    assert "67,914 rows (as published), 15,000 images (as published)" in shown
    assert "0 of 1,000 files tried, of 15,000 in all are there" in shown


@pytest.mark.parametrize("total", [1, SAMPLE, 3 * SAMPLE + 7])
def test_files_looked_for_are_spread_over_all(tmp_path: Path, total: int) -> None:
    paths = [tmp_path / str(i) for i in range(total)]
    last_third = [p for i, p in enumerate(paths) if 3 * i >= 2 * total]
    for path in last_third:
        path.touch()
    found = look_for(paths)
    assert (found.total, found.looked_for) == (total, min(total, SAMPLE))
    assert found.present == pytest.approx(found.looked_for / 3, abs=1)


def test_every_class_is_counted_in_a_table_that_fits_80_columns(whole: CheckedData) -> None:
    shown = text(whole, width=80).splitlines()
    paths = [line for line in shown if "open_cohort" in line]
    assert max(len(line) for line in shown if line not in paths) <= 80
    rows = [line.split() for line in shown]
    assert ["class", "positive", "negative", "unknown", "as", "published"] in rows
    assert ["Pneumonia", "78", "3", "0", "48,093"] in rows  # CXR-LT train
    assert ["Pneumonia", "26", "0", "1"] in rows  # CheXpert: blank is unknown


def test_a_class_counted_as_published_is_said_to_be(
    real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_sets, "CXR_LT_POSITIVES", {"train.csv": {"Pneumonia": 78}})
    rows = [line.split() for line in text(look_at_mimic(real_data / "open_cohort")).splitlines()]
    assert ["Pneumonia", "78", "3", "0", "yes"] in rows
    assert ["Edema", "0", "81", "0"] in rows


def test_classes_of_which_nothing_is_said_are_named(whole: CheckedData) -> None:
    shown = text(whole)
    (line,) = [one for one in shown.splitlines() if "Calcification of the Aorta, Enlarged" in one]
    assert line.strip() == (
        "nothing is said of: Calcification of the Aorta, Enlarged Cardiomediastinum, Fracture, "
        "Lung Lesion, Lung Opacity, Pleural Other, Pneumomediastinum, Pneumoperitoneum, "
        "Subcutaneous Emphysema, Support Devices, Tortuous Aorta"  # NIH, docs/method.md, section 5
    )


def test_a_map_that_names_no_class_is_reported(real_data: Path) -> None:
    update = {"root": real_data / "open_cohort", **TREES}
    data = load("data", DataParams).model_copy(update=update)
    external = dict(load("external", ExternalSets))
    own = external["nih"].labels.model_copy(update={"map": {"Mass": ("Mas",)}})
    external["nih"] = external["nih"].model_copy(update={"labels": own})
    shown = text(check_data(data, external, load("labels", LabelParams)))
    assert "external.nih.labels.map: 'Mass' is to be 'Mas'" in shown
    assert "6 of 7 data sets complete" in shown


def test_published_counts_agree_with_each_other_and_with_the_paper() -> None:
    sizes = [CXR_LT_COUNTS[f"{split}.csv"] for split in ("train", "development", "test")]
    for name, total in COUNTS["metadata"].items():
        assert sum(size[name] for size in sizes) == total
    assert sum(COUNTS["split"].values()) == COUNTS["metadata"]["images"]
    of_2024 = ("train_labeled.csv", "development_labeled_task1.csv", "test_labeled_task1.csv")
    assert sum(CXR_LT_COUNTS[name]["images"] for name in of_2024) == COUNTS["metadata"]["images"]
    assert CXR_LT_POSITIVES["train.csv"] == {
        name: row["train_images"] for name, row in paper_numbers()["tableA2"].items()
    }
    assert list(CXR_LT_POSITIVES["train.csv"]) == list(CXR_LT_2023)
    assert list(CXR_LT_POSITIVES["train_labeled.csv"]) == list(CXR_LT_2024_TASK2)


def test_what_stands_for_the_images_is_missing_and_the_parameter_to_set_is_named(
    copy: Path,
) -> None:
    shown = text(look(copy, watch_images="mimic-cxr-jpg/SHA256SUMS.txt"))
    assert "mimic-cxr-jpg/SHA256SUMS.txt: missing" in shown
    assert "set data.watch_images to a list or a folder that is there" in shown


def look_at(root: Path, **external: dict[str, object]) -> CheckedData:
    """Check the open cohort with entries of external sets added or changed."""
    data = load("data", DataParams).model_copy(update={"root": root, **TREES})
    sets = dict(load("external", ExternalSets))
    for key, changed in external.items():
        sets[key] = sets[key.partition("-")[0]].model_copy(update=changed)
    return check_data(data, sets, load("labels", LabelParams))


def test_two_tables_of_one_source_with_the_same_image_are_refused(
    real_data: Path, tmp_path: Path
) -> None:
    root = linked(real_data, tmp_path, "CheXpert-v1.0")
    other = root / "CheXpert-v1.0" / "small.csv"
    text_of = (root / "CheXpert-v1.0" / "train.csv").read_text()
    other.write_text(text_of.replace("CheXpert-v1.0/", "CheXpert-v1.0-small/"))
    shown = text(
        look_at(root, **{"chexpert-small": {"table": other.name, "test_list": other.name}})
    )
    assert f"{other}: present, but cannot be used" in shown
    assert "external.chexpert and external.chexpert-small: both are of chexpert" in shown


def test_patients_of_the_official_test_are_counted_and_the_list_looked_for(
    real_data: Path, tmp_path: Path
) -> None:
    root = linked(real_data, tmp_path, "ChestX-ray14")
    folder = root / "ChestX-ray14"
    _, first, *_ = (folder / "Data_Entry_2017_v2020.csv").read_text().splitlines()
    (folder / "some.txt").write_text(first.partition(",")[0])
    empty = text(look_at(root))
    assert "test_list.txt: present, but cannot be used" in empty
    assert "external.nih.hold_out_test to false" in empty
    some = text(look_at(root, nih={"test_list": "some.txt"}))
    assert "1 images of the official test (published: 25,596)" in some
    assert "none.txt: missing" in text(look_at(root, nih={"test_list": "none.txt"}))
    (folder / "other.txt").write_text("a.png")
    other = text(look_at(root, nih={"test_list": "other.txt"}))
    assert "other.txt: of 1 row, none belong to" in other


def test_contradictions_are_said(real_data: Path, tmp_path: Path) -> None:
    root = linked(real_data, tmp_path, "ChestX-ray14")
    table = root / "ChestX-ray14" / "Data_Entry_2017_v2020.csv"
    header, first, *rest = table.read_text().splitlines()
    cells = first.split(",")
    table.unlink()
    table.write_text(
        "\n".join([header, ",".join([cells[0], "No Finding|Mass", *cells[2:]]), *rest])
    )
    assert "1 with No Finding beside a finding, which is read as 0" in text(look(root))


def test_curated_labels_that_are_there_are_offered_and_counted_once_named(hospital: Path) -> None:
    path = hospital / "mimic-cxr-jpg" / "mimic-cxr-2.1.0-test-set-labeled.csv"
    with gzip.open(path.with_name("mimic-cxr-2.0.0-chexpert.csv.gz"), "rt") as file:
        studies = [row["study_id"] for row in csv.DictReader(file)][:2]
    path.write_text("\n".join(["study_id,Airspace Opacity", f"{studies[0]},1", f"{studies[1]},"]))
    assert "2 that no model is scored on: name the file in data.curated_tests" in text(
        look_at_mimic(hospital)
    )
    named = text(look_at_mimic(hospital, curated_tests={"radiologists": path.name}))
    assert "2 studies (published: 687)" in named
    assert "no model is scored on" not in named
    missing = look_at_mimic(hospital, curated_tests={"ours": "ours.csv"})
    assert f"{path.with_name('ours.csv')}: missing" in text(missing)


def test_tables_of_race_and_age_are_read_and_counted(hospital: Path) -> None:
    stays = hospital / "mimic-iv-ed" / "ed" / "edstays.csv.gz"
    with gzip.open(stays, "rt") as file:
        rows = list(csv.DictReader(file))
    (hospital / "race.csv").write_text(
        "\n".join(["subject_id,race", *(f"{row['subject_id']},WHITE" for row in rows)])
    )
    known = re.search(
        r"([\d,]+) studies whose race is known", text(look_at_mimic(hospital, demographics=RACE))
    )
    assert known
    assert int(known[1].replace(",", "")) > 0
    (hospital / "race.csv").write_text("subject_id,rasse\n1,WHITE\n")
    assert "race.csv: " in text(look_at_mimic(hospital, demographics=RACE))
    assert "missing" in text(look_at_mimic(hospital, demographics={"age": "hosp/patients.csv.gz"}))


def test_the_files_of_cxr_lt_are_held_against_the_images_and_each_other(copy: Path) -> None:
    folder = copy / load("data", DataParams).cxr_lt
    names = [path.name for path in load("data", DataParams).cxr_lt_files.below(folder).values()]
    train, development = (folder / name for name in names[:2])
    content = train.read_text()
    development.unlink()
    development.write_text(content)
    shown = text(look_at_mimic(copy))
    assert f"is in several splits: {train} and {development}" in shown
    header, *rows = content.splitlines()
    at = header.split(",").index("dicom_id")
    others = [[f"zz{c}" if n == at else c for n, c in enumerate(row.split(","))] for row in rows]
    train.unlink()
    train.write_text("\n".join([header, *map(",".join, others)]) + "\n")
    assert f"{train}: of {len(rows)} rows, none belong to" in text(look_at_mimic(copy))
