"""Indications without the words that name a finding."""

import re
from collections.abc import Sequence
from functools import cache

from camchex.texts.keywords import patterns, require_words

ORGANS = (
    r"(?:(?:hiatal|pleural|pulmonary|pulm|lung|rib|hilar|aortic|mediastinal|apical|basilar"
    r"|bibasilar|bilateral|vascular)\s+)*"
)
"""Words before a finding's that would still tell which one it was: pleural [effusion]."""


def mask_findings(text: str | None, classes: Sequence[str]) -> str | None:
    """An indication without the words for any class of the label space; None if nothing is left.

    The words of all classes go at once, not for each class's score only its own: one prediction
    instead of one per class, and no finding is told by another that goes with it (effusion by
    pneumonia). What remains is age and sex, symptoms, history and the bare question.

    Args:
        text: Cleaned text; None where there is none.
        classes: The label space.

    Returns:
        A text in which :func:`camchex.texts.keywords.mentions` finds nothing.

    Raises:
        DataError: If a class has no entry in ``keywords.yaml``.

    Source: docs/method.md, section 10.1 (audit ii).
    """
    require_words(classes)
    if text is None:
        return None
    left, before = text, ""
    masks = _masks(tuple(classes))
    while left != before:  # what is cut may bring two words together that name another
        before = left
        spans = [m.span() for mask in masks for m in mask.finditer(left)]
        if spans:
            left = _cut(left, spans)
    return left if re.search(r"\w", left) else None


@cache
def _masks(classes: tuple[str, ...]) -> list[re.Pattern[str]]:
    """The patterns of some classes, with the organs before them."""
    found = [patterns()[name] for name in classes]
    return [re.compile(rf"\b{ORGANS}{p.pattern}", p.flags) for p in found if p is not None]


def _cut(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """A text without some of its characters, and with one space where there were several."""
    kept = list(text)
    for start, end in spans:
        kept[start:end] = " " * (end - start)
    return re.sub(r"\s+", " ", "".join(kept)).strip()
