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


def clean_indication(text: str, cleaner: Cleaner = "released") -> str | None:
    """Clean one section of a report.

    Args:
        text: The section as written; a newline may also be a backslash and an n.
        cleaner: ``released`` is the rule behind Table A1; ``minimal`` only drops the
            de-identification blanks ``___`` and joins lines; ``none`` changes nothing.

    Returns:
        The text. None, under every cleaner, if the released rule leaves only a full stop of the
        section, as of a blank or of ``___`` alone.

    Source:
        Paper Table A1, all rows of which this rule reproduces, quirks included: a list number 1
        to 5 is deleted anywhere (``score 3. ``), and doubled full stops are halved only once. The
        release kept the lone full stop as an indication; here it is missing. The release also
        halves ``__`` and double spaces, which leaves no trace in the result.
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
