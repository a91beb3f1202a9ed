"""``camchex predict`` of many studies: exit status, messages, and one study by several models."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from camchex.cli import app as cli
from camchex.many_studies.asked import AskedImage, AskedStudy
from camchex.many_studies.ensemble import load_ensemble
from camchex.many_studies.predict_studies import predict_rows
from camchex.many_studies.reading import read_study
from tests.many_studies.test_dicom_folder import image
from tests.many_studies.test_predict_studies import xray
from tests.networks.small import CLASSES

Command = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.slow  # imports the networks


@pytest.fixture
def predict(
    models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """Run ``camchex predict`` with a small model in a folder of its own."""
    (tmp_path / "models").mkdir(exist_ok=True)
    (tmp_path / "models/fusion").symlink_to(models)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["camchex", "predict", *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return (int(left.value.code or 0), *capsys.readouterr())

    return run


def test_the_exit_status_says_whether_every_study_was_predicted(
    predict: Command, tmp_path: Path
) -> None:
    xray(tmp_path / "a.png", 1)
    table = tmp_path / "studies.csv"
    table.write_text("study_id,images,views\n1,a.png,PA\n")
    status, said, note = predict("--table", "studies.csv", "--out", "good.csv")
    assert (status, said) == (0, "wrote good.csv: 1 predicted, 0 refused, 0 set aside\n")
    assert "not a medical device" in note
    assert "has no calibration beside it" in note
    table.write_text("study_id,images,views\n1,a.png,PA\n2,lost.png,PA\n3,a.png,XX\n")
    status, said, note = predict("--table", "studies.csv", "--out", "bad.csv")
    assert (status, said) == (3, "wrote bad.csv: 1 predicted, 0 refused, 2 set aside\n")
    assert "column 'views': 1 wrong, the first: 'XX'" in note
    assert "2 (row 2): set aside: lost.png: no such file" in note


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--table", "studies.csv"], "--out FILE is missing"),
        (["--table", "studies.csv", "--out", "a.xlsx"], "ends in .csv, .jsonl, .parquet"),
        (["--table", "nowhere.csv", "--out", "a.csv"], "nowhere.csv: no such file"),
        (["--dicom", "nowhere", "--out", "a.csv"], "nowhere: no such folder"),
        (["--dicom", ".", "--table", "a.csv", "--out", "a.csv"], "--table with --dicom"),
        (["--table", "a.csv", "--frontal", "a.png", "--out", "a.csv"], "--frontal"),
        (["--table", "a.csv", "--out", "b.csv", "--json"], "--json: has no effect here"),
        (["--frontal", "a.png", "--out", "a.csv", "--format", "fhir"], "--out, --format: has no"),
        (["--frontal", "a.png", "--accelerator", "cuda"], "--accelerator: has no effect here"),
        (["--model", "a", "--model", "b", "--decisions"], "--decisions: has no effect here"),
        (["--frontal", "a.png", "--calibration", "."], "error: .: Is a directory"),
    ],
)
def test_what_cannot_be_done_is_one_message(
    predict: Command, words: list[str], complaint: str
) -> None:
    status, said, error = predict(*words)
    assert (status, said) == (1, "")
    assert error.startswith("error: ")
    assert complaint in error


def test_a_folder_that_cannot_be_written_is_one_message(predict: Command, tmp_path: Path) -> None:
    (tmp_path / "studies.csv").write_text("study_id\n1\n")
    status, said, error = predict("--table", "studies.csv", "--out", "studies.csv/out.csv")
    assert (status, said) == (1, "")
    assert error.splitlines()[-1] == "error: studies.csv: File exists"


def test_other_formats_are_never_written_over(predict: Command, tmp_path: Path) -> None:
    xray(tmp_path / "a.png", 1)
    (tmp_path / "studies.csv").write_text("study_id,images,views\n1,a.png,PA\n")
    words = ("--table", "studies.csv", "--out", "out.csv", "--format", "fhir")
    assert predict(*words)[0] == 0
    (tmp_path / "out.csv").rename(tmp_path / "kept.csv")
    status, said, error = predict(*words)
    assert (status, said) == (1, "")
    assert "out.csv.about.json: is there already" in error
    (tmp_path / "out.csv.about.json").rename(tmp_path / "kept.csv.about.json")
    status, said, error = predict(*words)
    assert (status, said) == (1, "")
    assert "out.csv.fhir.jsonl: is there already" in error
    (tmp_path / f".camchex/out.csv-{'0' * 16}").mkdir()  # of a run that was killed
    assert predict(*words)[0] == 0


def test_an_indication_of_another_coding_is_a_wrong_option(predict: Command) -> None:
    status, said, error = predict("--indication", "M\udcfcdigkeit")
    assert (status, said) == (2, "")
    assert "is not UTF-8" in error


def test_a_pipe_in_place_of_an_image_is_not_waited_for(predict: Command, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    status, said, error = predict("--frontal", "pipe.png")
    assert (status, said) == (1, "")
    assert "pipe.png: cannot be opened: not a file" in error


def test_a_dicom_folder_is_predicted(predict: Command, tmp_path: Path) -> None:
    image(tmp_path / "dicom", "a", ViewPosition="PA")
    image(tmp_path / "dicom", "b", StudyInstanceUID="1.3", BodyPartExamined="HAND")
    (tmp_path / "dicom/notes.txt").write_text("text")
    status, said, note = predict("--dicom", "dicom", "--out", "out.parquet")
    assert (status, said) == (3, "wrote out.parquet: 1 predicted, 1 refused, 0 set aside\n")
    assert "1 file left out: not a DICOM file" in note
    first, second = pq.read_table("out.parquet").to_pylist()
    assert first["view_sources"] == ["ViewPosition"]
    assert "another body part: HAND" in second["reason"]


def test_one_study_by_two_models_is_a_row_of_the_same_numbers(
    predict: Command, tmp_path: Path
) -> None:
    path = xray(tmp_path / "a.png", 1)
    models = [f"models/fusion/seed{n}" for n in (0, 1)]
    words = [w for model in models for w in ("--model", model)] + ["--frontal", "a.png"]
    status, said, _ = predict(*words, "--json")
    assert status == 0
    many = load_ensemble([*map(Path, models)])
    asked = AskedStudy("", 1, (AskedImage(path, "frontal"),))
    (row,) = predict_rows(many, [read_study(asked, many.how)])
    found = json.loads(said)
    for name in CLASSES:
        assert found[name] == row[name]
        assert found[f"{name}.lowest"] <= found[name] <= found[f"{name}.highest"]
    _, shown, _ = predict(*words)
    first = max(CLASSES, key=lambda name: row[name])
    assert shown.split("\n")[1].split()[0] == first
    assert f"{row[first]:.3f}" in shown.splitlines()[1]
    status, _, error = predict(*words[:4])
    assert (status, error.splitlines()[-1]) == (1, "error: not enough to go on: no image")
