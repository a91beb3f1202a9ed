"""Vital signs read as the paper's Table A1 prints them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camchex.contract.schemas import VITAL_SIGNS
from camchex.errors import DataError
from camchex.texts.vitals_text import TITLES, vitals_text, vitals_texts
from camchex.vitals.params import VitalRanges

# As printed, but for the bars between two fields, which the table's markup lost.
TABLE_A1 = {
    "50000766": "Temperature: 97.9 | Heart rate: 109.0 | Respiratory rate: 22.0 | "
    "O2 Saturation: 94.0 | Systolic BP: 136.0 | Diastolic BP: 54.0 | Gender: F",
    "50000801": "Temperature: 98.8 | Heart rate: 70.0 | Respiratory rate: 18.0 | "
    "O2 Saturation: 100.0 | Systolic BP: 99.0 | Diastolic BP: 56.0 | Gender: M",
    "50020872": "Temperature: 101.2 | Heart rate: 115.0 | Respiratory rate: 18.0 | "
    "O2 Saturation: 100.0 | Systolic BP: 116.0 | Diastolic BP: 77.0 | Gender: F",
    "50173309": "Temperature: 98.5 | Heart rate: 89.0 | Respiratory rate: 18.0 | "
    "O2 Saturation: 98.0 | Systolic BP: 127.0 | Diastolic BP: 74.0 | Gender: F",
    "50286142": "Temperature: 99.8 | Heart rate: 130.0 | Respiratory rate: 20.0 | "
    "O2 Saturation: 96.0 | Systolic BP: 84.0 | Diastolic BP: 48.0 | Gender: M",
    "50349057": "Temperature: 98.3 | Heart rate: 68.0 | Respiratory rate: 16.0 | "
    "O2 Saturation: 99.0 | Systolic BP: 135.0 | Diastolic BP: 72.0 | Gender: F",
}
VALUES = {
    "50000766": (97.9, 109, 22, 94, 136, 54, "F"),
    "50000801": (98.8, 70, 18, 100, 99, 56, "M"),
    "50020872": (101.2, 115, 18, 100, 116, 77, "F"),
    "50173309": (98.5, 89, 18, 98, 127, 74, "F"),
    "50286142": (99.8, 130, 20, 96, 84, 48, "M"),
    "50349057": (98.3, 68, 16, 99, 135, 72, "F"),
}
TEMPLATE = (
    "Temperature: {} | Heart rate: {} | Respiratory rate: {} | O2 Saturation: {} | "
    "Systolic BP: {} | Diastolic BP: {} | Gender: {}"
)
NUMBERS = st.none() | st.floats() | st.integers(0, 3000).map(lambda tenths: tenths / 10)
ROWS = st.lists(
    st.fixed_dictionaries(
        {**dict.fromkeys(VITAL_SIGNS, NUMBERS), "gender": st.sampled_from(["F", "M", "", None])}
    ),
    max_size=20,
)


@pytest.mark.parametrize("study", TABLE_A1)
def test_every_row_of_table_a1_is_reproduced(study: str) -> None:
    *values, gender = VALUES[study]
    text = vitals_text(dict(zip(VITAL_SIGNS, values, strict=True)), gender)
    assert text == TABLE_A1[study]


def test_table_a1_is_the_published_one(real_data: Path) -> None:
    published = real_data.parent / "paper.txt"
    if not published.is_file():
        pytest.skip(f"no text of the paper at {published}")
    paper = " ".join(published.read_text().split())
    for study, text in TABLE_A1.items():
        row = paper[paper.index(f"{study} ") :]
        assert text.replace(" | ", " ") in row[: row.index("Gender:") + len("Gender: F")]


@given(ROWS)
@settings(deadline=None, max_examples=40)
def test_a_column_of_texts_reads_as_its_rows_do(rows: list[dict[str, Any]]) -> None:
    kinds = {**dict.fromkeys(VITAL_SIGNS, pa.float64()), "gender": pa.string()}
    table = pa.Table.from_pylist(rows, schema=pa.schema(list(kinds.items())))
    alone = [vitals_text({n: row[n] for n in VITAL_SIGNS}, row["gender"]) for row in rows]
    assert vitals_texts(table).to_pylist() == alone


@given(st.lists(st.floats(), min_size=1))
@settings(deadline=None)
def test_a_number_prints_as_python_prints_a_float(numbers: list[float]) -> None:
    columns = {name: pa.nulls(len(numbers), pa.float64()) for name in VITAL_SIGNS}
    columns |= {"heart_rate_bpm": pa.array(numbers), "gender": pa.repeat("F", len(numbers))}
    for text, number in zip(vitals_texts(pa.table(columns)).to_pylist(), numbers, strict=True):
        assert text.split(" | ")[1] == f"Heart rate: {number!r}"


def test_a_study_outside_the_ed_reads_seven_times_na() -> None:
    assert vitals_text({}, None) == TEMPLATE.format(*["NA"] * 7)


def test_a_missing_value_reads_na_and_moves_no_other() -> None:
    text = vitals_text({"temperature_f": None, "heart_rate_bpm": 109}, "M")
    assert text == TEMPLATE.format("NA", "109.0", "NA", "NA", "NA", "NA", "M")


def test_digits_are_not_rounded_away() -> None:
    assert vitals_text({"temperature_f": 98.96}, None).startswith("Temperature: 98.96 |")


def test_a_misspelt_vital_sign_is_an_error_not_a_missing_value() -> None:
    with pytest.raises(DataError, match="temprature_f"):
        vitals_text({"temprature_f": 98.0}, "F")


def test_titles_ranges_and_tables_name_the_same_vital_signs() -> None:
    assert list(TITLES) == list(VITAL_SIGNS) == list(VitalRanges.model_fields)
