"""Headers of the sections of a report, as MIMIC-CXR's parser sees them and as hospitals write them.

The parser's grammar: a header is a newline, exactly one space (a deeper indent is read as part of
the name), capitals, spaces and ``()/,-``, a colon, and one whitespace character. That character may
be the newline before the next header, which is then swallowed. A header cannot stand on the first
line, hold a digit, or lack its colon.

:func:`find_headers` has the wider grammar of the other rules. It knows names (two tables), words
for what was seen (``FINDINGS 1``) and titles of examinations (``UPRIGHT CHEST AT 5:30 A.M.``).
"""

import csv
import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from itertools import islice
from typing import Final, NamedTuple

from camchex.texts.params import SectionRules

CONCLUSIONS = ("impression", "findings")
REQUESTS = ("indication", "history")
# A header that is in no table belongs to the first of these that it contains.
FAMILIES = ("impression", "findings", "history", "comparison", "addendum")
# Else it is the title of the examination, and findings follow it, if it contains one of these.
EXAMINATION_TITLES = (
    *("chest", "portable", "pa and lateral", "lateral and pa", "ap and lateral", "lateral and ap"),
    *("frontal and", "two views", "frontal view", "pa view", "ap view", "one view"),
    *("lateral view", "bone window", "frontal upright", "frontal semi-upright", "ribs"),
    "pa and lat",
)
# Sections by all rules but the reference of headers that the reference's table gets wrong.
CORRECTED_NAMES = {"ndication": "indication", "pfi": "pfi"}

SENTENCE_END = re.compile(r"[.;!?]\s+\Z")
PARSERS_HEADERS: Mapping[SectionRules, re.Pattern[str]] = {
    "reference": re.compile(r"\n ([A-Z ()/,-]+):\s"),
    "corrected": re.compile(
        r"\n ([A-Z ()/,-]+):(?:(?=\n [A-Z ()/,-]+:\s)|\s)"
    ),  # none is swallowed
}
# Lines with a colon or a dash early on, and short ones; and the blank lines above them.
CANDIDATES = re.compile(
    r"\n(?P<blank>(?:[^\S\n]*+\n){0,2}+)[^\S\n]*+"
    r"(?P<listed>(?:[#>*\u2022\u00b7-]{1,3}|\d{1,2}[.)])[^\S\n]++)?+"
    r"(?=[^\n:]{1,70}+[:\n]|[^\n:]{1,70}+\Z"
    r"|(?:[^\n:a-z]{2,60}?|[A-Z][a-z]+)(?:\s--?\s|\s?[\u2013\u2014;=]))(?P<line>[^\n]+)"
)
COLON = re.compile(r"([^\n:]{1,70}(?:(?<=\d):(?=\d)[^\n:]{1,40}){0,3}):")
DASH = re.compile(r"(.{2,60}?)(?:\s--?(?=\s|$)|\s?[\u2013\u2014]|\s?[;=](?=\s|$))")
CAPITALS = re.compile(r"(?=.*[A-Z]{2})[A-Z0-9(_][A-Z0-9 \t()/,.&'#@+*_:-]*")

# Signs that stand for the line break or the colon of a header, or wrap its name: **Findings**.
LINE_BREAKS = re.compile(r"\r(?!\n)|[\x0b\x0c\x85\u2028\u2029]|\\n")
FULL_WIDTH = str.maketrans("\uff1a\uff1b", ":;")
WRAPPED = re.compile(
    r"(?<!\S)([*\[<({\"'_=~-]{1,5}[ \t]?)([A-Za-z][^\n*\[\]<>(){}\"'_=~:]{1,60})"
    r"(:?[*\]>)}\"'_=~-]{1,5}(?!\w):?)"
)
QUOTES = re.compile(r"[({\"'_=~-]")  # may wrap any word; so only what surely names findings
PARENTHESIS = re.compile(r"\s*\([^()]*\)\Z")  # Reason for exam (free text)
BETWEEN_ORGANS = re.compile(r"\s*[/,&]\s*|\s+and\s+")
ORGAN = "organ"  # in a table: findings, if a colon follows; so are several (lungs/pleura)

_KINDS = (
    r"(?:preliminary|provisional|final|wet|radiolog\w+|radiographic|imaging|chest|lungs?|x-?ray|cxr"
    r"|additional|other|incidental|key|main|pertinent|important|relevant|attending)"
)
_SEEN = r"(?:findings?|impressions?|conclusions?|opinions?|interpretations?)"
CONCLUSION = (
    rf"(?>(?:{_KINDS}[ /&-]+){{0,3}}{_SEEN}(?:[ \t/&,#-]+(?:and|{_SEEN}|recommendations?|\d+)"
    r"(?!\w))*)(?!\w)"
)
_TAKEN = (
    r"(?:chest|thorax|cxr|xr|x-?rays?|(?:radio|roentgeno)gra(?:ph|m)s?|films?|views?|portable"
    r"|frontal|lateral|lat|pa|ap|antero-?posterior|postero-?anterior|decubitus|kub|ribs?)"
)
_TITLE_WORD = (
    rf"(?:{_TAKEN}|radiographic|images?|projections?|exam(?:ination)?s?|stud(?:y|ies)|series|mobile"
    r"|bedside|upright|erect|supine|sitting|standing|recumbent|semi-?(?:upright|erect|recumbent)?"
    r"|oblique|lordotic|left|right|bilateral|abdom(?:en|inal)|single|one|two|three|four|first|second"
    r"|number|no|am|pm|a\.m|p\.m|hours?|hrs?|at|on|of|the|and|with|from|dated?|time|digital|plain"
    r"|standard|repeat|follow-?up|inspiratory|expiratory|_{2,}"
    r"|performed|obtained|taken|film|ct|xray|vw?s?|both"
    r"|jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
    r"|\d+(?:[:/.-]\d+)*+(?:st|nd|rd|th|v|vws?|h|hrs?)?)(?!\w)"
)
_BETWEEN = r"(?:[ \t,&/()@#+*-]|\.(?!(?-i:\s+[A-Z][a-z]))){1,5}"  # not the end of a sentence
TITLE = rf"(?>{_TITLE_WORD}(?:{_BETWEEN}{_TITLE_WORD}){{0,20}})"
_CAPITAL_WORD = rf"(?!(?-i:[A-Z]*[a-z])){_TITLE_WORD}"
_CAPITAL_TITLE = rf"(?>{_CAPITAL_WORD}(?:{_BETWEEN}{_CAPITAL_WORD}){{0,20}})"
# Such words without a colon: FINDINGS Large effusion.
UNMARKED = re.compile(
    rf"(?<=[\n.;!?])[\s#*>-]*+(?:(?P<seen>{CONCLUSION})(?=[^\S\n]*(?P<mark>[:;=.,\u2026\u2013\u2014-]*)\s*(?P<next>\S?))"
    rf"|(?P<title>{_CAPITAL_TITLE})(?=[).]*\s+(?-i:[A-Z][a-z])))",
    re.IGNORECASE,
)
PARAGRAPH = re.compile(
    rf"(?P<title>{TITLE})(?:[).]*[.:]|,?\s+(?:was|were|is|are|has|have|shows?|showing|demonstrates?"
    r"|reveals?|obtained|performed|provided|submitted|reviewed|compared)\b)",
    re.IGNORECASE,
)
IS_CONCLUSION = re.compile(CONCLUSION, re.IGNORECASE)
IS_TITLE = re.compile(rf"(?=.*\b{_TAKEN}(?!\w)){TITLE}", re.IGNORECASE)
IS_REQUEST = re.compile(
    r"(?!no |without )(?:[\w./]+ (?:(?:and|/|-) )?){0,3}(?:indications?|reasons?)\b[\w /-]*",
    re.IGNORECASE,
)


class Header(NamedTuple):
    """A header in a report.

    Attributes:
        start: Code points before the line break that the header follows, where the section above
            it ends.
        word: Code points before its first word.
        end: Code points before what follows its colon, dash or line.
        name: As written, in lower case.
        inner: Whether it stands within a section of the parser's that asks for an examination.
    """

    start: int
    word: int
    end: int
    name: str
    inner: bool = False


def find_headers(text: str, rules: SectionRules) -> Iterator[Header]:
    """Find the headers of a report by the rules ``corrected`` or ``any``.

    A header begins a line, at any indent; by ``any`` also the first line. It is one of these:

    - capitals, digits and marks, with two letters side by side, a colon and white space:
      ``LINES & TUBES:``;
    - a name (:func:`section_of`), words for what was seen, or the title of an examination, with a
      capital at its begin, and a colon, a dash between spaces, or nothing else on its line. One
      without a colon must be in capitals or follow a blank line (a name, by ``any``, need not); a
      title must then have two words or follow a blank line.

    A title that stands alone on its line, without a colon, is the header of an ``examination``.
    """
    added = "\n" if rules == "any" else ""  # before the first line
    lines = added + _with_plain_marks(text)
    for match in CANDIDATES.finditer(lines):
        after_blank = bool(match["blank"]) or (rules == "any" and not match.start())
        listed = match["listed"] is not None
        found = _header_of(match["line"].rstrip(), rules, after_blank=after_blank, listed=listed)
        if found:
            word = match.start("line")
            end = word + found[1]
            following = lines[end : end + 1]
            end += following.isspace() and following != "\n"
            start = lines.rfind("\n", 0, word)
            shift = len(added)
            yield Header(max(start - shift, 0), word - shift, end - shift, found[0])


def with_line_breaks(text: str) -> str:
    """Write every line break as a newline; a lone carriage return and a backslash and n are some.

    The length stays, so that places in the result are places in the text.
    """
    return LINE_BREAKS.sub(lambda found: "\n".ljust(len(found[0])), text)


def _with_plain_marks(text: str) -> str:
    """Write a header's colon, or what wraps its name, as a plain colon; the length stays."""

    def plain(found: re.Match[str]) -> str:
        name = found[2].strip()
        sure = IS_CONCLUSION.fullmatch(name)
        if not (sure if QUOTES.search(found[1] + found[3]) else _is_name(name, "any")):
            return found[0]
        return f"{' ' * len(found[1])}{found[2]}{':'.ljust(len(found[3]))}"

    return WRAPPED.sub(plain, text.translate(FULL_WIDTH))


def _header_of(
    line: str, rules: SectionRules, *, after_blank: bool, listed: bool
) -> tuple[str, int] | None:
    """Name and length of the header that a line begins with, if it does.

    Behind the number or the bullet of a list only known names are headers.
    """
    stands_out = after_blank or not line[0].islower()
    if colon := COLON.match(line):
        name, spaced = colon[1].strip(), not line[colon.end() : colon.end() + 1].strip()
        known = _is_name(name, rules) or _is_organ(name)
        if (stands_out and known) or (spaced and not listed and CAPITALS.fullmatch(name)):
            return name.lower(), colon.end()
    dash = DASH.match(line)
    if dash and stands_out and _is_marked(dash[1].strip(), rules, after_blank, dash=True):
        return dash[1].strip().lower(), dash.end()
    alone = line.rstrip(".)").strip()
    if stands_out and _is_marked(alone, rules, after_blank, dash=False):
        return "examination" if IS_TITLE.fullmatch(alone) else alone.lower(), len(line)
    return None


def _is_marked(name: str, rules: SectionRules, after_blank: bool, *, dash: bool) -> bool:  # noqa: FBT001
    """Whether words without a colon are a header, by their capitals or a blank line above."""
    if IS_TITLE.fullmatch(name):
        return after_blank or (name.isupper() and len(name.split()) > 1)
    if dash and IS_CONCLUSION.fullmatch(name):
        return True
    return (after_blank or name.isupper() or rules == "any") and _is_name(name, rules)


def begin_of_examination(text: str) -> int | None:
    """Find where an examination or its findings begin in a section that asks for them.

    Returns:
        Code points before the first header of another kind, or before a header of findings within
        a line (in capitals, or after the end of a sentence). None if there is neither.
    """
    others = known_sections() - {*REQUESTS}
    rules: Final = "corrected"
    below = (h.start for h in find_headers(text, rules) if section_of(h.name, rules) in others)
    plain = _with_plain_marks(text)
    inside = _in_a_line().finditer(plain) if ":" in plain else ()
    within = (match.start() for match in inside if _is_within(match))
    alone = (match.start() for match in UNMARKED.finditer(plain) if _is_unmarked(match))
    unmarked = (len(plain[:start].rstrip()) for start in alone)
    return min([*islice(below, 1), *islice(within, 1), *islice(unmarked, 1)], default=None)


@cache
def _in_a_line() -> re.Pattern[str]:
    """Compile a pattern of the headers, by words or by table, that a colon follows."""
    tables = {**_table("section_names.csv"), **_table("other_names.csv")}
    names = (name for name, section in tables.items() if section not in (*REQUESTS, "preamble"))
    listed = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    words = rf"(?:{CONCLUSION}|{TITLE}|(?:{listed})(?:(?:[/,& ]|and){{1,5}}(?:{listed}))?(?!\w))"
    return re.compile(rf"(?<=[\s.;]){words}(?=[).]*\s?:(?![^\s:]))", re.IGNORECASE)


def _is_within(match: re.Match[str]) -> bool:
    """Whether words before a colon within a line are a header of another section."""
    name, before = match[0], match.string[max(0, match.start() - 20) : match.start()]
    stands_out = name.isupper() or (name[0].isupper() and SENTENCE_END.search(before))
    return bool(stands_out and (_is_name(name, "corrected") or _is_organ(name)))


def _is_unmarked(match: re.Match[str]) -> bool:
    """Whether words at the begin of a line or sentence are a header by their capitals alone."""
    if match["title"]:
        words = match["title"]
        is_title = IS_TITLE.fullmatch(words) and len(words.split()) > 1
        return bool(is_title and words.isupper() and not match.string.isupper())
    seen, following = match["seen"], match["next"]
    if seen.isupper():
        return bool(match["mark"] or not match.string.isupper())
    return seen[0].isupper() and following.isupper()


def is_examination(paragraph: str) -> bool:
    """Whether a paragraph begins with how the images were taken."""
    begin = PARAGRAPH.match(paragraph)
    return begin is not None and IS_TITLE.fullmatch(begin["title"]) is not None


@lru_cache(10_000)
def _is_name(name: str, rules: SectionRules) -> bool:
    """Whether a header in any case is one that is known."""
    lower = " ".join(name.lower().rstrip(".").split())
    return bool(
        _listed(lower, rules)
        or IS_CONCLUSION.fullmatch(lower)
        or IS_TITLE.fullmatch(name.rstrip(".)"))
        or (rules == "any" and IS_REQUEST.fullmatch(_plain(lower)))
    )


@lru_cache(10_000)
def _is_organ(name: str) -> bool:
    """Whether a header names nothing but organs or devices: ``Lungs/pleura``."""
    table = _table("other_names.csv")
    return all(table.get(part) == ORGAN for part in BETWEEN_ORGANS.split(name.lower().strip()))


def _plain(header: str) -> str:
    return " ".join(header.replace("(s)", "s").replace("&", " and ").split())


def _listed(header: str, rules: SectionRules) -> str | None:
    """Section of a header by the tables; by all rules but the reference in any writing of it."""
    names = _names(rules)
    if header in names or rules == "reference":
        return names.get(header)
    plain = _plain(header)
    return names.get(plain) or names.get(PARENTHESIS.sub("", plain))


@lru_cache(10_000)  # nearly all headers of 227,835 reports are among a few dozen
def section_of(header: str, rules: SectionRules) -> str:
    """Normalise a header, in lower case, to the name of its section."""
    if rules != "reference" and header in CORRECTED_NAMES:
        return CORRECTED_NAMES[header]
    if listed := _listed(header, rules):
        return listed
    if rules == "any" and IS_REQUEST.fullmatch(_plain(header)):
        return "indication"
    titled = any(title in header for title in EXAMINATION_TITLES) or (
        rules != "reference"
        and (
            IS_TITLE.fullmatch(header.rstrip(".)"))
            or IS_CONCLUSION.fullmatch(header)
            or _is_organ(header)
        )
    )
    named = "findings" if titled else header
    return next((family for family in FAMILIES if family in header), named)


def is_known(header: str, rules: SectionRules) -> bool:
    """Whether a header, in lower case, is in a table of names."""
    return header in _names(rules)


@cache
def known_sections() -> frozenset[str]:
    """Names of sections that headers of a report can have."""
    return frozenset({*_names("any").values()} - {"preamble"})


@cache
def _names(rules: SectionRules) -> Mapping[str, str]:
    """Section of each header that is known by name.

    The names of other hospitals for a request count by the rules ``any`` only.
    """
    published, other = _table("section_names.csv"), _table("other_names.csv")
    if rules == "reference":
        return published
    if rules == "corrected":
        other = {header: section for header, section in other.items() if section not in REQUESTS}
    other = {header: section for header, section in other.items() if section != ORGAN}
    return other | published | CORRECTED_NAMES


@cache
def _table(name: str) -> dict[str, str]:
    with files("camchex.reports").joinpath(name).open() as file:
        return {row["header"]: row["section"] for row in csv.DictReader(file)}
