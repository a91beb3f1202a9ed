"""Findings that an indication names, recognised by the words for them."""

import re
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from camchex.contract.yaml_file import read_data
from camchex.errors import DataError

KEYWORDS = "keywords.yaml"
NOTHING_NAMED = ("No Finding", "Normal")
Bools = NDArray[np.bool_]


@cache
def patterns() -> Mapping[str, re.Pattern[str] | None]:
    """Compile one pattern per class of ``keywords.yaml``; None for a class that has no words."""
    listed = read_data(__package__, KEYWORDS, dict[str, list[str] | None])
    return {
        name: re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE) if words else None
        for name, words in listed.items()
    }


def require_words(classes: Sequence[str]) -> None:
    """Raise DataError if a class has no entry in ``keywords.yaml``."""
    unknown = [name for name in classes if name not in patterns()]
    if unknown:
        raise DataError(f"{KEYWORDS}: no entry for {unknown}. Add one, if only an empty list.")


def mentions(indications: Sequence[str | None], classes: Sequence[str]) -> Bools:
    """Tell which classes each indication names, whether as known, suspected or to be excluded.

    Args:
        indications: Cleaned text, (N,); None where there is none.
        classes: The label space, Q names.

    Returns:
        Whether each class is named, (N, Q).

    Raises:
        DataError: If a class has no entry in ``keywords.yaml``.

    Source: docs/method.md, section 10.1 (keyword baseline on the indication alone).
    """
    require_words(classes)
    named = np.zeros((len(indications), len(classes)), dtype=bool)
    for column, name in enumerate(classes):
        pattern = patterns()[name]
        if pattern is not None:
            named[:, column] = [bool(text and pattern.search(text)) for text in indications]
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
