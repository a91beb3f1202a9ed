"""What an indication asks for, states, and keeps silent about; and what is left without it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camchex.audit.mentions import Mention, how_mentioned
from camchex.contract.labels import CXR_LT_2023
from camchex.errors import DataError
from camchex.texts.keywords import mentions
from camchex.texts.masking import mask_findings

ASKED, STATED, SILENT = Mention.ASKED, Mention.STATED, Mention.SILENT
PIECES = (
    *("r/o", "eval for", "?", "or", ".", "s/p", "year old man with", "fever", "h/o"),
    *("pna", "pleural", "effusion", "volume", "edema", "overload", "subq", "air", "free", "rib fx"),
)


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("year old man with fever r/o pna .", "Pneumonia", ASKED),
        ("eval for ptx or pleural effusion .", "Pleural Effusion", ASKED),
        ("pna? fever", "Pneumonia", ASKED),
        ("cough , ? pneumonia", "Pneumonia", ASKED),
        ("year old woman with chf , sob .", "Edema", STATED),
        ("r/o ptx s/p chest tube placement .", "Support Devices", STATED),
        ("r/o ptx s/p chest tube placement .", "Pneumothorax", ASKED),
        ("pna . eval for pna", "Pneumonia", ASKED),
        ("evaluate . known effusion", "Pleural Effusion", STATED),
        ("eval for change . effusion", "Pleural Effusion", STATED),
        ("concern for edema in patient with copd", "Emphysema", STATED),
        ("year old man with fever .", "Pneumonia", SILENT),
        (None, "Pneumonia", SILENT),
        ("r/o pna", "No Finding", SILENT),
    ],
)
def test_texts_as_requesters_write_them(text: str | None, name: str, expected: Mention) -> None:
    assert how_mentioned([text], [name])[0, 0] == expected


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join))
def test_asked_and_stated_are_what_is_named(text: str) -> None:
    assert ((how_mentioned([text], CXR_LT_2023) > 0) == mentions([text], CXR_LT_2023)).all()


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


def test_a_class_without_words_is_an_error() -> None:
    with pytest.raises(DataError, match="no entry for"):
        mask_findings("r/o pna", ["Silicosis"])
    with pytest.raises(DataError, match="no entry for"):
        how_mentioned(["r/o pna"], ["Silicosis"])
