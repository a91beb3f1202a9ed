"""The stage, from the published files to its table and its metrics."""

import gzip
import json
from pathlib import Path

import pytest

from camchex.contract import schemas, tables
from camchex.contract.yaml_file import read_yaml, yaml_text
from stages.link_vitals import main
from tests.vitals.ed import STUDY, WITHIN, after, studies

EDSTAYS = "subject_id,hadm_id,stay_id,intime,outtime,gender,race,arrival_transport,disposition"
TRIAGE = (
    "subject_id,stay_id,temperature,heartrate,resprate,o2sat,sbp,dbp,pain,acuity,chiefcomplaint"
)
VITALSIGN = "subject_id,stay_id,charttime,temperature,heartrate,resprate,o2sat,sbp,dbp,rhythm,pain"


def published(path: Path, *lines: str) -> Path:
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    return path


def test_published_files_become_vital_signs_and_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = read_yaml(Path("params.yaml"))
    parameters["vitals"] = WITHIN.model_dump(mode="json")
    (tmp_path / "params.yaml").write_text(yaml_text(parameters))
    monkeypatch.chdir(tmp_path)
    tables.write(studies(STUDY), Path("studies.parquet"), schemas.STUDIES)
    main(
        studies=Path("studies.parquet"),
        edstays=published(
            tmp_path / "edstays.csv.gz", EDSTAYS, f"1,,30,{after(0)},{after(240)},M,,,"
        ),
        triage=published(tmp_path / "triage.csv.gz", TRIAGE, "1,30,36.6,109,,94,136,54,3,2,cough"),
        vitalsign=published(
            tmp_path / "vitalsign.csv.gz", VITALSIGN, f"1,30,{after(59)},,,22,,,,Sinus,0"
        ),
        out=Path("out/vitals.parquet"),
        metrics=Path("metrics/vitals.json"),
    )
    vitals = tables.read(Path("out/vitals.parquet"), schemas.VITALS)
    assert vitals["vitals_text"].to_pylist() == [
        "Temperature: 97.9 | Heart rate: 109.0 | Respiratory rate: 22.0 | O2 Saturation: 94.0 | "
        "Systolic BP: 136.0 | Diastolic BP: 54.0 | Gender: M"
    ]
    counts = json.loads(Path("metrics/vitals.json").read_text())
    assert counts["sources"]["respiratory_rate_bpm"] == {
        "triage": 0,
        "vitalsign": "<5",
        "missing": 0,
    }
