"""Indications without the words for findings."""

import re
from collections.abc import Sequence

from camchex.texts.keywords import require_words, spans

ORGANS = re.compile(
    r"\b(?:(?:hiatal|pleural|pulmonary|pulm|lung|rib|hilar|aortic|mediastinal|apical|basilar"
    r"|bibasilar|bilateral|vascular)\s+)+$",
    re.IGNORECASE,
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
        kept = list(left)
        for name in classes:
            for start, end in spans(left, name):
                organs = ORGANS.search(left, 0, start)
                first = organs.start() if organs else start
                kept[first:end] = " " * (end - first)
        if kept != list(left):
            left = " ".join("".join(kept).split())
    return left if re.search(r"\w", left) else None
