"""Whether an indication rules out, has removed or gives to a relative what it names.

The rules are those of ConText (Harkema, Dowling, Thornblade and Chapman 2009) as far as requests
need them: words that negate open a scope to the right, words of history or of a question end it,
some phrases only look like a negation (``no change``), and a few negate to the left.
"""

import re

HISTORY = (
    r"known|new|acute|active|significant|evidence|signs?|symptoms|sx|hx|h/o|history|prior|previous"
    r"|past|recent|obvious|definite|clear|clinical|documented|further|recurrent|residual|longer|of|any"
    r"|a|an|the|other|associated|large|focal|suspicion|suspected|suspect|concern|worry|for|to"
    r"|suggest|suggestive|specific|gross|frank|overt|apparent|current|currently|additional|more|has"
    r"|have|had"
)
PSEUDO = (
    r"(?:(?:interval|significant|real|much|prior|previous|recent|old|other|any|clinical)\ )?"
    r"(?:change[sd]?|improv\w*|better|increase[sd]?|decrease[sd]?|worse\w*|comparisons?"
    r"|relief|response|respond\w*|resolv\w*|resolution|clear(?:ing|ed)|films?|imaging|cxrs?"
    r"|x-?rays?|stud(?:y|ies)|clear\ if|sure|certain|exclud\w*|rule[ds]?\ out|r/o|only|able"
    r"|tolerat\w*|allerg\w*"
    r"|at\ this\ hospital|recover\w*|go\w*\ away|explain\w*)"
)
ENDING = (
    r"but|however|except|although|though|eval\w*|assess\w*|r/o|rule|ruling|exclude|please|concern\w*"
    r"|suspect\w*|question\w*|query|check|look\w*|now|with|w/|has|had|presents?|presenting|p/w|c/o|s/p"
    r"|h/o|hx|history|known|who|on|new|since|due|because|secondary|vs|versus|which|status|year|yo|m|f"
    r"|man|woman|male|female|in|after|from|worsening|increas\w*|persistent|possible|likely|need|want"
    r"|interval|follow\w*|f/u|assessment|evidence|here|today|admitted|found|coming"
)
NEGATING = (
    rf"(?:\b(?:no|not|without|w/o|denies|denied|denying|deny|nor|never|lack\ of|absence\ of"
    rf"|free\ of|neg(?:ative)?\ for|non)(?!\ {PSEUDO}\b)|\b(?:ruled\ out|r/o'd)(?:\ for)?)"
)
RELATIVE = (
    r"\b(?:(?:family|fam)\ (?:history|hx|h/o)|fhx|fh|(?:mother|father|mom|dad|brother|sister|wife"
    r"|husband|uncle|aunt|grand\w+|son|daughter|roommate|coworker)(?:\ \w+)?"
    r"\ (?:with|w/|had|has|died))"
)
PLAIN = rf"(?:(?!(?:{ENDING})(?!\S))[^\s.;?]+\s+)"  # a word that does not end the scope
BEFORE = re.compile(
    rf"(?:{NEGATING}|{RELATIVE})\s+(?:(?:{HISTORY})\s+)*"
    rf"(?:{PLAIN}{{0,2}}|{PLAIN}{{0,6}}(?:(?:and/or|or|nor|and|,|/)\s+|(?<=,\ )){PLAIN}{{0,1}})$",
    re.IGNORECASE | re.VERBOSE,
)
"""Text up to a finding that negates it, or says that a relative has it.

The finding is the next word, or stands in the list that follows.
"""
AFTER = re.compile(
    r"\s*:?\s*(?:\w+\s+)?(?:(?:(?:is|was|were|has\ been|have\ been|been)\s+)?(?:ruled\ out|r/o'?d"
    r"|excluded|negative|neg|absent)|(?:is|was|were)\ not\ (?:seen|present|suspected|found))(?!\S)",
    re.IGNORECASE | re.VERBOSE,
)
"""Text behind a finding that negates it."""
PAST = r"(?<!\w)(?:s/p|status[ -]post|post|after|h/o|hx(?:\ of)?|history\ of|prior|previous|past)\ "
CUT_OUT = r"(?:resect\w*|excis\w*|(?:\w*lob|pneumon|segment)ectom\w*|wedge)"
GONE_BEFORE = re.compile(
    rf"{PAST}{PLAIN}{{0,3}}(?:(?:{CUT_OUT}|repair|removal)\ of|{CUT_OUT}\ (?:for|due\ to))"
    rf"\ {PLAIN}{{0,2}}$|\bresolved\ {PLAIN}{{0,1}}$",
    re.IGNORECASE | re.VERBOSE,
)
"""Text up to a finding that says it was cut out, taken out or repaired, or has resolved."""
PAST_BEFORE = re.compile(rf"{PAST}{PLAIN}{{0,3}}$", re.IGNORECASE | re.VERBOSE)
GONE_AFTER = re.compile(
    rf"(?<!fx)(?<!fracture)(?<!fractures)\ (?:\w+\ )?(?:repair\w*|remov\w*|{CUT_OUT})(?!\w)",
    re.IGNORECASE | re.VERBOSE,
)
"""Text behind a finding that names its treatment, as in "hernia repair".

It counts where ``PAST_BEFORE`` stands before the finding. A repaired fracture is still seen.
"""
RESOLVED = re.compile(r"\ (?:(?:has|have|now|since|is)\ )?resolved(?!\w|\s*\?)", re.IGNORECASE)
ASKED_AFTERWARDS = re.compile(r"\s*\?")
LONGEST = 120  # characters before a finding that are looked at


def is_negated(text: str, start: int, end: int) -> bool:
    """Whether the words of a span are negated, gone, or a relative's; never if ``?`` follows."""
    if ASKED_AFTERWARDS.match(text, end):
        return False
    before = text[max(start - LONGEST, 0) : start]
    return bool(
        BEFORE.search(before)
        or AFTER.match(text, end)
        or GONE_BEFORE.search(before)
        or RESOLVED.match(text, end)
        or (GONE_AFTER.match(text, end) and PAST_BEFORE.search(before))
    )
