"""Report text: its sections, and the clinical indication among them, cleaned."""

from camchex.reports.cleaning import clean_indication
from camchex.reports.sections import Section, split_sections

__all__ = ["Section", "clean_indication", "split_sections"]
