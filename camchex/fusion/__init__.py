"""The study side of the networks: texts, the fusion of a whole study, and its training."""
