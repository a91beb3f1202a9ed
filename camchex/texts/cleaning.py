"""Turning the indication as typed into the text that the model reads."""

import re

from camchex.texts.params import Cleaner

# A run of slashes that is not between two letters: " // " goes, "s/p" stays, "10/12" is 1012.
LOOSE_SLASHES = re.compile(r"(?<![A-Za-z/])/+|(?<!/)/+(?![A-Za-z/])")
LIST_NUMBERS = ("1. ", "2. ", "3. ", "4. ", "5. ")
# Of these "<", "=", ">" and "@" come from a range in the ancestor's pattern; "-" is not in it.
DELETED = str.maketrans("", "", "\"'.,?;*!%^&_+():<=>@[]{}")
NOTHING = "."
DEIDENTIFIED = "___"


def clean_indication(text: str, cleaner: Cleaner = "released") -> str | None:
    """Clean one section of a report.

    Args:
        text: The section as written; newlines may be real or a literal backslash-n.
        cleaner: ``released`` is the rule behind Table A1; ``minimal`` only drops the
            de-identification blanks ``___`` and joins lines; ``none`` changes nothing.

    Returns:
        The text, or None where there is none: a section of which the released rule leaves only a
        full stop (blank, or ``___`` alone) counts as missing under every cleaner.

    Source:
        Paper Table A1, all rows of which this rule reproduces, quirks included: a list number 1
        to 5 is deleted anywhere (``score 3. ``), and doubled full stops are halved only once. The
        release kept the lone full stop as an indication; here it is missing. It also halves ``__``
        and double spaces, of which nothing is left in the end.
    """
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


def _one_line(text: str) -> str:
    return " ".join(text.split())
