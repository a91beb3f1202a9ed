"""How an indication speaks of each finding: asks for it, states it, or says nothing of it."""

import re
from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from camchex.texts.keywords import patterns, require_words

ASKING = re.compile(
    r"""
      (?<!\w) r/o \b | \b rule\ ?-?\ ?out \b | \b ruling\ out \b | \b exclude \b
    | \b (?: re-?)? (?: eval\w* | assess\w* | check\w* | look\w* ) (?: \ (?: for | of ) )? \b
    | \b (?: concern\w* | worr\w* | suspicio\w* | suspect\w* | question\w* | query ) \b
    | \b (?: possible | possibly | probable | presumed | potential ) \b
    | \b (?: any | whether | is\ there | please | acute\ process ) \b
    | \?
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Words that open a question, which holds until words tell of the patient (``TELLING``)."""
TELLING = re.compile(
    r"(?<!\w)(?:s/p|h/o|hx|history|known|status post|with|who|now|presents?|on|after|prior"
    r"|previous|p/w|w/)(?!\w)|[.;]",
    re.IGNORECASE,
)
"""Words that end a question: words of history, or the end of the sentence."""
AFTERWARDS = re.compile(r"\s*\?")


class Mention(IntEnum):
    """How an indication speaks of a finding, the strongest if it does so more than once."""

    SILENT = 0
    STATED = 1
    ASKED = 2


def how_mentioned(indications: Sequence[str | None], classes: Sequence[str]) -> NDArray[np.int8]:
    """How each indication speaks of each class, a :class:`Mention`, (N, Q).

    A finding is asked for if a question (``r/o``, ``eval for``, ``?``, ...) opens before it in its
    sentence and no history (``s/p``, ``h/o``, ...) comes in between, or if ``?`` follows it. All
    else that names it states it. The cleaning deletes question marks, and slashes without a word
    on both sides, so what was written ``? PNA`` or ``// PNA`` counts as stated.

    Args:
        indications: Cleaned text; None where there is none.
        classes: The Q names.

    Raises:
        DataError: If a class has no entry in ``keywords.yaml``.

    Source: docs/method.md, sections 1.1 (how indications are written) and 10.1.
    """
    require_words(classes)
    found = np.zeros((len(indications), len(classes)), np.int8)
    for row, text in enumerate(indications):
        if text:
            asking = _questions(text)
            found[row] = [_mention(text, name, asking) for name in classes]
    return found


def _mention(text: str, name: str, asking: Sequence[bool]) -> Mention:
    pattern = patterns()[name]
    matches = [] if pattern is None else list(pattern.finditer(text))
    if any(asking[m.start()] or AFTERWARDS.match(text, m.end()) for m in matches):
        return Mention.ASKED
    return Mention.STATED if matches else Mention.SILENT


def _questions(text: str) -> list[bool]:
    """Whether a question is open at each character."""
    changes = {m.end(): True for m in ASKING.finditer(text)}
    changes |= {m.start(): False for m in TELLING.finditer(text)}
    is_open = False
    found = []
    for place in range(len(text)):
        is_open = changes.get(place, is_open)
        found.append(is_open)
    return found
