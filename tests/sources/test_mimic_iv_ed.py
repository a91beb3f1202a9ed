"""MIMIC-IV-ED's three tables under their canonical names."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from camchex.contract.schemas import STUDIES, VITAL_SIGNS
from camchex.errors import DataError
from camchex.sources.mimic import mimic_iv_ed
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


def three_files(folder: Path, **other: Row) -> dict[str, Path]:
    """The three tables of one stay, with other cells in some of them."""
    columns = ["subject_id", "stay_id", "intime", "outtime", "gender", "charttime"]
    rows = {
        "edstays": STAY,
        "triage": {**ID, **MEASURED},
        "vitalsign": {**ID, **MEASURED, "charttime": "2150-03-01 23:00:00"},
    }
    return {
        name: published(
            folder / f"{name}.csv.gz",
            [*columns, *VITAL_SIGNS.values()],
            [{**row, **other.get(name, {})}],
        )
        for name, row in rows.items()
    }


def test_the_three_tables_read_together_as_alone(tmp_path: Path) -> None:
    files = three_files(tmp_path)
    alone = [getattr(mimic_iv_ed, f"read_{name}")(path) for name, path in files.items()]
    assert list(mimic_iv_ed.read_ed(**files, studies=studies("10"))) == alone


@pytest.mark.parametrize("name", ["edstays", "triage", "vitalsign"])
def test_the_one_of_three_that_is_damaged_is_named(tmp_path: Path, name: str) -> None:
    files = three_files(tmp_path)
    files[name].write_bytes(files[name].read_bytes()[:-9])
    with pytest.raises(DataError, match=rf"{name}\.csv\.gz: cannot be read"):
        mimic_iv_ed.read_ed(**files, studies=studies("10"))


def studies(*patients: str) -> pa.Table:
    rows = [
        {"study_id": f"5{n}", "patient_id": patient, "study_time": datetime(2150, 1, 1)}
        for n, patient in enumerate(patients)
    ]
    return pa.Table.from_pylist(rows, schema=STUDIES)


def test_stays_of_no_patient_who_has_a_study_are_refused(tmp_path: Path) -> None:
    files = three_files(tmp_path)
    with pytest.raises(DataError, match=r"edstays\.csv\.gz: of 1 row, none belong to the stud"):
        mimic_iv_ed.read_ed(**files, studies=studies("11", "12"))


@pytest.mark.parametrize("name", ["triage", "vitalsign"])
@pytest.mark.parametrize("other", [{"stay_id": 31}, {"subject_id": 11}])
def test_measurements_of_no_stay_are_refused(tmp_path: Path, name: str, other: Row) -> None:
    files = three_files(tmp_path, **{name: other})
    with pytest.raises(DataError, match=rf"{name}\.csv\.gz: of 1 row, none belong to .*edstays"):
        mimic_iv_ed.read_ed(**files, studies=studies("10"))


def test_most_patients_of_an_emergency_department_have_no_study(tmp_path: Path) -> None:
    files = three_files(tmp_path)
    columns = ["subject_id", "stay_id", "intime", "outtime", "gender"]
    more = [{**STAY, "subject_id": 100 + n, "stay_id": 300 + n} for n in range(500)]
    files["edstays"] = published(tmp_path / "edstays.csv.gz", columns, [*more, STAY])
    stays, triage, _ = mimic_iv_ed.read_ed(**files, studies=studies("10"))
    assert (stays.num_rows, triage.num_rows) == (501, 1)


def test_a_stay_is_of_one_patient(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="line 3, column 'subject_id': found '11', expected the pat"
    ):
        read(mimic_iv_ed.read_edstays, tmp_path, STAY, {**STAY, "subject_id": 11})


@pytest.mark.parametrize(
    "times", [{"intime": "2150-03-02 22:00:00", "outtime": "2150-03-01 22:00:00"}, {"intime": ""}]
)
def test_stays_none_of_which_has_a_beginning_before_its_end_are_refused(
    tmp_path: Path, times: Row
) -> None:
    files = three_files(tmp_path, edstays=times)
    with pytest.raises(DataError, match=r"edstays\.csv\.gz: .almost. no stay has an intime before"):
        mimic_iv_ed.read_ed(**files, studies=studies("10"))


def test_stays_of_other_years_than_the_studies_are_refused(tmp_path: Path) -> None:
    years = {"intime": "2170-03-01 22:00:00", "outtime": "2170-03-02 22:00:00"}
    files = three_files(tmp_path, edstays=years)
    mimic_iv_ed.read_ed(**files, studies=studies(*["10"] * 4))
    said = r"study 50 is of 2150-01-01 00:00:00, stay 30 from 2170-03-01 22:00:00 to 2170-03-02"
    with pytest.raises(DataError, match=said):
        mimic_iv_ed.read_ed(**files, studies=studies(*["10"] * 5))


ODD_IDS = {
    "subject_id": ["1.0000032e+07", "10,000,032", "nan", "NULL", "#N/A", "010", "+10", "s10"],
    "stay_id": ["3.3258284e+07", "p30", "s30", "30\u00a0", "30\u200b", "30.0", "", "0x1E"],
}


@pytest.mark.parametrize(("column", "value"), [(c, v) for c in ODD_IDS for v in ODD_IDS[c]])
@pytest.mark.parametrize("name", ["edstays", "triage", "vitalsign"])
def test_an_id_in_another_form_is_refused_in_each_table(
    tmp_path: Path, name: str, column: str, value: str
) -> None:
    files = three_files(tmp_path, **{name: {column: value}})
    with pytest.raises(DataError, match=rf"{name}\.csv\.gz, line 2, column '{column}': found"):
        mimic_iv_ed.read_ed(**files, studies=studies("10"))


def test_a_patient_may_be_named_as_the_folder_of_the_images(tmp_path: Path) -> None:
    files = three_files(tmp_path, edstays={"subject_id": "p10"}, triage={"subject_id": "p10"})
    stays, triage, chart = mimic_iv_ed.read_ed(**files, studies=studies("10"))
    assert [t["patient_id"].to_pylist() for t in (stays, triage, chart)] == [["10"]] * 3


def test_times_and_gaps_as_other_programs_write_them(tmp_path: Path) -> None:
    odd = {"intime": "2150-03-01T22:00:00.250", "outtime": r"\N", "gender": "NULL"}
    (stay,) = read(mimic_iv_ed.read_edstays, tmp_path, {**STAY, **odd})
    assert (stay["intime"], stay["outtime"]) == (datetime(2150, 3, 1, 22, 0, 1), None)
    assert stay["gender"] is None
    row = {**ID, "charttime": "2150-03-01 23:00", "heartrate": "NaN", "temperature": "98.6"}
    (charted,) = read(mimic_iv_ed.read_vitalsign, tmp_path, row)
    assert charted["charttime"] == datetime(2150, 3, 1, 23)
    assert (charted["heart_rate_bpm"], charted["temperature_f"]) == (None, 98.6)


@pytest.mark.parametrize("complaint", ["N/V, Fever", 'pain "10/10", L knee', "cough\nfever"])
def test_what_a_patient_complains_of_moves_no_column(tmp_path: Path, complaint: str) -> None:
    columns = ["subject_id", "stay_id", *VITAL_SIGNS.values(), "chiefcomplaint"]
    rows = [{**ID, **MEASURED, "chiefcomplaint": complaint}] * 2
    triage = mimic_iv_ed.read_triage(published(tmp_path / "triage.csv.gz", columns, rows))
    assert triage["o2_saturation_pct"].to_pylist() == [1005, 1005]
