"""The image side of the networks, and the batches that they read."""
