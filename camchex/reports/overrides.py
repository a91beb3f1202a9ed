"""Reports whose conclusion stands where no rule finds it, by study."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Override:
    """Where the conclusion of a report stands.

    Attributes:
        section: In the section of this name; None: in none of its own.
        start: Code points before it; None: a section holds it.
        end: Code points before its end; 0: the report has no conclusion.
    """

    section: str | None
    start: int | None
    end: int | None

    def before_conclusion(self, text: str) -> str:
        """The report as far as the range of its conclusion; whole where there is no range."""
        return text[: self.start] if self.end else text


@cache
def study_overrides() -> dict[str, Override]:
    """Override by study id.

    Source:
        ``study_overrides.csv`` holds facts of MIT-LCP/mimic-cxr, ``txt/section_parser.py``: 23
        studies with the section, and 31 with the characters, that a reader found.
    """
    with files("camchex.reports").joinpath("study_overrides.csv").open() as file:
        return {row["study_id"]: _override(row) for row in csv.DictReader(file)}


def _override(row: dict[str, str]) -> Override:
    start, end = (int(row[key]) if row[key] else None for key in ("start", "end"))
    return Override(row["section"] or None, start, end)
