"""Cohorts of several sizes: what each is made with, and what is written; nothing is trained."""

import os
import shlex
import signal
import threading
from argparse import Namespace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ablations import cohort_size, reading_gain
from ablations.cohorts import changed_parameters
from camchex.aggregates.results import read_results
from camchex.contract import params, schemas, tables
from camchex.contract.labels import LabelParams
from camchex.contract.tables import predictions_table
from camchex.fusion.section import FusionParams
from camchex.noisy_student.params import NoisyStudentParams
from camchex.scores.labelled_split import labelled_split
from camchex.scores.metrics import macro, score_classes
from camchex.synthetic.params import SyntheticParams
from camchex.training.params import AugmentationParams, load_section
from tests.pipeline.test_dvc_yaml import STAGES
from tests.synthetic.test_ceiling_stage import write_cohort, write_parameters

NAMES = {
    "make_synthetic": "data/synthetic/dvc.yaml:make_synthetic",
    "prepare_images": "prepare_images_mimic",
}


@pytest.mark.parametrize("name", cohort_size.DATA)
def test_the_data_stages_have_the_paths_of_the_pipeline(name: str) -> None:
    words = shlex.split(STAGES[NAMES.get(name, name)].cmd)
    given = {
        option.removeprefix("--").replace("-", "_"): Path(value)
        for option, value in zip(words[3::2], words[4::2], strict=True)
    }
    assert given == cohort_size.DATA[name]


def options(out: Path, *words: str) -> Namespace:
    return cohort_size._options(["--out", str(out), *words])


@pytest.mark.parametrize("synergy", [0.0, 1.0])
@pytest.mark.parametrize("size", [1300, 20800])
def test_parameters_are_valid_and_every_size_takes_as_many_steps(
    size: int, synergy: float, tmp_path: Path
) -> None:
    settings, epochs = cohort_size.settings_of(options(tmp_path), size, synergy, 3)
    path = tmp_path / "params.yaml"
    path.write_text(changed_parameters(settings))
    fusion = load_section("fusion", FusionParams, path)
    teacher = load_section("noisy_student", NoisyStudentParams, path).teacher
    for training, samples, steps in ((fusion.training, 1.0, 500), (teacher, 1.67, 600)):
        epoch = size * samples / training.batch_size
        assert abs(training.epochs * epoch - steps) <= epoch / 2  # whole epochs
    assert not fusion.freeze_encoders
    assert epochs["fusion.training"] == fusion.training.epochs
    synthetic = params.load("synthetic", SyntheticParams, path)
    assert (synthetic.synergy, synthetic.label_leak) == (synergy, 0.0)
    assert synthetic.studies.train == size
    flips = params.load("augmentation", AugmentationParams, path).flip_p
    assert (flips == 0) == (synergy > 0)


def test_time_that_is_over_leaves_a_result_that_names_what_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def over(*_: object, **__: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(cohort_size.Runner, "start", over)
    words = ["--sizes", "60", "--synergy", "0", "1", "--minutes", "0", "--out", str(tmp_path)]
    assert cohort_size.main(words) == 1
    found = read_results(tmp_path / "cohort_size.json")
    assert found["cohorts"] == []
    assert [one.partition(" ")[0] for one in found["not_finished"]] == [
        "60_synergy0",
        "60_synergy1",
    ]
    assert "60_synergy1" in (tmp_path / "cohort_size.md").read_text()


def test_a_run_that_is_asked_to_end_stops_what_it_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's request, as of a scheduler, ends a run as Ctrl-C does."""
    stopped = threading.Event()

    def run(_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopped.wait(60)

    monkeypatch.setattr(cohort_size.CohortRun, "run", run)
    monkeypatch.setattr(cohort_size.Runner, "stop", lambda _: stopped.set())
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(KeyboardInterrupt):
            cohort_size.main(["--sizes", "60", "--synergy", "0", "--out", str(tmp_path)])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert stopped.is_set()


def test_gains_are_those_of_readings_whose_scores_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Joint reading that gives the labels themselves, beside models that give one number to all."""
    monkeypatch.chdir(tmp_path)
    synthetic = write_parameters(tmp_path, {"train": 2, "development": 5, "test": 60}, 1.0)
    write_cohort(tmp_path, {"train": 2, "development": 5, "test": 60}, synthetic, ())
    monkeypatch.setattr(reading_gain, "TRUTH", Path("truth/truth.parquet"))
    monkeypatch.setattr(reading_gain, "COHORT", Path("cohort.parquet"))
    monkeypatch.setattr(reading_gain, "CEILING", Path("ceiling.npz"))
    classes = params.load("labels", LabelParams).classes
    cohort = tables.read(reading_gain.COHORT, schemas.cohort(classes))
    test = labelled_split(cohort, "test", classes)
    for name in (reading_gain.JOINT, *reading_gain.INPUTS):
        joint = name == reading_gain.JOINT
        told = test.labels if joint else np.full_like(test.labels, 0.5)
        found: pa.Table = predictions_table(
            test.table["study_id"], test.table["split"], told.astype(np.float32), classes
        )
        out = reading_gain.PREDICTIONS / name / "seed0.parquet"
        tables.write(found, out, schemas.predictions(classes))
    reading_gain.write_ceiling()
    reading_gain.write_gains([0], tmp_path / "gains.json")
    gains = read_results(tmp_path / "gains.json")["gains"]
    chance = {q: test.labels[:, q].mean() for q in range(len(classes))}
    scored = [q for q, share in chance.items() if 0 < share < 1]
    shared = [q for q in scored if classes[q] in reading_gain.SHARED]
    for rule in reading_gain.RULES:
        for name, rows in (("macro", scored), ("shared", shared)):
            row = gains[rule]["ours"]["means"][name]
            assert row["AP"]["difference"] == pytest.approx(
                1 - np.mean([chance[q] for q in rows]), abs=1e-5
            )
            assert row["AUROC"]["difference"] == pytest.approx(0.5)
    best = np.load(reading_gain.CEILING)[reading_gain.JOINT]
    expected = macro(score_classes(test.labels, best, classes).values()).ap
    assert gains["mean"]["best"]["means"]["macro"]["AP"]["right"] == pytest.approx(
        expected, abs=1e-5
    )
    cohorts = [{"studies": 2, "synergy": 1.0, "seeds": [0], "gains": gains}]
    text = reading_gain.gains_text(
        {"title": "", "cohorts": cohorts, "not_finished": ["one (data)"]}
    )
    assert "| 2 | 1 | 1 | separate models, mean | findings of shared shadows | +" in text
