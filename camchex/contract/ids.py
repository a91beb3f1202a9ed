"""What is an identifier, in published and in canonical tables alike."""

import pyarrow as pa
import pyarrow.compute as pc

MISSING = r"(?i)^(-?nan|nat|\(?null\)?|none|<na>|#?n/?a|#n/a n/a|-?1\.#(ind|qnan)|\\n)$"
"""Texts by which programs write that a value is missing: Arrow, pandas, C and databases."""
NO_ID = "|".join(
    (
        MISSING,
        r"^$",
        r"^\pZ|\pZ$",  # space of any kind around it
        r"\pC",  # characters that nobody sees: line breaks, zero-width spaces, marks
        r"(?i)^#(ref!|value!|div/0!|name\?|null!|num!)$",  # errors of spreadsheets
        r"^\d+\.0*$|^\d+([.,]\d*)?[eE][+-]\d+$|^\d+[.,]\d+[eE]\d+$",  # it went through a float
        r"(^|[/\\])\.\.?([/\\]|$)",  # a path to elsewhere
        r"(?s)^.{256}",  # no file can be named so
    )
)
ADVICE = (
    "an id: a text that stands for something, as published, without blanks around it. Export ids "
    "as text, not through a spreadsheet or a column of floats"
)


def no_ids(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Tell which texts are no identifiers; a null is none.

    Hospitals may name patients, studies and images as they like. What is refused stands for a
    missing value, would match no id of another table, or would match the id of somebody else.
    """
    return pc.fill_null(pc.match_substring_regex(values, NO_ID), fill_value=True)
