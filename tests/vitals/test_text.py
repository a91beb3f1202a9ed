"""Vital signs read as the paper's Table A1 prints them."""

import pytest

from camchex.errors import DataError
from camchex.schemas import VITAL_SIGNS
from camchex.vitals.params import VitalRanges
from camchex.vitals.text import TITLES, vitals_text

TABLE_A1 = [
    ((97.9, 109.0, 22.0, 94.0, 136.0, 54.0), "F", "97.9 109.0 22.0 94.0 136.0 54.0"),
    ((98.8, 70.0, 18.0, 100.0, 99.0, 56.0), "M", "98.8 70.0 18.0 100.0 99.0 56.0"),
    ((101.2, 115.0, 18.0, 100.0, 116.0, 77.0), "F", "101.2 115.0 18.0 100.0 116.0 77.0"),
    ((98.5, 89.0, 18.0, 98.0, 127.0, 74.0), "F", "98.5 89.0 18.0 98.0 127.0 74.0"),
    ((99.8, 130.0, 20.0, 96.0, 84.0, 48.0), "M", "99.8 130.0 20.0 96.0 84.0 48.0"),
    ((98.3, 68.0, 16.0, 99.0, 135.0, 72.0), "F", "98.3 68.0 16.0 99.0 135.0 72.0"),
]
TEMPLATE = (
    "Temperature: {} | Heart rate: {} | Respiratory rate: {} | O2 Saturation: {} | "
    "Systolic BP: {} | Diastolic BP: {} | Gender: {}"
)


@pytest.mark.parametrize(("values", "gender", "printed"), TABLE_A1)
def test_every_row_of_table_a1_is_reproduced(
    values: tuple[float, ...], gender: str, printed: str
) -> None:
    expected = TEMPLATE.format(*printed.split(), gender)
    assert vitals_text(dict(zip(VITAL_SIGNS, values, strict=True)), gender) == expected


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
