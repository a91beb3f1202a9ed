"""The cohort as a whole: bytes, layouts, and what is told about whom."""

import csv
import gzip
import hashlib
import io
import re
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from camchex.contract import tables
from camchex.contract.labels import CXR_LT_2023, MIMIC_14
from camchex.images.decode import read_image
from camchex.sources.external.read import read_images, read_labels
from camchex.sources.mimic import mimic_cxr, mimic_iv_ed
from camchex.sources.mimic.cxr_lt import read_splits
from camchex.synthetic.make import TRUTH, make_cohort
from camchex.synthetic.params import SyntheticParams
from camchex.synthetic.preview import contact_sheet, finding_sheet
from camchex.synthetic.published.mimic import write_mimic
from stages import origin
from stages.make_synthetic import main
from tests.runs.forked import fork_processes
from tests.synthetic.small import small

DIRTY = {"text_dirt": 0.3, "vitals_missing": 0.2, "vitals_dirt": 0.2, "label_noise": 0.1}


@pytest.fixture(scope="module")
def params() -> SyntheticParams:
    return small(**DIRTY)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory, params: SyntheticParams) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    make_cohort(params, folder / "raw", folder / "truth", workers=0)
    return folder


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def read_report(raw: Path, folder: Path) -> str:
    """The report of the study that has this folder of images."""
    with zipfile.ZipFile(raw / "mimic-cxr-reports/mimic-cxr-reports.zip") as archive:
        return archive.read(f"{folder}.txt").decode()


def read(path: Path) -> list[dict[str, str]]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.slow
def test_two_processes_write_the_same_bytes_as_none(
    cohort: Path, params: SyntheticParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork_processes(monkeypatch)
    make_cohort(params, tmp_path / "raw", tmp_path / "truth", workers=2)
    assert digests(tmp_path) == digests(cohort)


def test_a_second_run_replaces_the_first_and_leaves_nothing_else(tmp_path: Path) -> None:
    tiny = small(studies={"train": 1, "development": 1, "test": 1})
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "stale.txt").write_text("old")
    make_cohort(tiny, tmp_path / "raw", tmp_path / "truth", workers=0)
    assert not (tmp_path / "raw" / "stale.txt").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw", "truth"]


def test_the_truth_knows_every_image_of_every_data_set(cohort: Path) -> None:
    truth = tables.read(cohort / "truth" / "truth.parquet", TRUTH)
    raw = cohort / "raw"
    published = {
        "mimic": {row["dicom_id"] for row in read(next(raw.glob("mimic-cxr-jpg/*metadata*")))},
        "chexpert": {
            row["Path"].removeprefix("CheXpert-v1.0/")
            for row in read(raw / "CheXpert-v1.0/train.csv")
        },
        "nih": {row["Image Index"] for row in read(raw / "ChestX-ray14/Data_Entry_2017_v2020.csv")},
        "vindr": {row["image_id"] for row in read(raw / "vinbigdata/train.csv")},
    }
    for key, ids in published.items():
        mine = truth.filter(pc.equal(truth["dataset"], key))
        assert set(mine["image_id"].to_pylist()) == ids, key
    assert [truth[name].null_count for name in CXR_LT_2023] == [0] * len(CXR_LT_2023)
    assert not list(raw.rglob("*.parquet"))


@pytest.mark.parametrize(
    "name",
    [
        "mimic-cxr-jpg/mimic-cxr-2.0.0-metadata.csv.gz",
        "mimic-cxr-jpg/mimic-cxr-2.0.0-split.csv.gz",
        "mimic-cxr-jpg/mimic-cxr-2.0.0-chexpert.csv.gz",
        "mimic-iv-ed/ed/edstays.csv.gz",
        "mimic-iv-ed/ed/triage.csv.gz",
        "mimic-iv-ed/ed/vitalsign.csv.gz",
        "cxr-lt-2023/train.csv",
        "cxr-lt-2023/development.csv",
        "cxr-lt-2023/test.csv",
        "CheXpert-v1.0/train.csv",
        "ChestX-ray14/Data_Entry_2017_v2020.csv",
        "vinbigdata/train.csv",
    ],
)
def test_headers_are_the_published_ones(cohort: Path, real_data: Path, name: str) -> None:
    def header(path: Path) -> list[str]:
        content = path.read_bytes()
        text = gzip.decompress(content) if path.suffix == ".gz" else content
        return text.decode().splitlines()[0].split(",")

    assert header(cohort / "raw" / name) == header(real_data / "open_cohort" / name)


def test_every_published_image_is_there_and_can_be_read(
    cohort: Path, params: SyntheticParams
) -> None:
    raw = cohort / "raw"
    images, _ = mimic_cxr.read_metadata(
        raw / "mimic-cxr-jpg/mimic-cxr-2.0.0-metadata.csv.gz", "mimic-cxr-jpg"
    )
    sets = [
        images,
        read_images("chexpert", raw / "CheXpert-v1.0/train.csv", raw, "CheXpert-v1.0"),
        read_images("nih", raw / "ChestX-ray14/Data_Entry_2017_v2020.csv", raw, "ChestX-ray14"),
        read_images("vindr", raw / "vinbigdata/train.csv", raw, "vinbigdata"),
    ]
    for table in sets:
        for path in table["path"].to_pylist():
            pixels = read_image(raw / path)
            assert max(pixels.shape) == params.image_px
            # Body over air: a DICOM whose black and white are confused would fail.
            assert np.median(pixels) > np.median(pixels[:, :2]), path
    assert images["rows"].to_pylist() == [
        read_image(raw / p).shape[0] for p in images["path"].to_pylist()
    ]


def test_the_numbers_of_studies_and_images_are_those_asked_for(
    cohort: Path, params: SyntheticParams
) -> None:
    raw = cohort / "raw"
    for split, count in params.studies.model_dump().items():
        assert len({row["study_id"] for row in read(raw / f"cxr-lt-2023/{split}.csv")}) == count
    assert len(read(raw / "CheXpert-v1.0/train.csv")) == params.external.chexpert
    assert len(list((raw / "ChestX-ray14/images").iterdir())) == params.external.nih
    assert len(list((raw / "vinbigdata/train").iterdir())) == params.external.vindr
    listed = [
        (raw / "ChestX-ray14" / n).read_text().split()
        for n in ("train_val_list.txt", "test_list.txt")
    ]
    assert len(set(listed[0]) | set(listed[1])) == params.external.nih


def test_the_tables_are_read_as_those_of_the_real_data_sets(cohort: Path) -> None:
    raw = cohort / "raw"
    files = {split: raw / f"cxr-lt-2023/{split}.csv" for split in ("train", "development", "test")}
    labels = read_splits(files, CXR_LT_2023)
    assert labels.num_rows == len(list((raw / "mimic-cxr-jpg/files").rglob("*.jpg")))
    mimic14 = read(raw / "mimic-cxr-jpg/mimic-cxr-2.0.0-chexpert.csv.gz")
    assert {row[name] for row in mimic14 for name in MIMIC_14} <= {"1.0", "0.0", "-1.0", ""}
    assert read_labels("chexpert", raw / "CheXpert-v1.0/train.csv").num_rows == 5
    assert read_labels("nih", raw / "ChestX-ray14/Data_Entry_2017_v2020.csv").num_rows == 4
    assert read_labels("vindr", raw / "vinbigdata/train.csv").num_rows == 4
    folder = raw / "mimic-iv-ed/ed"
    stays = mimic_iv_ed.read_edstays(folder / "edstays.csv.gz")
    assert stays.num_rows == mimic_iv_ed.read_triage(folder / "triage.csv.gz").num_rows > 0
    charted = mimic_iv_ed.read_vitalsign(folder / "vitalsign.csv.gz")
    assert set(charted["stay_id"].to_pylist()) <= set(stays["stay_id"].to_pylist())


def test_every_study_has_a_report_where_the_layout_puts_it(cohort: Path) -> None:
    raw = cohort / "raw"
    for row in read(raw / "cxr-lt-2023/train.csv"):
        folder = Path(row["path"]).parent
        assert re.fullmatch(r"files/p1\d/p1\d{7}/s5\d{7}", str(folder))
        assert "FINAL REPORT" in read_report(raw, folder)


def test_the_archive_of_reports_holds_no_clock_and_no_user(cohort: Path) -> None:
    with zipfile.ZipFile(cohort / "raw/mimic-cxr-reports/mimic-cxr-reports.zip") as archive:
        members = archive.infolist()
        assert archive.testzip() is None
    assert members
    assert {(m.date_time, m.create_system, m.extra) for m in members} == {
        ((1980, 1, 1, 0, 0, 0), 3, b"")
    }
    assert [m.filename for m in members] == sorted(m.filename for m in members)


@pytest.mark.parametrize("name", ["mimic-cxr-jpg", "mimic-cxr-reports"])
def test_the_checksum_list_is_of_every_file(cohort: Path, name: str) -> None:
    folder = cohort / "raw" / name
    subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS.txt"], cwd=folder, check=True
    )
    listed = {line.split("  ")[1] for line in (folder / "SHA256SUMS.txt").read_text().splitlines()}
    files = {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}
    assert listed == files - {"SHA256SUMS.txt"}


def test_three_readers_read_every_image_of_vindr(cohort: Path) -> None:
    readers: dict[str, set[str]] = {}
    nothing: dict[str, set[bool]] = {}
    for row in read(cohort / "raw/vinbigdata/train.csv"):
        readers.setdefault(row["image_id"], set()).add(row["rad_id"])
        nothing.setdefault(row["image_id"], set()).add(row["class_name"] == "No finding")
        assert (row["x_min"] == "") == (row["class_name"] == "No finding")
    assert {len(names) for names in readers.values()} == {3}
    assert all(len(unanimous) == 1 for unanimous in nothing.values())


def test_blank_view_positions_and_times_without_their_zeros_occur(tmp_path: Path) -> None:
    write_mimic(small(studies={"train": 300, "development": 1, "test": 1}), tmp_path)
    rows = read(tmp_path / "mimic-cxr-jpg/mimic-cxr-2.0.0-metadata.csv.gz")
    blank = sum(row["ViewPosition"] == "" for row in rows) / len(rows)
    assert blank == pytest.approx(0.042, abs=0.03)
    assert {row["ViewPosition"] for row in rows} == {"AP", "PA", "LATERAL", "LL", ""}
    assert any(float(row["StudyTime"]) < 10000 for row in rows)
    assert all(float(row["StudyTime"]) % 10000 < 6000 for row in rows)
    splits = read(tmp_path / "mimic-cxr-jpg/mimic-cxr-2.0.0-split.csv.gz")
    assert {row["split"] for row in splits} == {"train", "validate", "test"}
    owners: dict[str, set[str]] = {}
    for row in splits:
        owners.setdefault(row["subject_id"], set()).add(row["split"])
    assert all(len(found) == 1 for found in owners.values())


@pytest.mark.parametrize("informativeness", [0.0, 1.0])
def test_uninformative_text_is_about_somebody_else(tmp_path: Path, informativeness: float) -> None:
    devices = {**small().prevalence, "Support Devices": 0.5}
    params = small(
        studies={"train": 300, "development": 1, "test": 1},
        text_informativeness=informativeness,
        prevalence=devices,
    )
    write_mimic(params, tmp_path)
    said = {True: 0, False: 0}
    total = {True: 0, False: 0}
    for row in {r["study_id"]: r for r in read(tmp_path / "cxr-lt-2023/train.csv")}.values():
        asked = read_report(tmp_path, Path(row["path"]).parent).partition("TECHNIQUE")[0]
        present = row["Support Devices"] == "1"
        words = r"PICC|pacemaker|sternotomy|OGT placed"
        said[present] += re.search(words, asked) is not None
        total[present] += 1
    difference = said[True] / total[True] - said[False] / total[False]
    assert difference == pytest.approx(0.2 if informativeness else 0.0, abs=0.1)


def test_the_stage_reads_its_section_and_writes_both_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, params: SyntheticParams
) -> None:
    sections = {"synthetic": params, "runtime.workers": 0}
    monkeypatch.setattr("stages.make_synthetic.params.load", lambda name, _: sections[name])
    main(raw=tmp_path / "raw", truth=tmp_path / "truth")
    assert origin(tmp_path / "raw") == "synthetic"  # wherever it lies
    assert origin(tmp_path / "truth") == "real"
    assert (tmp_path / "truth/truth.parquet").exists()


@pytest.mark.slow
def test_sheets_are_pictures_whose_bytes_do_not_change(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        contact_sheet(small(studies={"train": 30, "development": 1, "test": 1}), 2, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    finding_sheet(small(), tmp_path / "findings.png")
    sheet = read_image(tmp_path / "findings.png")
    assert sheet.shape[0] > sheet.shape[1] > 1000
