"""What is read of the declared runs, and the means of the pseudo-labels."""

from pathlib import Path

import pytest

from camchex.report.filled_labels import filled_labels
from camchex.report.inputs import ReportInputs, read_lines, read_machines, read_remarks
from tests.report.workspace import SEEDS, write_json


def test_training_curves_are_those_of_the_declared_runs(inputs: ReportInputs) -> None:
    fusions = {run for run in inputs.training["train_loss"] if run.startswith("fusion")}
    assert fusions == {f"fusion_seed{seed}" for seed in SEEDS}
    assert inputs.training["development_mAP"]["gen0"][2] == pytest.approx((2, 0.34))


def test_machines_are_those_of_declared_runs_whose_arithmetic_is_not_portable(
    inputs: ReportInputs, tmp_path: Path
) -> None:
    assert inputs.machines == {}
    own = {"portable": False, "device": "x86_64 AVX512", "devices": 2, "threads": 8, "torch": "2.1"}
    for run, made_with in {"gen0": {"portable": True}, "gen2": own, "fusion_seed7": own}.items():
        write_json(tmp_path / run / "arithmetic.json", made_with)
    said = "device x86_64 AVX512, devices 2, threads 8, torch 2.1"
    assert read_machines(tmp_path, SEEDS) == {"gen2": said}
    assert read_machines(tmp_path, [7]) == {"gen2": said, "fusion_seed7": said}


def test_remarks_are_those_of_declared_runs_that_wrote_them(tmp_path: Path) -> None:
    for run, said in {"gen0": [], "gen2": ["not converged"], "fusion_seed7": ["a spike"]}.items():
        write_json(tmp_path / run / "convergence.json", {"remarks": said})
    assert read_remarks(tmp_path, SEEDS) == {"gen0": [], "gen2": ["not converged"]}
    assert read_remarks(tmp_path, [7])["fusion_seed7"] == ["a spike"]


def test_lines_are_read_by_seed_and_name(tmp_path: Path) -> None:
    folder = tmp_path / "seed4"
    folder.mkdir(parents=True)
    (folder / "precision_recall.csv").write_text("class,recall,precision\nEdema,0.0,1.0\n")
    found = read_lines(tmp_path, [4], "precision_recall", "class recall precision")
    assert found == {4: {"Edema": [(0.0, 1.0)]}}


def test_pseudo_labels_are_averaged_over_the_labels_filled_in() -> None:
    classes = {
        "Edema": {"predicted": 300, "mean": 0.2, "q05": 0.1, "q50": 0.2, "q95": 0.3},
        "Mass": {"predicted": 100, "mean": 0.6, "q05": 0.1, "q50": 0.2, "q95": 0.9},
        "Hernia": {"predicted": 3},
    }
    found = filled_labels({"gen0": {"nih": {"images": 300, "classes": classes}}})["nih"]["gen0"]
    assert found["mean"] == pytest.approx((300 * 0.2 + 100 * 0.6) / 400)
    assert found["width"] == pytest.approx((300 * 0.2 + 100 * 0.8) / 400)
    few = filled_labels({"gen0": {"nih": {"images": 3, "classes": {}}}})["nih"]["gen0"]
    assert (few["mean"], few["width"]) == (None, None)
