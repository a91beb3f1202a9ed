"""How an indication speaks of each finding: asks for it, states it, or says nothing of it."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from camchex.texts.keywords import naming
from camchex.texts.negations import ASKED_AFTERWARDS

ASKING = re.compile(
    r"""
      (?<!\w) r/o \b | \b rule\ ?-?\ ?out \b | \b ruling\ out \b | \b exclude \b
    | \b (?: re-?)? (?: eval\w* | assess\w* | check\w* | look\w* ) (?: \ (?: for | of ) )? \b
    | \b (?: concern\w* | worr\w* | suspicio\w* | suspect\w* | question\w* | query ) \b
    | \b (?: possible | possibly | probable | presumed | potential ) \b
    | \b (?: any | whether | is\ there | please | acute\ process ) \b
    | \b (?: w/u | work[- ]?up | confirm\w* | verif\w* | screen\w* | interval\ change ) \b
    | \? | \b (?: can | could ) (?: not | 't )? \ be \b | \b cannot \b
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Words that open a question, which holds until words tell of the patient (``TELLING``)."""
TELLING = re.compile(
    r"(?<!\w)(?:s/p|h/o|hx|history|known|status post|with|who|now|presents?|on|after|prior"
    r"|previous|p/w|w/)(?!\w)|[.;](?!\d)",
    re.IGNORECASE,
)
"""Words that end a question: words of history, or the end of the sentence."""


class Mention(IntEnum):
    """How an indication speaks of a finding, the strongest if it does so more than once."""

    SILENT = 0
    STATED = 1
    ASKED = 2


def how_mentioned(indications: Sequence[str | None], classes: Sequence[str]) -> NDArray[np.int8]:
    """How each indication speaks of each class, a :class:`Mention`, (N, Q).

    A finding is asked for if a question (``r/o``, ``eval for``, ``?``, ...) opens before it in its
    sentence and no history (``s/p``, ``h/o``, ...) comes in between, or if ``?`` follows it. All
    else that names it states it. Every cleaner deletes slashes without a word on both sides, and
    the released one question marks, so what was written ``// PNA`` or, there, ``? PNA`` counts as
    stated. Indications are cleaned; None where there is none.

    Raises:
        DataError: If a class has no entry in ``keywords.yaml``.

    Source: docs/method.md, sections 1.1 (how indications are written) and 10.1.
    """
    found = np.zeros((len(indications), len(classes)), np.int8)
    for row, column, words in naming(indications, classes):
        text = str(indications[row])
        # Where questions open (True) and end, in order; an end wins where both are.
        turns = {m.end(): True for m in ASKING.finditer(text)}
        turns |= {m.start(): False for m in TELLING.finditer(text)}
        places = sorted(turns)
        for start, end in words:
            before = bisect_right(places, start)
            asked = before > 0 and turns[places[before - 1]]
            kind = Mention.ASKED if asked or ASKED_AFTERWARDS.match(text, end) else Mention.STATED
            found[row, column] = max(found[row, column], kind)
    return found
