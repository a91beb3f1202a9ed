"""Invented patients: an analytic chest, its X-rays, reports, vital signs and label tables."""
