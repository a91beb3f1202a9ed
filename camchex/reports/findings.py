"""Findings that stand where a report should have its indication."""

import re

from camchex.reports.headers import begin_of_examination, is_examination, with_line_breaks

BLANK_LINE = re.compile(r"\n[^\S\n]*+\n")
LONG = 60
"""Words. The longest of 3,765 indications of the Indiana University reports has 36."""
PHRASES = re.compile(
    r"""
      \b there\ (?: is | are | has\ been | have\ been ) \b
    | \b no\ (?: \w+\ ){0,3} (?: pneumothora | effusion | consolidation | opacit | infiltrate
                              | abnormalit | (?: cardio)?pulmonary\ process )
    | \b no\ (?: acute | active | (?: radiographic\ )?evidence | focal ) \b
    | \b negative\ for\ acute \b
    | \b (?: clear\ lungs | lungs\ (?: \w+\ ){0,3} clear | otherwise\ clear ) \b
    | \b lung\ volumes \b (?! \ on\ prior )
    | \b normal\ (?: chest | heart ) \b
    | \b (?: is | are ) \ (?: seen | noted | identified | present | again | clear | normal | within
                            | stable | intact | unremarkable ) \b
    | \b (?: unchanged | unremarkable | impression ) \b
    | \b (?: findings | conclusion ) :
    | \b (?: silhouette | cardiomediastinal | costophrenic | hemidiaphragms? ) \b
    | \b within\ normal\ limits \b
    """,
    re.IGNORECASE | re.VERBOSE,
)


def reads_like_findings(text: str) -> bool:
    """Tell whether a text reads like what was seen on the image rather than why it was taken.

    A text does if it holds one of ``PHRASES`` of radiologists or more than ``LONG`` words; line
    breaks do not matter. The answer is counted and audited. The corrected section rules also use
    it, for two questions only: which section concludes a report that names no conclusion, and
    which of several sections of a name counts.

    Measured on 200 texts of the Indiana University reports (120 indications, 45 of them chosen
    since they name a finding or a follow-up; 38 findings, 42 impressions), labelled by reading
    them. The phrases were chosen for what was missed on the even report ids (n = 97), by somebody
    who had read all 200. On the odd ids (n = 103): precision 1.00 (33 of 33 flagged), recall 0.80
    (33 of 41); all missed texts are impressions. One of all 3,765 indications is flagged.
    """
    words = with_line_breaks(text).split()
    return len(words) > LONG or PHRASES.search(" ".join(words)) is not None


def begin_of_findings(text: str) -> int | None:
    """Find where a section that asks for an examination goes on with it, or with its findings.

    That is before a header of another section, or at a blank line below which a paragraph begins
    with how the images were taken or reads like findings. A blank line before plain prose is none.

    Returns:
        Code points of the text before it; None if there is none.
    """
    text = with_line_breaks(text).rstrip()
    blanks = list(BLANK_LINE.finditer(text, len(text) - len(text.lstrip())))
    ends = [*(blank.start() for blank in blanks[1:]), len(text)]
    paragraphs = ((b.start(), text[b.end() : end]) for b, end in zip(blanks, ends, strict=False))
    begins = (begin for begin, paragraph in paragraphs if _is_none_of_a_request(paragraph.strip()))
    first = [begin_of_examination(text), next(begins, None)]
    return min((begin for begin in first if begin is not None), default=None)


def _is_none_of_a_request(paragraph: str) -> bool:
    return is_examination(paragraph) or reads_like_findings(paragraph)


def findings_suspected(text: str) -> bool:
    """Whether the text of an indication or history seems to hold findings, in whole or in part."""
    return reads_like_findings(text) or begin_of_findings(text) is not None
