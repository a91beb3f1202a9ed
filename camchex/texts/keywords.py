"""Findings that an indication names, recognised by the words for them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from camchex.contract.yaml_file import read_data
from camchex.errors import DataError
from camchex.texts.negations import ASKED_AFTERWARDS, is_negated

KEYWORDS, ANATOMY = "keywords.yaml", "anatomy.yaml"
NOTHING_NAMED = ("No Finding", "Normal")
WORTH_ARROW = 100  # texts
NEVER = r"[^\s\S]"
REFERENCE = re.compile(r"(?<!\?P)<(\w+)>")
Bools = NDArray[np.bool_]
Span = tuple[int, int]


class Entry(BaseModel):
    """One entry of ``keywords.yaml``, whose head says what each list holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    words: list[str] = []
    asked: list[str] = []
    elsewhere: list[str] = []
    before: list[str] = []
    after: list[str] = []
    other: list[str] = []


@dataclass(frozen=True)
class Words:
    """The words of one class as patterns, and what tells that they mean something else."""

    words: re.Pattern[str]  # those of the group ``asked`` count only in a question
    question: re.Pattern[str]  # ends where they start
    before: re.Pattern[str]  # ends where they start
    after: re.Pattern[str]  # starts where they end
    other: re.Pattern[str]  # holds them


@cache
def entries() -> Mapping[str, Entry]:
    """Read the entry of every class."""
    return read_data(__package__, KEYWORDS, dict[str, Entry])


@cache
def _anatomy() -> Mapping[str, str]:
    lists = read_data(__package__, ANATOMY, dict[str, list[str]])
    return {name: _either(expressions) for name, expressions in lists.items()}


@cache
def lexicon(name: str) -> Words | None:
    """Compile the words of a class; None if it has none.

    Raises:
        DataError: If the entry refers to a list that ``anatomy.yaml`` does not have.
    """
    lists, entry = _anatomy(), entries()[name]

    def pattern(expressions: Sequence[str], end: str = "") -> re.Pattern[str]:
        text = _either([*expressions, NEVER])
        if unknown := set(REFERENCE.findall(text)) - set(lists):
            raise DataError(f"{KEYWORDS}, {name}: {ANATOMY} has no list {sorted(unknown)}.")
        return re.compile(REFERENCE.sub(lambda m: lists[m[1]], text) + end, re.IGNORECASE)

    if not entry.words:
        return None
    before = [f"<{place}> <gap>" for place in entry.elsewhere]
    after = [f"<at> <{place}>" for place in entry.elsewhere]
    return Words(
        pattern([_whole([*entry.words, rf"(?P<asked>{_either([*entry.asked, NEVER])})"])]),
        pattern([r"\b<question>\s", r"\?\s*"], "$"),
        pattern([rf"\b{text}" for text in (*entry.before, *before)], "$"),
        pattern([rf"{text}\b" for text in (*entry.after, *after)]),
        pattern([_whole(entry.other)]) if entry.other else re.compile(NEVER),
    )


def spans(text: str, name: str) -> list[Span]:
    """Find the words in a text, start and end, by which it names a class.

    Left out are words that are negated, that a relative has, and that mean something else.
    """
    known = lexicon(name)
    found = list(known.words.finditer(text)) if known else []
    if not known or not found:
        return []
    other = [m.span() for m in known.other.finditer(text)]
    return [
        (start, end)
        for start, end, asked in ((*m.span(), m["asked"]) for m in found)
        if not any(first <= start and end <= last for first, last in other)
        and (not asked or _is_asked(known, text, start, end))
        and not known.before.search(text, 0, start)
        and not known.after.match(text, end)
        and not is_negated(text, start, end)
    ]


def _is_asked(known: Words, text: str, start: int, end: int) -> bool:
    before = known.question.search(text, 0, start)
    return before is not None or ASKED_AFTERWARDS.match(text, end) is not None


def naming(
    indications: Sequence[str | None], classes: Sequence[str]
) -> Iterator[tuple[int, int, list[Span]]]:
    """Give row, column and words (:func:`spans`) wherever an indication names a class.

    Args:
        indications: Cleaned text, (N,); None where there is none.
        classes: The label space, Q names.

    Raises:
        DataError: If a class has no entry in ``keywords.yaml``.
    """
    require_words(classes)
    texts = pa.array([text or "" for text in indications], pa.string())
    for column, name in enumerate(classes):
        for row in _likely(texts, name):
            if found := spans(texts[row].as_py(), name):
                yield row, column, found


def _likely(texts: pa.Array, name: str) -> Sequence[int]:
    """Rows that may name a class; Arrow's patterns are quick, but take long to make."""
    words = lexicon(name)
    if words is None or len(texts) < WORTH_ARROW:
        return range(len(texts)) if words else ()
    likely = pc.match_substring_regex(texts, words.words.pattern, ignore_case=True)
    rows: list[int] = np.flatnonzero(likely.to_numpy(zero_copy_only=False)).tolist()
    return rows


def require_words(classes: Sequence[str]) -> None:
    """Raise DataError if a class has no entry in ``keywords.yaml``."""
    unknown = [name for name in classes if name not in entries()]
    if unknown:
        raise DataError(f"{KEYWORDS}: no entry for {unknown}. Add one, if only an empty one: {{}}.")


def mentions(indications: Sequence[str | None], classes: Sequence[str]) -> Bools:
    """Tell which classes each indication names, whether as known, suspected or to be excluded.

    Arguments and errors are those of :func:`naming`.

    Returns:
        Whether each class is named, (N, Q).

    Source: docs/method.md, section 10.1 (keyword baseline on the indication alone).
    """
    named = np.zeros((len(indications), len(classes)), dtype=bool)
    for row, column, _ in naming(indications, classes):
        named[row, column] = True
    return named


def keyword_scores(named: Bools, classes: Sequence[str]) -> NDArray[np.float64]:
    """Score a class 1 where it is named, else 0; No Finding (Normal) where nothing is named.

    Args:
        named: Result of :func:`mentions`, (N, Q).
        classes: The label space, Q names.

    Returns:
        Scores, (N, Q).
    """
    scores = named.astype(np.float64)
    for column, name in enumerate(classes):
        if name in NOTHING_NAMED:
            scores[:, column] = ~named.any(axis=1)
    return scores


def _either(expressions: Sequence[str]) -> str:
    return f"(?:{'|'.join(expressions)})"


def _whole(expressions: Sequence[str]) -> str:
    return rf"\b{_either(expressions)}\b"
