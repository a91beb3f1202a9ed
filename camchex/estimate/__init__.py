"""Hours and memory of a configuration, from a few steps of every network."""
