"""Splitting a MIMIC-CXR report into its sections.

The grammar is that of MIMIC-CXR's section parser: a header is a newline, exactly one space (a
deeper indent is read as part of the name), capitals, spaces and ``()/,-``, a colon, and one
whitespace character. That character may be the newline before the next header, which is then
swallowed. A header cannot stand on the first line, hold a digit, or lack its colon.
"""

import csv
import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

from camchex.reports.findings import reads_like_findings
from camchex.texts.params import SectionRules

HEADERS = {
    "reference": re.compile(r"\n ([A-Z ()/,-]+):\s"),
    "corrected": re.compile(r"\n ([A-Z ()/,-]+):(?:(?=\n [A-Z ()/,-]+:\s)|\s)"),
}
BLANK_LINES = {"reference": re.compile(r"\n \n"), "corrected": re.compile(r"\n[^\S\n]*\n")}
CONCLUSIONS = ("impression", "findings")
# A header that is in no table belongs to the first of these that it contains.
FAMILIES = ("impression", "findings", "history", "comparison", "addendum")
# Else it is the title of the examination, and findings follow it, if it contains one of these.
EXAMINATION_TITLES = (
    *("chest", "portable", "pa and lateral", "lateral and pa", "ap and lateral", "lateral and ap"),
    *("frontal and", "two views", "frontal view", "pa view", "ap view", "one view"),
    *("lateral view", "bone window", "frontal upright", "frontal semi-upright", "ribs"),
    "pa and lat",
)
# Sections by the corrected rules of headers that the reference's table gets wrong.
CORRECTED_NAMES = {"ndication": "indication", "pfi": "pfi"}


class Section(NamedTuple):
    """One section of a report.

    Attributes:
        name: Normalised name, lower case (``indication``, ``last_paragraph``, ...).
        text: Text as written, whitespace included.
        start: Code points before ``text`` in the report. The reference rules count those of a
            ``last_paragraph`` only up to the blank line that opens it, three fewer.
    """

    name: str
    text: str
    start: int


def split_sections(text: str, rules: SectionRules = "corrected") -> list[Section]:
    r"""Split a report into sections with normalised names.

    Text before the first header is the ``preamble``; a report without a header is one
    ``full report``. Empty impressions and findings are dropped. Where neither is left, the last
    section is cut at its first blank line (``\n \n``), and the rest is the ``last_paragraph``.

    Args:
        text: The report, read without newline translation.
        rules: ``reference`` gives names, texts and starts as MIMIC-CXR's parser does.
            ``corrected`` differs where the parser takes findings for an indication or a history,
            or the other way round (in brackets: the parser):

            - ``ndication`` is an indication (an impression);
            - ``pfi``, which reports use for provisional findings and impression, keeps its own
              name (a history);
            - a header that merely contains "history" keeps its own name where its text reads like
              findings (a history);
            - a header right below a header is seen (text of the section above it, unless the colon
              above is followed by a space or a carriage return);
            - a blank line may hold any white space, or none (one space, exactly);
            - where neither a conclusion nor a blank line is found and the last section reads like
              findings, it is ``findings`` (an indication, if that is its header);
            - ``start`` of a ``last_paragraph``: see :class:`Section`.

            By either rules, an indication may hold findings that no header and no blank line
            separates, if another section concludes the report: ``reads_like_findings`` flags it.
            The caller decides which of several sections of a name counts.

    Source:
        ``section_names.csv`` (header, section, number of reports) and the word lists
        here hold facts of MIT-LCP/mimic-cxr, ``txt/section_parser.py``.
    """
    written = _as_written(text, rules)
    sections = [s for s in written if s.text.strip() or not _concludes(s, rules)]
    if not any(_concludes(s, rules) for s in sections):
        sections[-1:] = _unconcluded(sections[-1], rules)
    return [s._replace(name=_name(s, rules)) for s in sections]


def _as_written(text: str, rules: SectionRules) -> list[Section]:
    """Split a report at its headers; a section is named by its header in lower case."""
    headers = list(HEADERS[rules].finditer(text))
    if not headers:
        return [Section("full report", text, 0)]
    sections = [Section("preamble", text[: headers[0].start(1)], 0)]
    for match, end in zip(headers, [m.start() for m in headers[1:]] + [len(text)], strict=True):
        sections.append(Section(match[1].lower().strip(), text[match.end() : end], match.end()))
    return sections


def _unconcluded(last: Section, rules: SectionRules) -> list[Section]:
    """Split the last section of a report that has neither impression nor findings."""
    blank = BLANK_LINES[rules].search(last.text)
    if blank:
        head, rest = last.text[: blank.start()], last.text[blank.end() :]
        offset = blank.start() if rules == "reference" else blank.end()
        paragraph = Section("last_paragraph", rest, last.start + offset)
        return [last._replace(text=head), paragraph]
    if rules == "corrected" and reads_like_findings(last.text):
        return [last._replace(name="findings")]
    return [last]


def _concludes(section: Section, rules: SectionRules) -> bool:
    return _normalised(section.name, rules) in CONCLUSIONS


def _name(section: Section, rules: SectionRules) -> str:
    name = _normalised(section.name, rules)
    guessed = rules == "corrected" and name == "history" and section.name not in _known_names()
    return section.name if guessed and reads_like_findings(section.text) else name


@lru_cache(1000)  # nearly all headers of 227,835 reports are among a few dozen
def _normalised(header: str, rules: SectionRules) -> str:
    if rules == "corrected" and header in CORRECTED_NAMES:
        return CORRECTED_NAMES[header]
    if header in _known_names():
        return _known_names()[header]
    named = "findings" if any(title in header for title in EXAMINATION_TITLES) else header
    return next((family for family in FAMILIES if family in header), named)


@cache
def _known_names() -> dict[str, str]:
    """Read the section of each header that occurs in MIMIC-CXR."""
    with files("camchex.reports").joinpath("section_names.csv").open() as file:
        return {row["header"]: row["section"] for row in csv.DictReader(file)}
