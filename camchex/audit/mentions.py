"""How an indication speaks of each finding: asks for it, states it, or says nothing of it."""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from camchex.runs.processes import in_processes
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


AT_ONCE = 2_000  # indications that a process reads at once: about half a second
WORTH_PROCESSES = 5  # times as many take longer than to start a process


class Mention(IntEnum):
    """How an indication speaks of a finding, the strongest if it does so more than once."""

    SILENT = 0
    STATED = 1
    ASKED = 2


def told_once(
    indications: pa.ChunkedArray,
    tell: Callable[[Sequence[str | None]], NDArray[Any]],
    workers: int = 1,
) -> NDArray[Any]:
    """What ``tell`` says of indications, a row for each, asking it once about equal ones.

    ``tell`` is a function of a module, or a partial of one: of many indications, ``workers``
    processes tell a part each.
    """
    distinct = [*pc.unique(indications.drop_null()).to_pylist(), None]
    row = {text: number for number, text in enumerate(distinct)}
    parts = [distinct[i : i + AT_ONCE] for i in range(0, len(distinct), AT_ONCE)]
    processes = workers if min(workers, len(parts) / WORTH_PROCESSES) > 1 else 0
    told = np.concatenate([*in_processes(tell, parts, processes, "reads indications")])
    found: NDArray[Any] = told[[row[text] for text in indications.to_pylist()]]
    return found


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
        places, opens = _turns(text)
        asked = any(
            opens[bisect_right(places, start)] or ASKED_AFTERWARDS.match(text, end)
            for start, end in words
        )
        found[row, column] = Mention.ASKED if asked else Mention.STATED
    return found


@lru_cache(AT_ONCE)  # an indication that names several classes is read once
def _turns(text: str) -> tuple[list[int], list[bool]]:
    """Where questions open and end, and whether one is open before the first, and after each.

    An end wins where both are.
    """
    turns = {m.end(): True for m in ASKING.finditer(text)}
    turns |= {m.start(): False for m in TELLING.finditer(text)}
    places = sorted(turns)
    return places, [False, *(turns[place] for place in places)]
