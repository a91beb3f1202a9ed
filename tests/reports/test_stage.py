"""The stage, from report files to its table and its metrics."""

import json
from pathlib import Path

import pytest

from camchex.contract import schemas, tables
from camchex.contract.yaml_file import read_yaml, yaml_text
from stages.extract_indications import main
from tests.reports.test_indications import report, studies, write


def test_report_files_become_indications_and_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = read_yaml(Path("params.yaml"))
    parameters["data"] |= {"root": str(tmp_path / "raw"), "reports": "mimic-cxr-reports"}
    (tmp_path / "params.yaml").write_text(yaml_text(parameters))
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "raw" / "mimic-cxr-reports", "50000001", report(INDICATION="___F, cough"))
    tables.write(studies("50000001"), Path("studies.parquet"), schemas.STUDIES)
    main(
        studies=Path("studies.parquet"),
        out=Path("out/indications.parquet"),
        metrics=Path("metrics/indications.json"),
    )
    indications = tables.read(Path("out/indications.parquet"), schemas.INDICATIONS)
    assert indications["indication"].to_pylist() == ["f cough ."]
    assert json.loads(Path("metrics/indications.json").read_text())["studies"] == "<5"
