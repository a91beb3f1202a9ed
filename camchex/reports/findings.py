"""Telling an indication from findings that ended up in its section."""

import re

LONG = 60
"""Words. The longest of 3,765 indications of the Indiana University reports has 36."""
PHRASES = re.compile(
    r"""
      \b there\ (?: is | are | has\ been | have\ been ) \b
    | \b no\ (?: \w+\ ){0,3} (?: pneumothora | effusion | consolidation | opacit | infiltrate
                              | abnormalit | (?: cardio)?pulmonary\ process )
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
    """Say whether a text reads like what was seen on the image rather than why it was taken.

    It is a flag to count and audit by, not a filter: ``PHRASES`` of radiologists, or a length
    above ``LONG``. Line breaks do not matter.
    """
    words = text.split()
    return len(words) > LONG or PHRASES.search(" ".join(words)) is not None
