"""Structured reports of DICOM and JSON of FHIR: valid, from the results, and the same again."""

import json
import shutil
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fhir.resources.diagnosticreport import DiagnosticReport
from fhir.resources.R4B.diagnosticreport import DiagnosticReport as DiagnosticReportR4B
from highdicom.sr import srread
from pydicom import dcmread

from camchex.scores.calibration_file import Calibration, Platt, write_calibration
from tests.many_studies.test_command import Command, predict
from tests.many_studies.test_dicom_folder import image
from tests.many_studies.test_predict_studies import xray
from tests.networks.small import CLASSES

pytestmark = pytest.mark.slow  # imports the networks
__all__ = ["predict"]  # a fixture
NAME = "Müller^Jörg"
FIRST = {
    "StudyInstanceUID": "1.2.1",
    "SeriesInstanceUID": "1.2.1.1",
    "SOPInstanceUID": "1.2.1.1.1",
    "SpecificCharacterSet": "ISO_IR 100",
    "PatientName": NAME,
    "PatientID": "synthetic",
    "StudyDate": "20200102",
    "StudyTime": "030405",
    "ViewPosition": "PA",
}
SECOND = {"StudyInstanceUID": "1.2.2", "SeriesInstanceUID": "1.2.2.1", "ViewPosition": "PA"}
MORE = {"SOPInstanceUID": "1.2.1.1.2", "ViewPosition": "LL"}
TRIAL = ["--dicom", "dicom", "--format", "sr", "--format", "fhir", "--out"]


@pytest.fixture
def dicom(tmp_path: Path) -> Path:
    """Three studies, of which one is refused; the first finding has no thresholds."""
    image(tmp_path / "dicom", "a", **FIRST)
    image(tmp_path / "dicom", "ab", **{**FIRST, **MORE})
    image(tmp_path / "dicom", "abc", **SECOND)
    image(tmp_path / "dicom", "hand", StudyInstanceUID="1.2.3", BodyPartExamined="HAND")
    (tmp_path / "models/calibration").mkdir(parents=True)
    limits = {"max_f1": 0.01, "specificity_90": 0.99}
    fitted = Calibration(
        classes={name: Platt(intercept=0, slope=1) for name in CLASSES},
        temperature=1,
        thresholds=dict.fromkeys(CLASSES[1:], limits)
        | {CLASSES[0]: {"max_f1": None, "specificity_90": None}},
    )
    write_calibration(fitted, tmp_path / "models/calibration/seed0.json")
    return tmp_path


def reports(folder: Path) -> dict[str, Path]:
    found = {str(dcmread(path).StudyInstanceUID): path for path in folder.iterdir()}
    assert len(found) == len([*folder.iterdir()])
    return found


def test_a_report_holds_the_results_of_its_study(predict: Command, dicom: Path) -> None:
    status, said, _ = predict(*TRIAL, "a.parquet")
    assert (status, said) == (3, "wrote a.parquet: 2 predicted, 1 refused, 0 set aside\n")
    row = pq.read_table("a.parquet").to_pylist()[0]
    found = reports(dicom / "a.parquet.sr")
    assert set(found) == {"1.2.1", "1.2.2"}
    report = srread(found["1.2.1"])
    assert found["1.2.1"].stem == report.SOPInstanceUID
    assert (report.PatientName, report.PatientID) == (NAME, "synthetic")
    assert (report.ContentDate, report.ContentTime) == ("20200102", "030405")
    assert "not a medical device" in report.SeriesDescription
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    named = {item.ReferencedSOPInstanceUID for item in series.ReferencedSOPSequence}
    assert (series.SeriesInstanceUID, named) == ("1.2.1.1", {"1.2.1.1.1", "1.2.1.1.2"})
    groups = report.content.get_image_measurement_groups()
    assert [group.tracking_identifier for group in groups] == [*CLASSES]
    answers = {None: [], True: ["Yes"], False: ["No"]}
    for name, group in zip(CLASSES, groups, strict=True):
        (measured,) = group.get_measurements()
        assert measured.value == pytest.approx(row[name], rel=1e-6)
        said = [item.value.meaning for item in group.get_qualitative_evaluations()]
        assert said == answers[row[f"{name}.max_f1"]] + answers[row[f"{name}.specificity_90"]]
    assert row[f"{CLASSES[0]}.max_f1"] is None
    text = report.to_json()
    assert "not for diagnosis or treatment" in text
    assert row["models"][0] in text
    assert f"threshold max_f1 of {row['models'][0]}: 0.01" in text


def test_the_same_prediction_is_the_same_bytes_in_every_format(
    predict: Command, dicom: Path
) -> None:
    for out in ("a.csv", "b.csv"):
        predict(*TRIAL, out)
    first, second = ({p.name: p.read_bytes() for p in Path(f"{n}.csv.sr").iterdir()} for n in "ab")
    assert first == second
    assert Path("a.csv.fhir.jsonl").read_bytes() == Path("b.csv.fhir.jsonl").read_bytes()
    image(dicom / "dicom", "abcd", **SECOND)  # other pixels
    (dicom / "dicom/abc").unlink()
    predict(*TRIAL, "c.csv")
    names = {path.name for path in Path("c.csv.sr").iterdir()}
    assert len(names & set(first)) == 1  # of the study that has not changed


def test_a_date_and_a_sex_that_are_none_are_left_out(predict: Command, tmp_path: Path) -> None:
    path = image(tmp_path / "dicom", "a", **FIRST, PatientSex="F ", PatientBirthDate="19600102")
    odd = path.read_bytes().replace(b"20200102", b"2020-1-2").replace(b"19600102", b"sixty   ")
    path.write_bytes(odd.replace(b"CS\x02\x00F ", b"CS\x02\x00W "))
    assert predict(*TRIAL, "a.csv")[0] == 0
    report = srread(reports(tmp_path / "a.csv.sr")["1.2.1"])
    assert (report.StudyDate, report.PatientBirthDate, report.PatientSex) == ("", "", "")
    assert (report.ContentDate, report.ContentTime) == ("19000101", "030405")
    assert report.PatientID == "synthetic"


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="no dciodvfy: install dicom3tools")
def test_a_report_is_valid_by_dciodvfy(predict: Command, dicom: Path) -> None:
    predict(*TRIAL, "a.parquet")
    for path in reports(dicom / "a.parquet.sr").values():
        checked = subprocess.run(
            ["dciodvfy", "-new", path], check=False, stderr=subprocess.PIPE, text=True
        )
        assert "EnhancedSR" in checked.stderr
        assert "Error" not in checked.stderr


def test_a_line_of_fhir_is_valid_and_holds_the_results(predict: Command, dicom: Path) -> None:
    predict(*TRIAL, "a.parquet")
    assert dicom.is_dir()
    rows = [r for r in pq.read_table("a.parquet").to_pylist() if r["status"] == "predicted"]
    lines = Path("a.parquet.fhir.jsonl").read_text().splitlines()
    for row, line in zip(rows, lines, strict=True):
        for release in (DiagnosticReport, DiagnosticReportR4B):
            release.model_validate_json(line)
        found = json.loads(line)
        device, *observations = found["contained"]
        assert found["identifier"] == [{"value": row["study_id"]}]
        assert "not a medical device" in found["conclusion"]
        assert [item["value"] for item in device["identifier"]] == row["models"]
        assert [one["reference"] for one in found["result"]] == [
            f"#{o['id']}" for o in observations
        ]
        for name, one in zip(CLASSES, observations, strict=True):
            assert one["code"]["text"] == name
            assert one["valueQuantity"]["value"] == row[name]
            answers = [part["valueBoolean"] for part in one.get("component", [])]
            rules = (row[f"{name}.{rule}"] for rule in ("max_f1", "specificity_90"))
            assert answers == [answer for answer in rules if answer is not None]


def test_no_report_is_made_of_a_study_without_dicom(predict: Command, tmp_path: Path) -> None:
    xray(tmp_path / "a.png", 1)
    (tmp_path / "studies.csv").write_text("study_id,images,views\nA17,a.png,PA\n")
    table = ["--table", "studies.csv", "--out", "a.csv", "--format"]
    status, _, error = predict(*table, "sr")
    assert status == 1
    assert "error: study A17: no structured report can be made" in error
    assert "a.png: not a DICOM file" in error
    assert "--format fhir" in error
    assert not (tmp_path / "a.csv").exists()
    assert predict(*table, "fhir")[0] == 0
    assert len((tmp_path / "a.csv.fhir.jsonl").read_text().splitlines()) == 1


def test_a_report_needs_the_uids_of_its_images(predict: Command, tmp_path: Path) -> None:
    image(tmp_path / "dicom", "a", ViewPosition="PA")
    status, _, error = predict(*TRIAL, "a.csv")
    assert (status, "a: no SeriesInstanceUID" in error) == (1, True)
    image(tmp_path / "dicom", "a", **FIRST)
    image(tmp_path / "dicom", "b", **SECOND)
    (tmp_path / "s.csv").write_text("study_id,images,views\n1,dicom/a;dicom/b,PA;PA\n")
    status, _, error = predict("--table", "s.csv", "--format", "sr", "--out", "a.csv")
    assert (status, "study 1: " in error, "several StudyInstanceUID" in error) == (1, True, True)
