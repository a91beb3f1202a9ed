"""The indication as typed, cleaned to the text that the model reads."""

import re

from camchex.texts.params import Cleaner

# Slashes that do not stand between two letters: " // " goes, "s/p" stays, "10/12" becomes 1012.
LOOSE_SLASHES = re.compile(r"(?<![A-Za-z/])/+|(?<!/)/+(?![A-Za-z/])")
LIST_NUMBERS = ("1. ", "2. ", "3. ", "4. ", "5. ")
# "<", "=", ">" and "@" are deleted because of a range in the ancestor's pattern; "-" is kept.
DELETED = str.maketrans("", "", "\"'.,?;*!%^&_+():<=>@[]{}")
NOTHING = "."
DEIDENTIFIED = "___"
# What the corrected rule keeps of these marks, and of slashes: within numbers (38.5, 10/12, 5:30,
# 10,000) all that stands between two digits, the point of ".5", a slash between two letters or
# digits (s/p), and question marks, which say that a finding was asked for; and the signs of 88%,
# 5'10, <3, >=40 and HIV+.
IN_NUMBERS = r"(?<=\d)[.,/:](?=\d)|(?<![\w.])\.(?=\d)"
WITHIN_WORDS = rf"{IN_NUMBERS}|(?<=[^\W_])/(?=[^\W_])"
SIGNS = r"(?<=\d)%|(?<=\d)'(?=\d)|(?:[<>]=?|(?<=[<>])=)(?=\s?\.?\d)|\+(?!\w)"
STOPS = re.compile(rf"(?!{WITHIN_WORDS})\.+")
JOINED = re.compile(r"(?!(?<=\d)'\d)['\"]|(?<=\b[^\W\d_])\.(?=[^\W\d_]\b)")  # Hodgkin's, y.o.
LOOSE_MARKS = re.compile(rf"(?!{WITHIN_WORDS}|{SIGNS})[,;*!%^&_+():<=>@\[\]{{}}/]")
QUESTIONS = re.compile(r"\?[\s?]*")
LIST_NUMBERS_FIRST = re.compile(r"(?:(?<=^)|(?<=\. ))[1-9]\. ")
# Control and format characters that no reader sees (but white space), private ones, and the mark of
# a lost character; the corrected rule drops them.
INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\ufff9-\ufffd\ue000-\uf8ff]"
)
EMPTY_SENTENCES = re.compile(r"(?:^|(?<= \.)) \.(?= )")


def clean_indication(text: str, cleaner: Cleaner = "released") -> str | None:
    """Clean one section of a report.

    Args:
        text: The section as written; a newline may also be a backslash and an n.
        cleaner: ``released`` is the rule behind Table A1; ``minimal`` only drops the
            de-identification blanks ``___`` and joins lines; ``none`` changes nothing.
            ``corrected`` gives words as ``released`` does, but keeps numbers and question marks,
            and never joins two words: ``38.5``, ``10/12``, ``?PNA`` and ``a,b`` become ``38.5``,
            ``10/12``, ``? pna`` and ``a b``, not ``385``, ``1012``, ``pna`` and ``ab``. It also
            keeps the signs of ``88%``, ``5'10``, ``<3`` and ``hiv+``, and drops characters that
            nobody sees.

    Returns:
        The text. None if the released rule leaves only a full stop of the section, as of a blank or
        of ``___`` alone; under ``corrected`` if that rule leaves no letter and no digit.

    Source:
        Paper Table A1, all rows of which this rule reproduces, quirks included: a list number 1
        to 5 is deleted anywhere (``score 3. ``), and doubled full stops are halved only once. The
        release kept the lone full stop as an indication; here it is missing. The release also
        halves ``__`` and double spaces, which leaves no trace in the result.
    """
    if cleaner == "corrected":
        return _corrected(text)
    released = _released(text)
    if released == NOTHING:
        return None
    if cleaner == "released":
        return released
    if cleaner == "minimal":
        return _one_line(text.replace(DEIDENTIFIED, " "))
    return text


def _released(text: str) -> str:
    text = _one_line(LOOSE_SLASHES.sub("", text.replace("\n", " ").replace("\\n", " ")))
    text = text.replace("..", ".")
    for number in LIST_NUMBERS:
        text = text.replace(number, "")
    sentences = [s.translate(DELETED) for s in text.lower().split(". ") if s]
    return _one_line(f"{' . '.join(sentences)} .")


def _corrected(text: str) -> str | None:
    text = _one_line(INVISIBLE.sub("", text).replace("\\n", " ")).lower()
    text = JOINED.sub("", LIST_NUMBERS_FIRST.sub("", _without_numbers(text)))
    text = QUESTIONS.sub(" ? ", LOOSE_MARKS.sub(" ", STOPS.sub(" . ", text)))
    text = EMPTY_SENTENCES.sub("", f" {_one_line(text)} ")
    text = f"{_one_line(text).removesuffix(' .')} ."
    return text if any(map(str.isalnum, text)) else None


def _without_numbers(text: str) -> str:
    """End a sentence in place of each number of a list that counts from 1: ``1. a 2. b``.

    A list whose items end with a full stop has its numbers behind these.
    """
    if not text.startswith("1. ") or ". 2. " in text:
        return text
    number, end = 2, 0
    while (place := text.find(f" {number}. ", end)) >= 0:
        stop = "" if text[place - 1] in ".?!" else "."
        text = f"{text[:place]}{stop} {text[place + 4 :]}"
        number, end = number + 1, place
        if number > 9:  # noqa: PLR2004 - the last number of one digit
            break
    return text


def _one_line(text: str) -> str:
    return " ".join(text.split())
