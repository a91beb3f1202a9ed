"""The networks: an image classifier, a text encoder, their fusion, and the loss."""
