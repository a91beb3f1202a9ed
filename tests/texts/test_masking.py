"""Texts without the words for findings: what is left of them."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camchex.contract.labels import CXR_LT_2023
from camchex.errors import DataError
from camchex.texts.keywords import mentions
from camchex.texts.masking import mask_findings

PIECES = (
    *("r/o", "eval for", "?", "or", ".", "s/p", "year old man with", "fever", "h/o"),
    *("pna", "pleural", "effusion", "volume", "edema", "overload", "subq", "air", "free", "rib fx"),
)


@settings(deadline=None)  # the first text waits for the words
@given(st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join))
def test_a_masked_text_names_nothing_and_keeps_the_order_of_the_rest(text: str) -> None:
    masked = mask_findings(text, CXR_LT_2023)
    assert not mentions([masked], CXR_LT_2023).any()
    words = iter(text.split())
    assert all(word in words for word in (masked or "").split())
    if not mentions([text], CXR_LT_2023).any() and re.search(r"\w", text):
        assert masked == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("fever , r/o pna .", "fever , r/o ."),
        ("eval for pleural effusion or hiatal hernia", "eval for or"),
        ("s/p fall , rib fx , subcutaneous emphysema", "s/p fall , ,"),
        ("pneumonia", None),
        ("volume edema overload", None),  # names another once the first is gone
        ("pulmonary htn , pleural pain", ", pleural pain"),
        (None, None),
    ],
)
def test_what_is_left_does_not_tell_which_finding_it_was(
    text: str | None, left: str | None
) -> None:
    classes = [*CXR_LT_2023, "Pulmonary Hypertension"]
    assert mask_findings(text, classes) == left


def test_only_the_words_of_the_label_space_go() -> None:
    assert mask_findings("r/o pna or ptx", ["Pneumothorax"]) == "r/o pna or"


def test_a_class_without_words_cannot_be_masked() -> None:
    with pytest.raises(DataError, match="no entry for"):
        mask_findings("r/o pna", ["Silicosis"])
