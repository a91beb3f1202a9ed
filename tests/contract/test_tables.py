"""Patients of one split are in no other."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camchex.contract.tables import require_disjoint_patients
from camchex.errors import DataError

split = st.sampled_from(["train", "development", "test", None])


def table(patients: dict[str, str | None], key: str = "patient_id") -> pa.Table:
    columns = {key: list(patients), "split": list(patients.values())}
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


@given(st.dictionaries(st.sampled_from("abcdefg"), split))
def test_patients_with_one_split_each_are_accepted_in_any_number_of_rows(
    patients: dict[str, str | None],
) -> None:
    once = table(patients)
    require_disjoint_patients(pa.concat_tables([once, once]))


@given(st.dictionaries(st.sampled_from("abcdefg"), split), st.permutations(["train", "test"]))
def test_the_first_patient_in_two_splits_is_named_with_both(
    patients: dict[str, str | None], two: list[str]
) -> None:
    shared = [table({"a-first": name, "b-next": name}) for name in two]
    with pytest.raises(DataError, match=r"patient a-first .*: split train and split test \(2 in"):
        require_disjoint_patients(pa.concat_tables([table(patients), *shared]))


def test_being_in_no_split_is_no_split() -> None:
    require_disjoint_patients(pa.concat_tables([table({"a": None}), table({"a": "test"})]))


def test_an_image_in_two_splits_is_named_with_its_files() -> None:
    images = [table({"x": name}, "image_id") for name in ("train", "test")]
    origin = {"train": "train.csv", "test": "test.csv"}
    with pytest.raises(DataError, match=r"image x is in several splits: train\.csv and test\.csv"):
        require_disjoint_patients(pa.concat_tables(images), origin, "image_id")
