"""The label spaces: sizes and names as published (docs/method.md, section 4.2)."""

import pytest

from camchex.contract.labels import (
    CXR_LT_2023,
    CXR_LT_2024_TASK1,
    CXR_LT_2024_TASK2,
    CXR_LT_2024_TASK3,
    MIMIC_14,
    SPACES,
    LabelParams,
)
from camchex.contract.params import validate
from camchex.errors import ParamsError


def chosen(space: object) -> tuple[str, ...]:
    values = {"space": space, "splits": "cxr-lt", "imply_no_finding": True}
    return validate(values, LabelParams, "labels").classes


@pytest.mark.parametrize(
    ("space", "size"),
    [
        ("cxr-lt-2023", 26),
        ("cxr-lt-2024-task1", 40),
        ("cxr-lt-2024-task2", 26),
        ("cxr-lt-2024-task3", 45),
        ("mimic-14", 14),
    ],
)
def test_a_space_has_its_published_number_of_classes_in_alphabetical_order(
    space: str, size: int
) -> None:
    assert len(set(chosen(space))) == size
    assert list(chosen(space)) == sorted(chosen(space))


def test_there_is_no_other_space() -> None:
    assert len(SPACES) == 5
    with pytest.raises(ParamsError, match=r"labels\.space.*cxr-lt-2025"):
        chosen("cxr-lt-2025")


def test_the_spaces_of_2024_are_made_of_each_other_as_published() -> None:
    assert set(CXR_LT_2024_TASK3) - set(CXR_LT_2024_TASK1) == {
        "Bulla",
        "Cardiomyopathy",
        "Hilum",
        "Osteopenia",
        "Scoliosis",
    }
    assert set(CXR_LT_2024_TASK2) < set(CXR_LT_2024_TASK1)
    assert set(CXR_LT_2024_TASK2) ^ set(CXR_LT_2023) == {"Normal", "No Finding"}


def test_the_14_of_mimic_are_of_2023_and_but_for_no_finding_of_2024() -> None:
    assert set(MIMIC_14) <= set(CXR_LT_2023)
    assert set(MIMIC_14) - set(CXR_LT_2024_TASK1) == {"No Finding"}


def test_a_list_of_ones_own_is_a_space_in_its_order() -> None:
    assert chosen(["Edema", "Covid"]) == ("Edema", "Covid")


@pytest.mark.parametrize(
    "space",
    [
        *([], ["Edema", "Edema"], ["Edema", "EDEMA"], ["Edema", 1]),
        *([""], [" "], ["Edema "], ["Pleural\nEffusion"]),
    ],
)
def test_a_list_without_a_class_or_with_one_that_is_not_told_apart_is_refused(
    space: list[object],
) -> None:
    with pytest.raises(ParamsError, match=r"labels\.space"):
        chosen(space)
