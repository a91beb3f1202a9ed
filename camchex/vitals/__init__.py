"""Vital signs: which ED stay a study belongs to, and what was measured there."""
