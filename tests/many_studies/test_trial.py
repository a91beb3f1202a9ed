"""``camchex predict`` of a table as a new user has it: killed, resumed, and whole in the end."""

import csv
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from camchex.cli import app as cli
from tests.many_studies.trial import FAULTS, TABLE, write_trial
from tests.networks.small import CLASSES, camchex

GOOD, BAD = 29, 11
DIES = """
import os, signal
from camchex.many_studies.ensemble import Ensemble
calls = Ensemble.predict

def once(self, studies):
    Ensemble.predict = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    return calls(self, studies)

Ensemble.predict = once
from camchex.cli.app import main
main()
"""
"""The command, killed as it is about to predict its second part."""


@pytest.mark.slow  # starts the command in another process
def test_bad_studies_are_named_and_the_rest_is_predicted_though_the_command_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = write_trial(tmp_path, GOOD, BAD)
    camchex().save_pretrained(tmp_path / "model")
    words = ["predict", "--model", "model", "--table", TABLE, "--out", "findings.csv"]
    killed = subprocess.run([sys.executable, "-c", DIES, *words], cwd=tmp_path, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "findings.csv").exists()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["camchex", *words])
    with pytest.raises(SystemExit, match=r"^3$"):
        cli.main()
    said, note = capsys.readouterr()
    assert said == "wrote findings.csv: 29 predicted, 2 refused, 9 set aside\n"
    assert "predicted by an earlier run: 32 studies" in note
    assert "column 'temperature_f': 1 wrong" in note
    assert "and 6 more: columns status and reason" in note
    with (tmp_path / "findings.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [int(row["row"]) for row in rows] == [*range(1, GOOD + BAD + 1)]
    for row in rows:
        numbers = [row[name] for name in CLASSES]
        if row["study_id"] not in wrong:
            assert (row["status"], row["reason"]) == ("predicted", "")
            assert all(0 < float(number) < 1 for number in numbers)
            continue
        fault = wrong[row["study_id"]]
        assert row["status"] == fault.status
        assert re.search(fault.reason, row["reason"])
        assert numbers == [""] * len(CLASSES)
    assert {row["study_id"] for row in rows} >= {*wrong}
    assert len(wrong) == len(FAULTS) - 1  # one id is in two rows
