"""Explanations: what moved the number of one finding in one study, and how well that is known."""
