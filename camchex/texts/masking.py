"""Indications without the words for findings."""

import re
from collections.abc import Sequence
from functools import cache

from camchex.texts.keywords import patterns, require_words

ORGANS = (
    r"(?:(?:hiatal|pleural|pulmonary|pulm|lung|rib|hilar|aortic|mediastinal|apical|basilar"
    r"|bibasilar|bilateral|vascular)\s+)*"
)
"""Words before the name of a finding that would still tell the finding: pleural [effusion]."""


def mask_findings(text: str | None, classes: Sequence[str]) -> str | None:
    """Remove the words for every class of the label space from an indication.

    The words of all classes go at once, instead of each class's own words for its own score. That
    takes one prediction instead of one per class, and hides findings that other findings suggest
    (effusion by pneumonia). Age and sex, symptoms, history and the bare question remain.

    Args:
        text: Cleaned text; None where there is none.
        classes: The label space.

    Returns:
        A text in which :func:`camchex.texts.keywords.mentions` finds nothing; None if no word is
        left.

    Raises:
        DataError: If a class has no entry in ``keywords.yaml``.

    Source: docs/method.md, section 10.1 (audit ii).
    """
    require_words(classes)
    if text is None:
        return None
    left, before = text, ""
    while left != before:  # a cut may bring two words together that name another finding
        before = left
        spans = [m.span() for mask in _masks(tuple(classes)) for m in mask.finditer(left)]
        if spans:
            kept = list(left)
            for start, end in spans:
                kept[start:end] = " " * (end - start)
            left = " ".join("".join(kept).split())
    return left if re.search(r"\w", left) else None


@cache
def _masks(classes: tuple[str, ...]) -> list[re.Pattern[str]]:
    """Compile the patterns of some classes, with the organs before them."""
    found = [patterns()[name] for name in classes]
    return [re.compile(rf"\b{ORGANS}{p.pattern}", p.flags) for p in found if p is not None]
