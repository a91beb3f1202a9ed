"""Contract between the stages: parameters, labels, tables, image stores, and how files are kept."""
