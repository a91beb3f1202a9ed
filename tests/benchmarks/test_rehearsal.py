"""The rehearsal: its raw tree held against the published counts, and how it goes on."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import pytest
import rehearsal
from full_size_tree import at_least_once, draw_with_total, take_whole, write_tree
from rehearsal import Rehearsal, rehearse, table

from camchex.check.data_sets import CURATED, check_data
from camchex.contract.yaml_file import yaml_text
from camchex.profiles.profiles import validate_file
from camchex.runs import preloaded
from camchex.sources.mimic import mimic_cxr, mimic_iv_ed
from camchex.synthetic.make import make_cohort
from camchex.synthetic.params import SyntheticParams
from camchex.synthetic.people.patients import Study
from camchex.synthetic.phantom import rendering
from tests.pipeline.test_dvc_yaml import ROOT
from tests.synthetic.small import small

SCALE = Fraction(1, 1024)
STUDIES = {"train": 24, "development": 10, "test": 12}
EXTERNAL = {"chexpert": 24, "nih": 8, "vindr": 24}


def blank_images(study: Study, params: SyntheticParams, _: object) -> list[np.ndarray]:
    return [np.zeros((params.image_px, params.image_px), np.uint8) for _ in study.views]


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small demo of blank images, and the tree that is made from it."""
    folder = tmp_path_factory.mktemp("trees")
    params = small(studies=STUDIES, external=EXTERNAL, in_emergency=0.9, image_px=32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendering, "draw_images", blank_images)
        make_cohort(params, folder / "demo", folder / "truth", workers=0)
    write_tree(folder / "demo", folder / "raw", SCALE)
    return folder / "demo", folder / "raw"


def test_every_table_has_its_share_of_the_published_rows(trees: tuple[Path, Path]) -> None:
    """And is one that the pipeline takes: its ids unique, its patients in one split."""
    params = validate_file(ROOT / "profiles/corrected.yaml")
    data = params.data.model_copy(
        update={
            "root": trees[1],
            "reports": "mimic-cxr-reports/mimic-cxr-reports.zip",
            "curated_tests": {"radiologists": CURATED},
        }
    )
    checked = check_data(data, params.external, params.labels, params.indications)
    assert checked.complete
    compared = {
        (file.path.name, name): (file.table.counts[name], published)
        for one in checked.data_sets
        for file in one.files
        for name, published in file.table.published.items()
        if name in file.table.counts
    }
    assert len(compared) == 30
    whole_patients = {"train", "development", "test", "images of the official test"}
    for (file, name), (found, published) in compared.items():
        expected = max(1, round(published * SCALE))
        allowed = 2 if name in whole_patients else 1  # of splits that are rounded each
        assert abs(found - expected) <= allowed, (file, name)


def test_a_second_tree_has_the_same_bytes(trees: tuple[Path, Path], tmp_path: Path) -> None:
    demo, raw = trees
    write_tree(demo, tmp_path / "raw", SCALE)
    names = sorted(path.relative_to(raw) for path in raw.rglob("*") if path.is_file())
    assert names == sorted(
        path.relative_to(tmp_path / "raw") for path in tmp_path.rglob("*") if path.is_file()
    )
    for name in names:
        assert (raw / name).read_bytes() == (tmp_path / "raw" / name).read_bytes(), name


def test_images_are_names_of_few_pictures_and_none_is_the_demos(trees: tuple[Path, Path]) -> None:
    demo, raw = trees
    pictures = [path for path in raw.rglob("*") if path.suffix in (".jpg", ".png", ".dicom")]
    own = {path.stat().st_ino for path in pictures}
    assert len(own) <= sum(path.suffix in (".jpg", ".png", ".dicom") for path in demo.rglob("*"))
    assert len(pictures) > 5 * len(own)
    assert all(os.stat(path).st_nlink == 1 for path in demo.rglob("*.jpg"))  # noqa: PTH116


def test_stays_move_through_time_with_their_study(trees: tuple[Path, Path]) -> None:
    """So about as large a share of the studies as of the demo's lies within a stay, halved."""
    shares = []
    for root in trees:
        _, studies = mimic_cxr.read_metadata(
            root / "mimic-cxr-jpg/mimic-cxr-2.0.0-metadata.csv.gz", "mimic-cxr-jpg"
        )[:2]
        stays = mimic_iv_ed.read_edstays(root / "mimic-iv-ed/ed/edstays.csv.gz")
        inside = studies.join(stays, "patient_id", join_type="inner").to_pylist()
        found = {
            row["study_id"]
            for row in inside
            if row["intime"] <= row["study_time"] <= row["outtime"]
        }
        shares.append(len(found) / len(studies))
    demo, tree = shares
    assert demo > 0.5
    assert 0.3 * demo < tree < 0.7 * demo


def test_a_report_is_that_of_the_study_whose_images_are_copied(trees: tuple[Path, Path]) -> None:
    demo, raw = (
        zipfile.ZipFile(root / "mimic-cxr-reports/mimic-cxr-reports.zip") for root in trees
    )
    texts = {demo.read(name) for name in demo.namelist()}
    assert {raw.read(name) for name in raw.namelist()} <= texts


@pytest.mark.parametrize("total", [12, 20, 36])
def test_sizes_are_drawn_to_a_total(total: int) -> None:
    sizes = np.array([1, 2, 3, 1])
    chosen = draw_with_total(np.random.default_rng(0), sizes, 12, total)
    assert (len(chosen), sizes[chosen].sum()) == (12, total)


def test_a_total_that_no_draw_has_is_refused() -> None:
    with pytest.raises(ValueError, match="do not sum up to 37"):
        draw_with_total(np.random.default_rng(0), np.array([1, 2, 3]), 12, 37)


def test_every_owner_has_one_thing_at_least_and_is_taken_whole() -> None:
    owner = at_least_once(np.random.default_rng(0), 50, 120)
    sizes = np.bincount(owner)
    assert (len(sizes), sizes.sum(), sizes.min() >= 1) == (50, 120, True)
    assert sizes[take_whole(np.random.default_rng(0), sizes, 30)].sum() == 30


def test_seconds_of_a_stage_are_those_of_its_last_run_and_dvc_takes_the_time_to_the_next(
    tmp_path: Path,
) -> None:
    """A run that was killed has no end; what lies between two runs is nobody's time."""
    one = Rehearsal(tmp_path, Fraction(1, 2))
    one.clone.mkdir(parents=True)
    names = ("first", "second", "third")
    recorded = {name: {"cmd": f"python -m stages.{name} --out 'a b'"} for name in names}
    (one.clone / "dvc.lock").write_text(yaml_text({"stages": recorded}))

    def line(name: str, began: float, seconds: float | None = None) -> dict[str, object]:
        words = [name] if name == "dvc" else ["-m", f"stages.{name}", "--out", "a b"]
        ended = {"seconds": seconds, "status": 0, "read_mb": seconds}
        return {"words": words, "began": began, **(ended if seconds is not None else {})}

    log = [
        *(line("dvc", 0), line("first", 2), line("first", 2, 10), line("second", 13)),
        *(line("dvc", 100), line("second", 101), line("second", 101, 20), line("third", 125)),
        *(line("third", 125, 3), line("dvc", 100, 33)),
    ]
    one.log.write_text("".join(f"{json.dumps(row)}\n" for row in log))
    found = {
        row["stage"]: (row["seconds"], row["dvc_seconds"], row["runs"]) for row in one.stages()
    }
    assert found == {"first": (10, 1, 1), "second": (20, 4, 2), "third": (3, 5, 1)}
    assert one.own_reading() == 33 - 20 - 3


def test_a_command_that_is_ended_leaves_nothing_running(tmp_path: Path) -> None:
    """Not even a process that its own process would leave, as DVC leaves its stage."""
    script = Path(rehearsal.__file__).with_name("measured.py")
    inner = f"touch {tmp_path}/started; sleep 600; touch {tmp_path}/late"
    words = f"import subprocess as s; s.run(['sh', '-c', {inner!r}])"
    log = tmp_path / "log"
    outer = subprocess.Popen([sys.executable, script, log, "-c", words])
    while not (tmp_path / "started").exists():
        time.sleep(0.05)
    (sleeping,) = [
        p for p in psutil.Process(outer.pid).children(recursive=True) if p.name() == "sh"
    ]
    outer.terminate()
    assert outer.wait(60) == 128 + signal.SIGTERM
    sleeping.wait(60)
    begun, ended = map(json.loads, log.read_text().splitlines())
    assert begun["words"] == ended["words"] == ["-c", words]
    assert ended["status"] == -signal.SIGTERM


def test_a_clone_with_other_code_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Rehearsal(tmp_path, SCALE)
    one.raw.mkdir(parents=True)
    one.clone.mkdir()
    monkeypatch.setattr(rehearsal, "_commit", lambda _: "0123456789")
    with pytest.raises(SystemExit, match=r"cloned at commit 01234567.*delete"):
        one.prepare()


@pytest.mark.slow
def test_a_rehearsal_goes_on_where_it_was_stopped(
    trees: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(preloaded.ADDRESS, raising=False)  # what a stage takes is its own process's
    one = Rehearsal(tmp_path, SCALE, trees[0])
    one.prepare()
    for lock in one.clone.rglob("dvc.lock"):  # which DVC would write anew, in full, for each stage
        lock.unlink()
    one.run(["ingest_external@nih"])
    result = rehearse(Rehearsal(tmp_path, SCALE, trees[0]), ["ingest_external@vindr"])
    stages = {row["stage"]: row for row in result["stages"]}
    assert list(stages) == ["ingest_external@nih", "ingest_external@vindr"]
    for row in stages.values():
        assert row["runs"] == 1
        assert row["peak_mb"] > 20
        assert row["read_mb"] > 1
    assert all(not cost["status"] for cost in result["nothing_to_do"].values())
    assert result["dvc"]["outputs_not_linked_mb"] == 0
    assert "| ingest_external@vindr |" in table(result)
    assert json.loads(one.result.read_text())["stages"] == result["stages"]
