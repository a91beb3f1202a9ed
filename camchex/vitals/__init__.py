"""Vital signs: which ED stay a study belongs to, what was measured there, and how it reads."""
