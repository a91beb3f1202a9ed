"""A radiologist's report in the layout of MIMIC-CXR, with the irregularities of real ones."""

import textwrap
from collections.abc import Callable, Mapping

import numpy as np

from camchex.synthetic.params import DRAWN
from camchex.synthetic.people.patients import Study
from camchex.synthetic.people.phrases import PHRASES
from camchex.synthetic.random_streams import pick

WIDTH = 78  # of a line, after the space that it starts with
BLANK = " "
HEADERS = {"INDICATION": 0.67, "HISTORY": 0.20, "": 0.13}
"""Which header the indication stands under; 13 % of the reports have neither (method, 10.13)."""
UNREMARKABLE = ("lungs are clear", "heart size is normal", "no acute osseous abnormality")
Sections = list[tuple[str, str]]


def write_report(study: Study, indication: str, dirt: float, rng: np.random.Generator) -> str:
    """Write one report file.

    Args:
        study: What the radiologist saw; the indication is no part of it.
        indication: As the referring physician wrote it.
        dirt: Share of the reports with one irregularity (``DIRT``).
        rng: Of this study's report.

    Source:
        docs/method.md, section 1.1: lines start with one space and hold at most 79 characters,
        blank lines hold one space, headers are capitals before a colon.
    """
    header = [*HEADERS][rng.choice(len(HEADERS), p=[*HEADERS.values()])]
    sections = [
        ("EXAMINATION", _examination(study)),
        *([(header, indication)] if header else []),
        ("TECHNIQUE", "Chest radiographs were obtained."),
        ("COMPARISON", "None." if rng.random() < 0.5 else "Chest radiograph ___"),  # noqa: PLR2004
        ("FINDINGS", _findings(study, rng)),
        ("IMPRESSION", _impression(study)),
    ]
    if rng.random() < dirt:
        return DIRT[pick(rng, [*DIRT])](sections, rng)
    return _print(sections)


def _print(sections: Sections, separator: str = "\n \n") -> str:
    title = "FINAL REPORT".center(77).rstrip()
    return f"{title}\n{separator.join(_section(*section) for section in sections)}\n"


def _section(name: str, text: str) -> str:
    if name in {"FINDINGS", "IMPRESSION"}:
        return f" {name}: \n{BLANK}\n{_wrap(text)}"
    return _wrap(f"{name}:  {text}" if name else text)


def _wrap(text: str) -> str:
    lines = textwrap.wrap(text, WIDTH, break_long_words=False, fix_sentence_endings=False)
    return "\n".join(f" {line}" for line in lines)


def _examination(study: Study) -> str:
    lateral = "LATERAL" in study.views
    if study.views[0] == "AP":
        return "CHEST (AP AND LAT)" if lateral else "CHEST (PORTABLE AP)"
    return "CHEST (PA AND LAT)" if lateral else "CHEST (SINGLE VIEW)"


def _findings(study: Study, rng: np.random.Generator) -> str:
    seen = [f"There is {PHRASES[f].seen}." for f in study.severities]
    absent = [f for f in DRAWN if f not in study.severities]
    unseen = [PHRASES[absent[i]].seen for i in rng.permutation(len(absent))[:2]]
    rest = pick(rng, UNREMARKABLE) if not seen else ""
    sentences = [*seen, f"No {' or '.join(unseen)}."]
    return " ".join([f"{rest.capitalize()}."] * bool(rest) + sentences)


def _impression(study: Study) -> str:
    if not study.severities:
        return "No acute cardiopulmonary process."
    return ". ".join(PHRASES[f].seen.capitalize() for f in study.severities) + "."


def _blanks_only(sections: Sections, _: np.random.Generator) -> str:
    """An indication of which de-identification left nothing."""
    return _print([(name, "___" if name in HEADERS else text) for name, text in sections])


def _typing_errors(sections: Sections, rng: np.random.Generator) -> str:
    """Neighbouring letters swapped in every fourth word of the indication."""
    changed = [(name, _misspell(text, rng) if name in HEADERS else text) for name, text in sections]
    return _print(changed)


def _misspell(text: str, rng: np.random.Generator) -> str:
    words = text.split(" ")
    for i, word in enumerate(words):
        if len(word) > 4 and word.isalpha() and rng.random() < 0.25:  # noqa: PLR2004
            k = int(rng.integers(1, len(word) - 2))
            words[i] = word[:k] + word[k + 1] + word[k] + word[k + 2 :]
    return " ".join(words)


def _sections_missing(sections: Sections, _: np.random.Generator) -> str:
    """Nothing but the examination and the impression."""
    return _print([s for s in sections if s[0] in {"EXAMINATION", "IMPRESSION"}])


def _findings_follow(sections: Sections, _: np.random.Generator) -> str:
    """Findings that follow the indication without a header or a blank line of their own."""
    text = dict(sections)
    kept = [s for s in sections if s[0] == "EXAMINATION" or s[0] in HEADERS]
    return f"{_print(kept).rstrip()}\n{_wrap(text['FINDINGS'])}\n"


def _lower_case_headers(sections: Sections, _: np.random.Generator) -> str:
    """Headers that the section parser does not see."""
    return _print([(name.capitalize(), text) for name, text in sections])


def _wet_read(sections: Sections, _: np.random.Generator) -> str:
    """A first reading at the end."""
    return _print([*sections, ("WET READ", "___ 10:12 PM  As above.")])


def _addendum(sections: Sections, _: np.random.Generator) -> str:
    """An addendum before the report."""
    added = f" {'ADDENDUM'}  Findings were discussed by telephone.\n {'_' * 60}\n"
    return added + _print(sections)


DIRT: Mapping[str, Callable[[Sections, np.random.Generator], str]] = {
    "blanks only": _blanks_only,
    "typing errors": _typing_errors,
    "sections missing": _sections_missing,
    "findings follow": _findings_follow,
    "lower-case headers": _lower_case_headers,
    "wet read": _wet_read,
    "addendum": _addendum,
}
"""Irregularities that a report may have, at most one each."""
