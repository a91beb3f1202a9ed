"""The cleaner gives the texts that the paper prints."""

import re
from itertools import groupby
from string import ascii_letters
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camchex import clean_indication
from camchex.texts.cleaning import LOOSE_SLASHES
from camchex.texts.params import Cleaner

TABLE_A1 = [  # raw texts that give each row, and the row
    (
        "___ year old woman s/p right VATS, mediastinal bx, and pericardial effusion  "
        "// ?PNA  ?PNA",
        "year old woman s/p right vats mediastinal bx and pericardial effusion pna pna .",
    ),
    (
        "___ year old man with bilateral pleural effusions s/p drainage, r/o ptx  // r/o ptx",
        "year old man with bilateral pleural effusions s/p drainage r/o ptx r/o ptx .",
    ),
    (
        "___-year-old female with shortness of breath.",
        "-year-old female with shortness of breath .",
    ),
    (
        "___ year old woman with exertional dyspnea, mild hypoxia  // eval for acute process",
        "year old woman with exertional dyspnea mild hypoxia eval for acute process .",
    ),
    (
        "Hodgkin's lymphoma, atypical chest pain, evaluation.",
        "hodgkins lymphoma atypical chest pain evaluation .",
    ),
    (
        "___-year-old female with history of chest pain, left rib pain.",
        "-year-old female with history of chest pain left rib pain .",
    ),
]
DELETED = "\"'.,?;*!%^&_+():<=>@[]{}"
every_cleaner = pytest.mark.parametrize("cleaner", get_args(Cleaner))


@pytest.mark.parametrize(("raw", "printed"), TABLE_A1)
def test_every_row_of_table_a1_is_reproduced(raw: str, printed: str) -> None:
    assert clean_indication(raw) == printed


def test_a_published_report_reads_as_in_the_released_data() -> None:  # study s50414267
    raw = "___F with new onset ascites  // eval for infection"
    assert clean_indication(raw) == "f with new onset ascites eval for infection ."


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("cough\n for ___ days\\nfever", "cough for days fever ."),  # both kinds of newline
        ("10/12 pain", "1012 pain ."),
        ("a//b", "a//b ."),  # a run between letters
        ("/a b/ /", "a b ."),
        ("1. Cough. 2. Fever.", "cough . fever ."),
        ("score 3. next", "score next ."),  # a list number is deleted anywhere
        ("score 6. next", "score 6 . next ."),
        ("Cough.. Fever", "cough . fever ."),
        ("1.. Cough", "cough ."),  # two full stops are halved first
        ("1... Cough", "1 . cough ."),  # but only once
        ("4. 5. Cough. 0. Fever", "cough . 0 . fever ."),
        ("  Cough \t at \u00a0 night ", "cough at night ."),
        ('Hodgkin\'s "B"', "hodgkins b ."),
        ("a,b;c?d!e", "abcde ."),
        ("a^b&c_d+e*f%g", "abcdefg ."),
        ("a:b|c~d`e", "ab|c~d`e ."),
        ("S/P\tR/O", "s/p r/o ."),
        ("a.b", "ab ."),
        ("Cough. ___. Fever", "cough . . fever ."),
        ("50% #1 $5 A-b", "50 #1 $5 a-b ."),
        ("<3 >=2 @ [x] {y} (z)", "3 2 x y z ."),
    ],
)
def test_quirks_of_the_released_rule(raw: str, cleaned: str) -> None:
    assert clean_indication(raw) == cleaned


@every_cleaner
@pytest.mark.parametrize("raw", ["", " \n ", "___", "___.", " ___\n ___ ", "?"])
def test_a_text_without_content_is_missing(raw: str, cleaner: Cleaner) -> None:
    assert clean_indication(raw, cleaner) is None


def step_by_step(text: str) -> str:
    """The released rule, one step after the other, without a regular expression."""
    text = text.replace("\n", " ").replace("\\n", " ")
    runs = ["".join(run) for _, run in groupby(text, lambda character: character == "/")]
    around = [" ", *runs, " "]
    text = "".join(
        run
        for before, run, after in zip(around, runs, around[2:], strict=False)
        if run[0] != "/" or {before[-1], after[0]} <= set(ascii_letters)
    )
    text = " ".join(text.split())
    for old, new in (("__", "_"), ("..", "."), ("  ", " ")):
        text = text.replace(old, new)
    for number in "12345":
        text = text.replace(f"{number}. ", "")
    pieces = [piece for piece in text.lower().split(". ") if piece]
    kept = ["".join(c for c in piece if c not in DELETED) for piece in pieces]
    return " ".join((" . ".join(kept) + " .").split())


PIECES = [
    "\n",
    "\\n",
    "\\",
    "n",
    "/",
    "//",
    " ",
    "  ",
    "__",
    "___",
    ".",
    "..",
    ". ",
    "1. ",
    "5. ",
    "6. ",
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=15).map("".join))
@settings(max_examples=150, deadline=None)
def test_the_released_rule_is_its_steps_one_after_the_other(text: str) -> None:
    expected = step_by_step(text)
    assert clean_indication(text) == (None if expected == "." else expected)


WORDS = ["Cough", "s/p", "VATS,", "x-ray", "10/12", "(ptx)", "//", "38", "fever.", "?PNA", "\n"]


@given(st.lists(st.sampled_from(WORDS), min_size=1).map(" ".join))
@settings(deadline=None)
def test_a_text_of_words_is_not_changed_by_cleaning_it_again(text: str) -> None:
    cleaned = clean_indication(text)
    assert cleaned is None or clean_indication(cleaned) == cleaned


@given(st.text(max_size=60) | st.text("_. \na", max_size=20))
@settings(deadline=None)
def test_the_minimal_cleaner_changes_nothing_the_second_time(text: str) -> None:
    cleaned = clean_indication(text, "minimal")
    if cleaned is not None and any(map(str.isalnum, cleaned)):  # of marks alone, ":. ___" is ":."
        assert "___" not in cleaned
        assert cleaned == " ".join(cleaned.split()) == clean_indication(cleaned, "minimal")


@given(st.text(max_size=60))
@settings(deadline=None)
def test_cleaners_agree_on_what_is_missing_but_corrected_wants_a_letter(
    text: str,
) -> None:
    missing = {cleaner: clean_indication(text, cleaner) is None for cleaner in get_args(Cleaner)}
    assert missing.pop("corrected") == (not any(map(str.isalnum, text.replace("\\n", ""))))
    assert len({*missing.values()}) == 1


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("T 38.5C, pain since 10/12", "t 38.5c pain since 10/12 ."),
        ("___F s/p VATS  // ?PNA  ?PNA", "f s/p vats ? pna ? pna ."),
        ("PNA? ptx??", "pna ? ptx ? ."),
        ("pain at 5:30, WBC 10,000", "pain at 5:30 wbc 10,000 ."),
        ("nodule of .5 cm. Temp 38.5.", "nodule of .5 cm . temp 38.5 ."),
        ("a,b;c(d)e+f&g_h", "a b c d e f g h ."),
        ("cough//fever. s/p CABG w/ edema", "cough fever . s/p cabg w edema ."),
        ("cough.Fever... chills", "cough . fever . chills ."),
        ("1. Cough. 2. Fever. score 3. next", "cough . fever . score 3 . next ."),
        ("S.O.B. since I.V. lines, Hodgkin's", "sob . since iv . lines hodgkins ."),
        ("Cough. ___. Fever", "cough . fever ."),
        ("cough\n for ___ days\\nfever", "cough for days fever ."),
        ("SpO2 88% (RA), 5'10\"", "spo2 88% ra 5'10 ."),
        ("HIV+, COVID (+), <3 days, >= 40 py, >.5", "hiv+ covid + <3 days >= 40 py >.5 ."),
        ("T=38.5 <b> a+b %", "t 38.5 b a b ."),
        ("1. cough 2. fever 4. x", "cough . fever 4 . x ."),
        ("1. a; 2. b\n3. c", "a . b . c ."),
        ("cou\u200bgh\x08\x1b\x7f fe\xadver\ufffd", "cough fever ."),
    ],
)
def test_the_corrected_cleaner_keeps_numbers_and_questions_and_joins_no_words(
    raw: str, cleaned: str
) -> None:
    assert clean_indication(raw, "corrected") == cleaned


NUMBERS = re.compile(r"\d+(?:[.,/:]\d+)*")


@given(st.lists(st.sampled_from([*" .,/:?_'&x1<+%", "38.5", "10/12", "5. ", "///"])).map("".join))
@settings(max_examples=200, deadline=None)
def test_no_number_and_no_question_is_lost_or_changed_by_the_corrected_cleaner(text: str) -> None:
    cleaned = clean_indication(text, "corrected")
    if cleaned is not None:
        assert clean_indication(cleaned, "corrected") == cleaned
        assert ("?" in cleaned) == ("?" in text)
        kept, written = (
            NUMBERS.findall(cleaned),
            NUMBERS.findall(re.sub(r"(?<!\d)'|'(?!\d)", "", text)),
        )
        listed = [n for n in written if n not in "123456789"]  # list numbers may go
        assert [n for n in kept if n not in "123456789"] == listed


@pytest.mark.parametrize(("raw", "printed"), TABLE_A1)
def test_the_corrected_cleaner_gives_the_words_of_table_a1_too(raw: str, printed: str) -> None:
    cleaned = clean_indication(raw, "corrected")
    assert cleaned is not None
    assert [word for word in cleaned.split() if word != "?"] == printed.split()


def test_the_minimal_cleaner_only_removes_blanks_and_line_ends() -> None:
    assert clean_indication("___F, s/p\n VATS  // ?PNA", "minimal") == "F, s/p VATS // ?PNA"


def test_without_a_cleaner_the_text_is_as_written() -> None:
    assert clean_indication(" ___F\n cough ", "none") == " ___F\n cough "


@given(st.text(st.sampled_from("aZ/ 1.é"), max_size=20))
@settings(deadline=None)
def test_a_run_of_slashes_stays_only_between_two_letters(text: str) -> None:
    padded, kept, position = f" {text} ", "", 0
    while position < len(padded):
        end = position
        while end < len(padded) and padded[end] == "/":
            end += 1
        run = padded[position:end] or padded[position]
        around = padded[position - 1] + padded[min(end, len(padded) - 1)]
        if run[0] != "/" or all(c.isascii() and c.isalpha() for c in around):
            kept += run
        position += len(run)
    assert LOOSE_SLASHES.sub("", text) == kept[1:-1]


@given(st.text(max_size=80))
@settings(deadline=None)
def test_a_cleaned_text_is_one_lower_case_line_without_the_deleted_marks(text: str) -> None:
    cleaned = clean_indication(text)
    if cleaned is not None:
        assert cleaned.endswith(".")
        assert cleaned == " ".join(cleaned.split())
        assert not (set(DELETED) - {"."}) & set(cleaned)
        assert cleaned == cleaned.lower() or not cleaned.isascii()
