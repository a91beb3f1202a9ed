"""MIMIC-IV-ED's three tables under their canonical names."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from camchex.errors import DataError
from camchex.schemas import VITAL_SIGNS
from camchex.sources import mimic_iv_ed
from tests.sources.raw import Row, published

ID = {"subject_id": 10, "stay_id": 30}
STAY = {**ID, "intime": "2150-03-01 22:00:00", "outtime": "2150-03-02 04:10:00", "gender": "F"}
MEASURED = {"temperature": 36.8, "heartrate": 88, "o2sat": 1005, "sbp": "12080.0"}
Reader = Callable[[Path], pa.Table]


def read(reader: Reader, tmp_path: Path, *rows: Row) -> list[dict]:
    columns = ["subject_id", "stay_id", "intime", "outtime", "gender", "charttime"]
    path = published(tmp_path / "table.csv.gz", [*columns, *VITAL_SIGNS.values(), "pain"], rows)
    found: list[dict] = reader(path).to_pylist()
    return found


def test_a_stay_has_its_times_and_gender(tmp_path: Path) -> None:
    assert read(mimic_iv_ed.read_edstays, tmp_path, STAY) == [
        {
            "patient_id": "10",
            "stay_id": "30",
            "intime": datetime(2150, 3, 1, 22),
            "outtime": datetime(2150, 3, 2, 4, 10),
            "gender": "F",
        }
    ]


def test_measurements_keep_their_errors_and_gaps(tmp_path: Path) -> None:
    (row,) = read(mimic_iv_ed.read_triage, tmp_path, {**ID, **MEASURED, "pain": "unable"})
    assert row == {
        "patient_id": "10",
        "stay_id": "30",
        "temperature_f": 36.8,
        "heart_rate_bpm": 88,
        "respiratory_rate_bpm": None,
        "o2_saturation_pct": 1005,
        "systolic_bp_mmhg": 12080,
        "diastolic_bp_mmhg": None,
    }


def test_a_charted_measurement_has_its_time(tmp_path: Path) -> None:
    row = {**ID, **MEASURED, "charttime": "2150-03-01 23:00:00"}
    (charted,) = read(mimic_iv_ed.read_vitalsign, tmp_path, row)
    assert charted["charttime"] == datetime(2150, 3, 1, 23)
    assert charted["heart_rate_bpm"] == 88


@pytest.mark.parametrize("column", VITAL_SIGNS.values())
@pytest.mark.parametrize("reader", [mimic_iv_ed.read_triage, mimic_iv_ed.read_vitalsign])
def test_a_value_that_is_no_number_is_refused(tmp_path: Path, reader: Reader, column: str) -> None:
    with pytest.raises(DataError, match=rf"line 3, column '{column}': found 'high'"):
        read(reader, tmp_path, {**ID, **MEASURED}, {**ID, column: "high"})


@pytest.mark.parametrize(
    ("column", "value"),
    [("intime", "01/03/2150"), ("gender", "X"), ("stay_id", ""), ("subject_id", "10.0")],
)
def test_a_stay_with_an_odd_cell_is_refused(tmp_path: Path, column: str, value: str) -> None:
    with pytest.raises(DataError, match=rf"line 2, column '{column}'"):
        read(mimic_iv_ed.read_edstays, tmp_path, {**STAY, column: value})
