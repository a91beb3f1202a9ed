"""Experiments beside the pipeline: each part of the model, and cohorts of other parameters."""
