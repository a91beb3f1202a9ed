"""What people's raw data have wrong: one message that names it, exit status 1, no traceback."""

import csv
import gzip
import io
import json
import shlex
import shutil
import signal
import sys
import zipfile
from collections.abc import Callable
from contextlib import redirect_stderr
from importlib import import_module
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from lightning.pytorch.utilities.exceptions import SIGTERMException

import stages
from camchex.contract.yaml_file import read_yaml, yaml_text
from tests.fuzz.targets import MIMIC, write_cohort
from tests.pipeline.test_dvc_yaml import HEADLINE, ROOT

RAW = Path("data/synthetic/raw")
PARAMS = ("evaluation.min_cell", 1), ("images.size", 16), ("runtime.workers", 0)
Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small cohort and its canonical tables, as the stages write them."""
    folder = tmp_path_factory.mktemp("whole")
    write_cohort(folder / RAW)
    shutil.copy(ROOT / "params.yaml", folder)
    for key, value in PARAMS:
        set_parameter(folder, key, value)
    for stage in ("ingest_mimic", "prepare_images_mimic", "extract_indications", "link_vitals"):
        assert run(folder, stage) == (0, "")
    return folder


@pytest.fixture
def project(whole: Path, tmp_path: Path) -> Path:
    """The same for one test to spoil; an archive stays open by its path, which is new here."""
    folder = shutil.copytree(whole, tmp_path / "project")
    set_parameter(folder, "data.root", str(folder / RAW))
    return folder


def run(folder: Path, stage: str) -> tuple[int, str]:
    """Run the command of a stage of dvc.yaml in ``folder``: its exit status, and what it says."""
    _, _, module, *words = shlex.split(HEADLINE[stage].cmd)
    main = import_module(module).main
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(io.StringIO()) as said:
        patch.chdir(folder)
        patch.setattr(sys, "argv", [module, *words])
        with pytest.raises(SystemExit) as end:
            stages.run(main)
    return int(end.value.code or 0), said.getvalue()


def test_a_stage_that_was_asked_to_end_does_not_end_as_if_it_were_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ended() -> None:
        raise SIGTERMException  # as Lightning does: without a status

    monkeypatch.setattr(sys, "argv", ["stage"])
    with pytest.raises(SystemExit) as end:
        stages.run(ended)
    assert end.value.code == 128 + signal.SIGTERM


def refusal(folder: Path, stage: str) -> str:
    """What a stage that must fail says."""
    status, said = run(folder, stage)
    assert status == 1
    assert said.startswith("error: ")
    return said


def set_parameter(folder: Path, key: str, value: object) -> None:
    content = read_yaml(folder / "params.yaml")
    *above, last = key.split(".")
    section = content
    for name in above:
        section = section[name]
    section[last] = value
    (folder / "params.yaml").write_text(yaml_text(content))


def read_rows(path: Path) -> Rows:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def write_rows(path: Path, rows: Rows) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    content = text.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def change(path: Path, how: Callable[[Rows], Rows]) -> None:
    write_rows(path, how(read_rows(path)))


def test_a_missing_folder(project: Path) -> None:
    shutil.rmtree(project / RAW / "mimic-iv-ed")
    message = refusal(project, "link_vitals")
    assert "edstays.csv.gz: no such file. `camchex check` says where to get it" in message


def test_a_table_without_a_needed_column(project: Path) -> None:
    metadata = project / RAW / f"{MIMIC}-metadata.csv.gz"
    without = lambda rows: [{k: v for k, v in r.items() if k != "ViewPosition"} for r in rows]  # noqa: E731
    change(metadata, without)
    message = refusal(project, "ingest_mimic")
    assert "mimic-cxr-2.0.0-metadata.csv.gz: no column ViewPosition" in message


def test_an_image_without_a_study(project: Path) -> None:
    metadata = project / RAW / f"{MIMIC}-metadata.csv.gz"
    gone = read_rows(metadata)[0]["dicom_id"]
    change(metadata, lambda rows: rows[1:])
    message = refusal(project, "ingest_mimic")
    assert f"image {gone} of study" in message
    assert "image without study" in message


def test_a_patient_in_two_splits(project: Path) -> None:
    train, test = (project / RAW / f"cxr-lt-2023/{name}.csv" for name in ("train", "test"))
    rows = read_rows(train)
    several = next(
        r
        for r in rows
        if len({o["study_id"] for o in rows if o["subject_id"] == r["subject_id"]}) > 1
    )
    study, patient = several["study_id"], several["subject_id"]
    moved = [r for r in rows if r["study_id"] == study]
    write_rows(train, [r for r in rows if r["study_id"] != study])
    change(test, lambda others: others + moved)
    message = refusal(project, "ingest_mimic")
    assert f"patient {patient} is in several splits" in message
    assert "train.csv" in message
    assert "test.csv" in message


def cut_a_jpeg(project: Path) -> str:
    path = next(iter(sorted((project / RAW / "mimic-cxr-jpg/files").rglob("*.jpg"))))
    path.write_bytes(path.read_bytes()[:-40])
    return path.stem


def test_a_truncated_jpeg_above_the_declared_fraction(project: Path) -> None:
    image = cut_a_jpeg(project)
    message = refusal(project, "prepare_images_mimic")
    assert image in message
    assert "images.max_unreadable" in message


def test_a_truncated_jpeg_below_the_declared_fraction_is_quarantined(project: Path) -> None:
    image = cut_a_jpeg(project)
    set_parameter(project, "images.max_unreadable", 0.5)
    assert run(project, "prepare_images_mimic")[0] == 0
    (row,) = pq.read_table(project / "data/images/mimic/quarantine.parquet").to_pylist()
    assert row["image_id"] == image
    assert row["reason"]
    counts = json.loads((project / "metrics/data/images_mimic.json").read_text())
    assert counts["images"] == counts["prepared"] + 1
    assert sum(counts["unreadable"].values()) == 1


def test_a_study_without_a_report_is_counted(project: Path) -> None:
    path = project / RAW / "mimic-cxr-reports/mimic-cxr-reports.zip"
    with zipfile.ZipFile(path) as archive:
        _, *others = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in others:
            archive.writestr(name, content)
    assert run(project, "extract_indications")[0] == 0
    counts = json.loads((project / "metrics/data/indications.json").read_text())
    assert counts["outcomes"]["report_missing"] == 1


def test_an_unknown_key(project: Path) -> None:
    set_parameter(project, "indications.claener", "none")
    assert "params.yaml: indications.claener" in refusal(project, "extract_indications")


@pytest.mark.slow
def test_a_negative_number_of_layers(project: Path) -> None:
    set_parameter(project, "fusion.layers", -1)
    assert "fusion.layers" in refusal(project, "train_fusion@0")
