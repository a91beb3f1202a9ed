"""Scores of predictions, with intervals, calibration and subgroups."""
