"""Reading of an indication: its words turned back into the events that the generator draws.

The text that a model reads is a function of a history, clues, a question, and of letters that are
swapped. Reading it back gives every way in which the generator could have written it, each with
its probability given what was drawn; what does not depend on findings or conditions (the sex, the
order of the clues, swapped letters) cancels and is left out.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from camchex.synthetic.params import DRAWN, USUAL, Wording
from camchex.synthetic.people.conditions import CONDITIONS
from camchex.synthetic.people.indication import REPEATED
from camchex.synthetic.people.phrases import ASKING, GENERAL_QUESTIONS, PHRASES, SIDES, chances
from camchex.texts.cleaning import clean_indication

STARTS = ("year old woman with", "year old man with", "f with")
Words = tuple[str, ...]


@dataclass(frozen=True)
class Reading:
    """One way in which a text may have come about."""

    history: NDArray[np.float64]  # probability of its history given each condition, (K,)
    clues: frozenset[int]  # findings, as positions in ``DRAWN``, of which the text holds a clue
    named: tuple[int, ...]  # findings that the text asks for, in the order asked
    words: float  # probability of the words given all of these
    cue: int | None = None  # side of the symptoms, where the text names it


def read_events(text: str, wording: Wording = USUAL) -> list[Reading]:
    """Turn an indication back into what was drawn.

    Args:
        text: The text that a model reads, from any cleaner.
        wording: How often other words stood for a finding.

    Returns:
        Every way to write the text; none, if the generator does not write such a text.
    """
    # The text with every misspelt word as it was meant.
    known = vocabulary(wording)
    options = [[word] if word in known else meant(word, wording) for word in _words(text)]
    return [reading for words in product(*options) for reading in _readings(words, wording)]


def meant(word: str, wording: Wording = USUAL) -> list[str]:
    """Find the generator's words of which this one is a misspelling: two letters are swapped."""
    swapped = (word[:k] + word[k + 1] + word[k] + word[k + 2 :] for k in range(1, len(word) - 2))
    return [other for other in swapped if other in vocabulary(wording)]


@cache
def vocabulary(wording: Wording = USUAL) -> frozenset[str]:
    """Collect all words that the generator writes in an indication."""
    texts = [*STARTS, *GENERAL_QUESTIONS, *(form.format("or") for form in ASKING)]
    texts += SIDES.values()
    texts += [text for finding in DRAWN for text in chances(finding, wording)]
    texts += [text for words in PHRASES.values() for text in words.clues]
    texts += [text for condition in CONDITIONS.values() for text in condition.histories]
    return frozenset(word for text in texts for word in _words(text))


def _words(text: str) -> Words:
    """Split a text as the released cleaner leaves it, without full stops and breaks in a word."""
    cleaned = clean_indication(text, "released") or ""
    return tuple(re.sub(r"(?<=\w)- ", "-", cleaned.replace(" .", "")).split())


def _readings(words: Words, wording: Wording) -> Iterator[Reading]:
    """Cut a text into start, history, side of the symptoms, clues and question, in every way."""
    start = next((len(s) for s in _starts() if words[: len(s)] == s), None)
    if start is None:
        return
    for split in range(start + 1, len(words)):
        question, body = words[split:], words[start:split]
        bodies = [(body, 1 - REPEATED)]
        if body[-len(question) :] == question:
            bodies.append((body[: -len(question)], REPEATED))
        for (named, asked), (told, share) in product(
            _questions(wording).get(question, {}).items(), bodies
        ):
            for end in range(1, len(told) + 1):
                history = _histories().get(told[:end])
                if history is not None:
                    cue, rest = _side(told[end:])
                    for clues, chance in _clue_lists(rest, frozenset()):
                        yield Reading(history, clues, named, asked * share * chance, cue)


def _side(words: Words) -> tuple[int | None, Words]:
    """Cut off the side of the symptoms, if the words start with it."""
    for cue, start in _sides():
        if words[: len(start)] == start:
            return cue, words[len(start) :]
    return None, words


def _clue_lists(words: Words, before: frozenset[int]) -> Iterator[tuple[frozenset[int], float]]:
    """Cut words into clues of different findings in every way, each with its probability."""
    if not words:
        yield before, 1.0
    for end in range(1, len(words) + 1):
        for finding, chance in _clues().get(words[:end], {}).items():
            if finding not in before:
                for clues, rest in _clue_lists(words[end:], before | {finding}):
                    yield clues, chance * rest


@cache
def _starts() -> list[Words]:
    return [*map(_words, STARTS)]


@cache
def _sides() -> list[tuple[int, Words]]:
    """Values of the cue, and the words that tell each."""
    return [(cue, _words(text)) for cue, text in SIDES.items()]


@cache
def _histories() -> Mapping[Words, NDArray[np.float64]]:
    """Probability of each history given each condition, (K,)."""
    found: dict[Words, NDArray[np.float64]] = defaultdict(lambda: np.zeros(len(CONDITIONS)))
    for i, condition in enumerate(CONDITIONS.values()):
        for text in condition.histories:
            found[_words(text)][i] += 1 / len(condition.histories)
    return dict(found)


@cache
def _clues() -> Mapping[Words, Mapping[int, float]]:
    """Probability of words as the clue of a finding, by words and finding."""
    found: dict[Words, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for i, finding in enumerate(DRAWN):
        for text in PHRASES[finding].clues:
            found[_words(text)][i] += 1 / len(PHRASES[finding].clues)
    return found


@cache
def _questions(wording: Wording) -> Mapping[Words, Mapping[tuple[int, ...], float]]:
    """Probability of words as the question, by words and findings asked for."""
    found: dict[Words, dict[tuple[int, ...], float]] = defaultdict(lambda: defaultdict(float))
    for text in GENERAL_QUESTIONS:
        found[_words(text)][()] += 1 / len(GENERAL_QUESTIONS)
    ways = [
        [(_words(text), chance) for text, chance in chances(finding, wording).items()]
        for finding in DRAWN
    ]
    forms = [tuple(map(_words, form.split("{}"))) for form in ASKING]
    for named in [*((i,) for i in range(len(DRAWN))), *permutations(range(len(DRAWN)), 2)]:
        for asked in product(*(ways[i] for i in named)):
            texts, shares = zip(*asked, strict=True)
            words = reduce(lambda one, other: (*one, "or", *other), texts)
            chance = math.prod(shares) / len(ASKING)
            for before, after in forms:
                found[(*before, *words, *after)][named] += chance
    return found
