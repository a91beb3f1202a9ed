"""A small classifier of whole images: frontal or lateral, inverted, upside down."""
