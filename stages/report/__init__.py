"""The report: one summary over all seeds, one page, and a card for each model."""
