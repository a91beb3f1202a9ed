"""Invented patients as raw files in the layouts of the published data sets."""
