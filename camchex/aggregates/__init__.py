"""Aggregates that may be published: counts and scores whose small cells are hidden."""
