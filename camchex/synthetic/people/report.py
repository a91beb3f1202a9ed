"""A radiologist's report in the layout of MIMIC-CXR, with the irregularities of real ones."""

import textwrap
from collections.abc import Callable, Mapping

import numpy as np

from camchex.synthetic.params import DRAWN
from camchex.synthetic.people.patients import Study
from camchex.synthetic.people.phrases import PHRASES
from camchex.synthetic.random_streams import pick

WIDTH = 78  # of a line, after the space that it starts with
HEADERS = {"INDICATION": 0.67, "HISTORY": 0.20, "": 0.13}
"""Headers of the indication; 13 % of the reports have neither (docs/method.md, section 10.13)."""
FIRST_STUDY = 0.5  # share of the reports without an earlier study to compare with
LONG_WORD, MISSPELT = 5, 0.25  # least letters of a word that may be misspelt; share of these
UNREMARKABLE = ("lungs are clear", "heart size is normal", "no acute osseous abnormality")
Sections = list[tuple[str, str]]


def write_report(study: Study, indication: str, dirt: float, rng: np.random.Generator) -> str:
    """Write one report file.

    Args:
        study: The study that the radiologist saw; the indication is no part of it.
        indication: The text that the referring physician wrote.
        dirt: Share of the reports with one irregularity (``DIRT``).
        rng: The generator of this study's report.

    Source:
        docs/method.md, section 1.1: lines start with one space and hold at most 79 characters,
        blank lines hold one space, headers are capitals before a colon.
    """
    header = [*HEADERS][rng.choice(len(HEADERS), p=[*HEADERS.values()])]
    frontal_only = "PORTABLE AP" if study.views[0] == "AP" else "SINGLE VIEW"
    both = "AP AND LAT" if study.views[0] == "AP" else "PA AND LAT"
    named = [PHRASES[f].seen.capitalize() for f in study.severities]
    sections = [
        ("EXAMINATION", f"CHEST ({both if 'LATERAL' in study.views else frontal_only})"),
        *([(header, indication)] if header else []),
        ("TECHNIQUE", "Chest radiographs were obtained."),
        ("COMPARISON", "None." if rng.random() < FIRST_STUDY else "Chest radiograph ___"),
        ("FINDINGS", _findings(study, rng)),
        ("IMPRESSION", ". ".join(named or ["No acute cardiopulmonary process"]) + "."),
    ]
    if rng.random() < dirt:
        return DIRT[pick(rng, [*DIRT])](sections, rng)
    return _print(sections)


def _print(sections: Sections) -> str:
    title = "FINAL REPORT".center(77).rstrip()
    printed = [
        f" {name}: \n \n{_wrap(text)}"
        if name in {"FINDINGS", "IMPRESSION"}
        else _wrap(f"{name}:  {text}" if name else text)
        for name, text in sections
    ]
    return title + "\n" + "\n \n".join(printed) + "\n"


def _wrap(text: str) -> str:
    lines = textwrap.wrap(text, WIDTH, break_long_words=False, fix_sentence_endings=False)
    return "\n".join(f" {line}" for line in lines)


def _findings(study: Study, rng: np.random.Generator) -> str:
    seen = [f"There is {PHRASES[f].seen}." for f in study.severities]
    absent = [f for f in DRAWN if f not in study.severities]
    unseen = [PHRASES[absent[i]].seen for i in rng.permutation(len(absent))[:2]]
    if not seen:
        seen = [f"{pick(rng, UNREMARKABLE).capitalize()}."]
    return " ".join([*seen, f"No {' or '.join(unseen)}."])


def _misspell(text: str, rng: np.random.Generator) -> str:
    words = text.split(" ")
    for i, word in enumerate(words):
        if len(word) >= LONG_WORD and word.isalpha() and rng.random() < MISSPELT:
            k = int(rng.integers(1, len(word) - 2))
            words[i] = word[:k] + word[k + 1] + word[k] + word[k + 2 :]
    return " ".join(words)


def _findings_follow(sections: Sections) -> str:
    kept = [s for s in sections if s[0] == "EXAMINATION" or s[0] in HEADERS]
    return f"{_print(kept).rstrip()}\n{_wrap(dict(sections)['FINDINGS'])}\n"


DIRT: Mapping[str, Callable[[Sections, np.random.Generator], str]] = {
    # De-identification left nothing of the indication.
    "blanks only": lambda sections, _: _print(
        [(name, "___" if name in HEADERS else text) for name, text in sections]
    ),
    # Neighbouring letters are swapped in every fourth long word of the indication.
    "typing errors": lambda sections, rng: _print(
        [(name, _misspell(text, rng) if name in HEADERS else text) for name, text in sections]
    ),
    # Nothing is there but the examination and the impression.
    "sections missing": lambda sections, _: _print(
        [s for s in sections if s[0] in {"EXAMINATION", "IMPRESSION"}]
    ),
    # Findings follow the indication without a header or a blank line of their own.
    "findings follow": lambda sections, _: _findings_follow(sections),
    # The section parser does not see these headers.
    "lower-case headers": lambda sections, _: _print(
        [(name.capitalize(), text) for name, text in sections]
    ),
    # A first reading stands at the end.
    "wet read": lambda sections, _: _print([*sections, ("WET READ", "___ 10:12 PM  As above.")]),
    # An addendum stands before the report.
    "addendum": lambda sections, _: (
        f" ADDENDUM  Findings were discussed by telephone.\n {'_' * 60}\n{_print(sections)}"
    ),
}
"""Irregularities that a report may have, at most one each."""
