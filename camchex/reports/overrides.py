"""Reports whose conclusion stands where no rule finds it."""

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class Override(NamedTuple):
    """Place of the conclusion of one report: a section of its own, or a range."""

    section: str | None  # name of the section that is the conclusion
    start: int | None  # code points before the conclusion; None: a section is the conclusion
    end: int | None  # code points before its end; 0: the report has no conclusion

    def before_conclusion(self, text: str) -> str:
        """Return the report as far as the range of its conclusion; whole without a range."""
        return text[: self.start] if self.end else text


@cache
def study_overrides() -> dict[str, Override]:
    """Read the overrides by study id.

    Source:
        ``study_overrides.csv`` holds facts of MIT-LCP/mimic-cxr, ``txt/section_parser.py``: 23
        studies with the section, and 31 with the characters, that a reader found.
    """
    found = {}
    with files("camchex.reports").joinpath("study_overrides.csv").open() as file:
        for row in csv.DictReader(file):
            start, end = (int(row[key]) if row[key] else None for key in ("start", "end"))
            found[row["study_id"]] = Override(row["section"] or None, start, end)
    return found
