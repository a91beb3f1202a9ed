"""Scores of predictions, what they owe to the text of the indication, and the report."""
