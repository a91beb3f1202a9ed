"""Splitting a report into its sections."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from camchex.reports.findings import BLANK_LINE, begin_of_findings, reads_like_findings
from camchex.reports.headers import (
    CONCLUSIONS,
    PARSERS_HEADERS,
    REQUESTS,
    Header,
    find_headers,
    is_known,
    section_of,
    with_line_breaks,
)
from camchex.texts.params import SectionRules

PARSERS_BLANK_LINE = re.compile(r"\n \n")
UNHEADED = "unheaded findings"


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
    cut: bool = False
    """Whether the section was cut off a request by a rule that the parser does not have."""


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

            - an indication or history also ends at a header that holds digits, small letters or
              any marks, stands at any indent, or lacks its colon
              (:func:`camchex.reports.headers.find_headers`);
            - ``ndication`` is an indication (an impression);
            - ``pfi``, which reports use for provisional findings and impression, keeps its own
              name (a history);
            - a header that merely contains "history" keeps its own name where its text reads like
              findings (a history);
            - a header right below a header is seen (text of the section above it, unless the colon
              above is followed by a space or a carriage return);
            - a blank line may hold any white space, or none (one space, exactly);
            - it ends, too, where an examination or its findings begin without a header
              (:func:`camchex.reports.findings.begin_of_findings`), as ``unheaded findings``;
            - where neither a conclusion nor a blank line is found and the last section reads like
              findings from its begin, it is ``findings`` (an indication, if that is its header);
            - ``start`` of a ``last_paragraph``: see :class:`Section`.

            ``any`` is ``corrected``, with such headers everywhere, also on the first line, and with
            other hospitals' names of a request (``CLINICAL DETAILS``).

            By any rules, an indication may hold findings: ``findings_suspected`` flags it. The
            caller decides which of several sections of a name counts.

    Source:
        ``section_names.csv`` (header, section, number of reports) and the word lists of
        :mod:`camchex.reports.headers` hold facts of MIT-LCP/mimic-cxr, ``txt/section_parser.py``
        at commit e8d26ff (2019). Commit 4fe5c35 of MIT-LCP/mimic-code (July 2026) adds three to the
        start of a ``last_paragraph``, as ``corrected`` does, and changes no text.
    """
    if rules == "reference":
        return _split(text, rules)
    return [
        s._replace(text=text[s.start : s.start + len(s.text)])
        for s in _split(with_line_breaks(text), rules)
    ]


def _split(text: str, rules: SectionRules) -> list[Section]:
    written = _as_written(text, rules)
    sections = [s for s in written if s.text.strip() or not _concludes(s, rules)]
    if not any(_concludes(s, rules) for s in sections):
        sections[-1:] = _unconcluded(sections[-1], rules)
    named = [s._replace(name=_name(s, rules)) for s in sections]
    return named if rules == "reference" else [part for s in named for part in _without_findings(s)]


def _as_written(text: str, rules: SectionRules) -> list[Section]:
    """Split a report at its headers; a section is named by its header in lower case."""
    found = list(find_headers(text, rules) if rules == "any" else _parsers_headers(text, rules))
    if not found:
        return [Section("full report", text, 0)]
    sections = [Section("preamble", text[: found[0].word], 0)]
    for header, end in zip(found, [h.start for h in found[1:]] + [len(text)], strict=True):
        sections.append(Section(header.name, text[header.end : end], header.end, header.inner))
    return sections


def _parsers_headers(text: str, rules: SectionRules) -> Iterator[Header]:
    """Find the headers that the parser sees; if corrected, also others in a request."""
    found = list(PARSERS_HEADERS[rules].finditer(text))
    ends = [*(match.start() for match in found[1:]), len(text)]
    for match, end in zip(found, ends, strict=False):
        name = match[1].lower().strip()
        yield Header(match.start(), match.start(1), match.end(), name)
        if rules == "corrected" and section_of(name, rules) in REQUESTS:
            begin = match.end() - 1  # a line break after the colon belongs to the next header
            for inner in find_headers(text[begin:end], rules):
                start, word, end_of_word = (place + begin for place in inner[:3])
                yield Header(start, word, end_of_word, inner.name, inner=True)


def _unconcluded(last: Section, rules: SectionRules) -> list[Section]:
    """Split the last section of a report that has neither impression nor findings."""
    blank = (PARSERS_BLANK_LINE if rules == "reference" else BLANK_LINE).search(last.text)
    if blank:
        head, rest = last.text[: blank.start()], last.text[blank.end() :]
        offset = blank.start() if rules == "reference" else blank.end()
        paragraph = Section("last_paragraph", rest, last.start + offset)
        return [last._replace(text=head), paragraph]
    if rules == "reference" or begin_of_findings(last.text) is not None:
        return [last]
    if reads_like_findings(last.text):
        return [last._replace(name="findings")]
    return [last]


def _concludes(section: Section, rules: SectionRules) -> bool:
    return section_of(section.name, rules) in CONCLUSIONS


def _name(section: Section, rules: SectionRules) -> str:
    name = section_of(section.name, rules)
    guessed = rules != "reference" and name == "history" and not is_known(section.name, rules)
    return section.name if guessed and reads_like_findings(section.text) else name


def _without_findings(section: Section) -> list[Section]:
    """Split an indication or history where an examination or its findings begin."""
    begin = begin_of_findings(section.text) if section.name in REQUESTS else None
    if begin is None:
        return [section]
    found = Section(UNHEADED, section.text[begin:], section.start + begin, cut=True)
    return [section._replace(text=section.text[:begin]), found]
