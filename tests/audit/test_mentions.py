"""What an indication asks for, states, and keeps silent about."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camchex.audit.mentions import Mention, how_mentioned
from camchex.contract.labels import CXR_LT_2023
from camchex.errors import DataError
from camchex.texts.keywords import mentions

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


@settings(deadline=None)  # the first text waits for the words
@given(st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join))
def test_asked_and_stated_are_what_is_named(text: str) -> None:
    assert ((how_mentioned([text], CXR_LT_2023) > 0) == mentions([text], CXR_LT_2023)).all()


def test_a_class_without_words_is_an_error() -> None:
    with pytest.raises(DataError, match="no entry for"):
        how_mentioned(["r/o pna"], ["Silicosis"])
