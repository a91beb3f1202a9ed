"""Race and age of patients, from tables that may be there."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from camchex.errors import DataError
from camchex.sources.mimic.demographics import SEVERAL, age, age_group, race

PUBLISHED = {
    "white": ["WHITE", "WHITE - RUSSIAN", "WHITE - BRAZILIAN", "PORTUGUESE"],
    "black": ["BLACK/AFRICAN AMERICAN", "BLACK/CAPE VERDEAN", "BLACK/CARIBBEAN ISLAND"],
    "hispanic or latino": [
        *("HISPANIC/LATINO - PUERTO RICAN", "HISPANIC OR LATINO", "SOUTH AMERICAN"),
    ],
    "asian": ["ASIAN", "ASIAN - CHINESE", "ASIAN - SOUTH EAST ASIAN"],
    "american indian or pacific islander": [
        *("AMERICAN INDIAN/ALASKA NATIVE", "NATIVE HAWAIIAN OR OTHER PACIFIC ISLANDER"),
    ],
    "other": ["OTHER", "MULTIPLE RACE/ETHNICITY"],
    None: ["UNKNOWN", "UNABLE TO OBTAIN", "PATIENT DECLINED TO ANSWER", "", "NULL"],
    "martian": ["Martian"],
}
"""Races as MIMIC-IV-ED 2.2 writes them, and what they are called here."""


def write(path: Path, header: str, rows: Sequence[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def studies(*patients: str, year: int = 2150) -> pa.Table:
    times = pa.array([datetime(year, 5, 1)] * len(patients), pa.timestamp("ms"))
    return pa.table({"patient_id": list(patients), "study_time": times})


def stays(path: Path, *rows: tuple[int, str]) -> Path:
    return write(path / "edstays.csv", "subject_id,race", [f"{p},{text}" for p, text in rows])


@pytest.mark.parametrize("group", PUBLISHED)
def test_a_published_race_is_one_of_a_broad_group(group: str | None, tmp_path: Path) -> None:
    texts = PUBLISHED[group]
    path = stays(tmp_path, *((1 + i, text) for i, text in enumerate(texts)))
    assert race(path, studies(*(str(1 + i) for i in range(len(texts))))) == [group] * len(texts)


def test_all_stays_of_a_patient_tell_the_race_and_may_disagree(tmp_path: Path) -> None:
    rows = (1, "UNKNOWN"), (1, "WHITE"), (1, "WHITE - RUSSIAN"), (2, "ASIAN"), (2, "OTHER")
    path = stays(tmp_path, *rows, (2, "ASIAN"))
    assert race(path, studies("2", "1", "3", "1")) == [SEVERAL, "white", None, "white"]


def test_an_age_is_that_of_the_year_of_the_study(tmp_path: Path) -> None:
    rows = ["1,F,39,2150,2014 - 2016,", "2,M,91,2140,2014 - 2016,"]
    header = "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod"
    path = write(tmp_path / "patients.csv", header, rows)
    assert age(path, studies("1", "2", "3")) == ["under 40", "80 and over", None]
    assert age(path, studies("1", "2", year=2151)) == ["40 to 59", "80 and over"]
    assert age(path, studies("2", year=2128)) == ["60 to 79"]


def test_ages_are_cut_at_whole_tens() -> None:
    names = ["under 40", "40 to 59", "40 to 59", "60 to 79", "80 and over"]
    assert [age_group(years) for years in (39, 40, 59, 79, 80)] == names


def test_a_patient_with_two_ages_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", "subject_id,anchor_age,anchor_year", ["1,5,2150", "1,6,2150"])
    with pytest.raises(DataError, match=r"p\.csv.*line 3.*subject_id"):
        age(path, studies("1"))


def test_a_table_without_the_column_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "edstays.csv", "subject_id,stay_id", ["1,2"])
    with pytest.raises(DataError, match=r"edstays\.csv.*race"):
        race(path, studies("1"))
