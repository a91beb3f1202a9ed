"""Vital signs: which ED stay a study belongs to, what was measured there, and how it reads."""

from camchex.vitals.link import link_vitals
from camchex.vitals.text import vitals_text

__all__ = ["link_vitals", "vitals_text"]
