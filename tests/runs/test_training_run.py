"""A run is keyed by what it follows from, trains once at a time, and publishes what is whole."""

import os
import shutil
import subprocess
import sys
import time
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from camchex.contract.yaml_file import read_yaml, yaml_text
from camchex.errors import DataError
from camchex.runs import training_run
from camchex.runs.scratch import scratch_folder
from camchex.runs.training_run import Run, code_behind, fingerprint, publish, run_once
from camchex.training.checkpoint import CHECKPOINT
from stages import train_teacher
from tests.pipeline.code_of_stages import IMPORTS, source
from tests.runs.forked import BESIDE_THREADS
from tests.training.demo import ROOT, TEACHER, write_demo
from tests.training.factories import AUGMENTATION, TRAINING


@pytest.fixture
def run(tmp_path: Path) -> Run:
    stage = tmp_path / "stage.py"
    stage.write_text("code = 1")
    table = tmp_path / "cohort.parquet"
    table.write_text("rows")
    store = tmp_path / "store"
    store.mkdir()
    for name in ("shards.json", "index.arrow", "shard-00000.arrow"):
        (store / name).write_text(name)
    return Run(
        stage=stage,
        inputs=[table, store],
        parameters=[TRAINING, AUGMENTATION],
        outputs=[tmp_path / "out" / "gen0", tmp_path / "curves"],
        scratch=tmp_path / "scratch",
    )


def with_seed(run: Run, seed: int) -> Run:
    parameters = [TRAINING.model_copy(update={"seed": seed}), AUGMENTATION]
    return Run(run.stage, run.inputs, parameters, run.outputs, run.scratch)


def write_outputs(run: Run, text: str = "weights") -> None:
    for folder in run.outputs:
        publish(folder, lambda path: (path / "file").write_text(text) and None)


def test_the_key_changes_with_code_inputs_and_parameters(run: Run) -> None:
    keys = {fingerprint(run), fingerprint(with_seed(run, 99))}
    run.inputs[0].write_text("other rows")
    keys.add(fingerprint(run))
    (run.inputs[1] / "index.arrow").write_text("other images")
    keys.add(fingerprint(run))
    run.stage.write_text("other = 2")
    keys.add(fingerprint(run))
    assert len(keys) == 5
    assert fingerprint(run) in keys


def test_the_code_of_the_package_is_part_of_the_key(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "camchex"
    package.mkdir()
    run.stage.write_text("import os\nfrom camchex.loss import loss\n")
    (package / "loss.py").write_text("def loss():\n    import camchex.deep\n")
    for name in ("deep.py", "report.py"):
        (package / name).write_text("one = 1")
    monkeypatch.setattr(training_run, "CODE", package)
    before = fingerprint(run)
    (package / "report.py").write_text("two = 2")  # not imported here
    assert fingerprint(run) == before
    (package / "deep.py").write_text("two = 2")
    assert fingerprint(run) != before


@pytest.mark.parametrize("stage", ["train_teacher", "train_fusion", "predict"])
def test_the_code_behind_a_stage_is_what_grimp_finds(stage: str) -> None:
    """Whoever started the stage, and whatever that process had imported for others."""
    found = {path.relative_to(ROOT).as_posix() for path in code_behind(ROOT / f"stages/{stage}.py")}
    packages = {path for path in found if path.endswith("/__init__.py")}
    modules = IMPORTS.find_upstream_modules(f"stages.{stage}")
    expected = {source(name) for name in modules if name.startswith("camchex.")}
    expected.remove("camchex/runs/preloaded.py")  # by which a stage starts
    assert found - packages == {path for path in expected if not path.endswith("/__init__.py")}


def test_the_images_of_a_store_are_not_read_for_the_key(run: Run) -> None:
    before = fingerprint(run)
    (run.inputs[1] / "shard-00000.arrow").write_text("its checksum is in shards.json")
    assert fingerprint(run) == before


def test_a_missing_input_is_an_error_that_names_it(run: Run) -> None:
    run.inputs[0].unlink()
    with pytest.raises(DataError, match=r"cohort\.parquet"):
        fingerprint(run)


def test_a_stopped_run_finds_its_folder_again_and_a_finished_one_leaves_none(run: Run) -> None:
    folders = []

    def stopped(folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "last").write_text("epoch 1")
        folders.append(folder)
        raise KeyboardInterrupt

    def finished(folder: Path) -> None:
        assert (folder / "last").read_text() == "epoch 1"
        folders.append(folder)
        write_outputs(run)

    with pytest.raises(KeyboardInterrupt):
        run_once(run, stopped)
    run_once(run, finished)
    assert folders[0] == folders[1]
    assert not folders[0].exists()
    assert (run.outputs[0] / "file").read_text() == "weights"


def test_other_parameters_never_resume_an_old_checkpoint_and_delete_it(run: Run) -> None:
    def stopped(folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "last").write_text("old")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_once(run, stopped)
    other = run.scratch / "another-run-0123456789abcdef"
    other.mkdir()
    seen = []

    def train(folder: Path) -> None:
        seen.extend(path for path in run.scratch.rglob("last"))
        assert not folder.exists()
        write_outputs(run)

    run_once(with_seed(run, 99), train)
    assert not seen
    assert other.exists()


def trainings(run: Run) -> int:
    """How often a run trains when it is asked to."""
    calls = []

    def train(folder: Path) -> None:
        calls.append(folder)
        write_outputs(run)

    run_once(run, train)
    return len(calls)


def test_what_is_published_is_not_trained_again_unless_it_or_its_key_changed(run: Run) -> None:
    assert trainings(run) == 1
    assert trainings(run) == 0
    (run.outputs[0] / "file").write_text("damaged")
    assert trainings(run) == 1
    assert trainings(with_seed(run, 99)) == 1
    assert trainings(run) == 1
    (run.outputs[1] / "file").unlink()
    (run.outputs[1]).rmdir()
    assert trainings(run) == 1


def test_a_run_killed_while_it_writes_its_record_trains_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(_: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", dies)
        with pytest.raises(KeyboardInterrupt):
            trainings(run)
    assert trainings(run) == 1
    assert trainings(run) == 0


def test_a_run_killed_once_it_is_recorded_leaves_nothing_when_asked_again(run: Run) -> None:
    assert trainings(run) == 1
    left = scratch_folder(run.outputs[0], fingerprint(run), run.scratch)
    left.mkdir()
    assert trainings(run) == 0
    assert not left.exists()


def test_another_device_does_not_train_what_is_published(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trainings(run) == 1
    monkeypatch.setattr(training_run, "first_device", lambda: False)
    assert trainings(run) == 0


def test_only_the_first_device_locks_and_publishes(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(training_run, "first_device", lambda: False)
    seen = []
    run_once(run, seen.append)
    publish(tmp_path / "never", seen.append)
    assert [folder.parent for folder in seen] == [run.scratch]
    assert not run.scratch.exists()
    assert not (tmp_path / "never").exists()


def train_beside_another(run: Run, log: Path, ready: Barrier) -> None:
    """Train for two seconds, from when another process is about to as well."""

    def train(_: Path) -> None:
        with log.open("a") as file:
            file.write("start\n")
        time.sleep(2)
        with log.open("a") as file:
            file.write("end\n")
        write_outputs(run)

    ready.wait(60)
    run_once(run, train)


@BESIDE_THREADS
def test_two_processes_train_one_after_the_other_and_only_once(
    run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    context = get_context("fork")  # which imports nothing again
    words = run, tmp_path / "log", context.Barrier(2)
    both = [context.Process(target=train_beside_another, args=words) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
    said = capfd.readouterr().err
    assert [process.exitcode for process in both] == [0, 0], said
    assert (tmp_path / "log").read_text() == "start\nend\n"
    assert said.count("another process trains this; waiting") == 1
    assert said.count("already trained") == 1


STAGE = [*TEACHER, "--out", "models/gen0", "--curves", "curves"]


@pytest.mark.slow
@BESIDE_THREADS
def test_a_stage_killed_between_two_epochs_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    straight.mkdir()
    write_demo(straight)
    params = read_yaml(straight / "params.yaml")
    params["noisy_student"]["teacher"]["epochs"] = 8
    (straight / "params.yaml").write_text(yaml_text(params))
    (straight / "stages").symlink_to(ROOT / "stages")
    shutil.copytree(straight, killed, symlinks=True)
    monkeypatch.chdir(straight)
    train_teacher.main(*(Path(path) for path in STAGE[3::2]))

    monkeypatch.chdir(killed)
    process = get_context("fork").Process(
        target=train_teacher.main, args=[Path(path) for path in STAGE[3::2]]
    )
    process.start()
    while not list(killed.glob(f".camchex/scratch/*/{CHECKPOINT}")):
        assert process.is_alive(), "it ended before it could be killed"
        time.sleep(0.01)
    process.kill()
    process.join()
    assert not (killed / "models").exists()

    done = subprocess.run(
        [sys.executable, *STAGE], cwd=killed, check=True, capture_output=True, text=True
    )
    assert "epoch 1/8" not in done.stderr
    assert "epoch 8/8" in done.stderr
    for name in ("models/gen0", "curves"):
        files = {p.name: p.read_bytes() for p in (straight / name).iterdir()}
        assert files == {p.name: p.read_bytes() for p in (killed / name).iterdir()}


@pytest.mark.slow
def test_two_devices_train_one_network_and_publish_it_once(tmp_path: Path) -> None:
    write_demo(tmp_path)
    params = read_yaml(tmp_path / "params.yaml")
    params["runtime"]["devices"] = 2
    (tmp_path / "params.yaml").write_text(yaml_text(params))
    (tmp_path / "stages").symlink_to(ROOT / "stages")
    done = subprocess.run(
        [sys.executable, *STAGE], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert "MEMBER: 2/2" in done.stderr
    assert done.stderr.count("epoch 2/2") == 1
    assert {p.name for p in (tmp_path / "models/gen0").iterdir()} == {
        "config.json",
        "model.safetensors",
    }
    rows = (tmp_path / "curves/development_mAP.tsv").read_text().splitlines()
    assert len(rows) == 1 + params["noisy_student"]["teacher"]["epochs"]
    assert {p.suffix for p in (tmp_path / ".camchex/scratch").iterdir()} == {".lock", ".json"}
